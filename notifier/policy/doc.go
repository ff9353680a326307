// Package policy decides which detections a sink is told of, and when. What it
// holds back is still in the stream of detections: it is counted with the
// reason, and nobody is told of it.
//
// # The way to a sink
//
// Each sink has a [Chain] of its own. A detection goes through its steps in
// this order, and each step passes it on, answers for it, or holds it:
//
//	inhibit   another detection has said already what matters
//	silence   somebody said: not this, until then, because
//	route     the tree of routes says whether it is for this sink, and how
//	quiet     not at this time of the week
//	group     the first at once, then one roll-up for many
//	throttle  not more than so many, where a roll-up is one
//
// # Routes
//
// A detection enters the tree at the root and goes down to the first child
// that matches, and the next as well where that says continue; where no child
// matches, the route itself is where it ends. What a route does not say it
// has from its parent. The sinks of the routes where it ends are told, each
// once: of two routes with one sink the first one counts.
//
// # What is held
//
// A step that holds a detection has not answered for it: it is delivered
// again when this process dies, and so no roll-up is lost; a group then begins
// anew, with its first at once. At most [Config.MaxHeld] are held for a sink.
// When there are more, the largest group is rolled up early. What the other
// steps remember (how many came lately, what inhibits) goes with the process,
// which can only let more through than it should.
package policy
