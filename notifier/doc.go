// Package notifier is stage 4: it tells people.
//
// Every configured [Sink] reads the detections through a durable consumer of
// its own, so a slow or dead sink never delays another. A detection is
// acknowledged after the sink has taken it; one that a sink refuses for good,
// or for too long, becomes a dead letter with the reason.
//
// # Order and repetition
//
// A sink gets detections one at a time, in the order in which they were
// stored, and the next one only when the last was delivered or buried. It gets
// a detection again when its success was not heard of: [msg.Detection.ID] is
// the same then, and receivers that care can tell. What was delivered lately
// and comes again within the life of the process is not delivered twice.
//
// # Late knowledge
//
// Of a container that has just begun not everything may be known when a rule
// speaks. With [Notifier.Follow], detections that wait to be told, in the queue,
// for a roll-up or for another try, are given what becomes known meanwhile. None
// waits for it: one that goes out before says that its container is partial or
// none. The output line is the rule's and stays.
//
// # Failure
//
// A sink's error says by [Retryable] whether to try again. Tries are spaced by
// a back-off with jitter, or by what the receiver asked for ([RetryAfter]) if
// that is longer. When a sink has failed without a success in between for
// [Config.GiveUp], it counts as dead: what it refuses from then on is tried
// once and buried, so the queue of a dead sink does not grow for ever and the
// first success brings it back. A detection whose burial fails too goes back to
// where it came from.
package notifier
