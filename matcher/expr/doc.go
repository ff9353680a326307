// Package expr is the rule language of YAML files: Falco's, whose conditions
// are given by `condition:`, and expr's own expressions over the same fields,
// given by `expr:`. Both become programs of expr's virtual machine.
//
// A comparison of a condition becomes one function without arguments, an atom,
// that reads its fields from the worker's current event; and, or and not are
// expr's. So every worker compiles a set of programs of its own, since atoms
// hold on to its event. Atoms that several rules share are made once.
//
// Most rules have nothing to do with most events, and which ones follows from
// single values: the program's name, the file's. A screen remembers for each
// value seen which rules it leaves possible, and for the processes of a batch
// what all that is known of them does; only the rules that are left are asked
// ([matcher.Chooser]), see [screen]. What is asked of a text is answered once as
// long as the text is remembered, whichever rules ask; see [column].
//
// A rule may be about several events. With a threshold,
//
//	threshold:
//	  count: 100          # how many events, from 2
//	  distinct: fd.name   # instead of events, how many values of this; optional
//	  within: 10s         # between the first and the last, up to 24h
//	  by: [proc.pid]      # what they have in common; optional
//
// the events for which the condition holds are counted, in groups of the
// fields under by, and the event that completes the number is the finding; the
// group then starts anew. A record of a flood that stands for several identical
// events counts as that many, and is one finding. An absent value under by is a
// value like any other; an event without a value of distinct is not counted. The time is that of the
// events, so that what is replayed is found as it was. Such rules see every
// event, whatever rule_matching says, and keep none from others.
//
// With a sequence in the place of its condition, a rule is about events that
// happen one after another:
//
//	sequence:
//	  within: 5m          # from the first to the last event
//	  by: [fd.name]       # what they have in common; optional
//	  steps:
//	    - condition: …    # or expr
//	      note: "…"       # told with the finding
//	    - condition: …
//	      by: [proc.exe]  # as many as under by above
//	    - condition: …
//	      absent: true    # must not happen: in between or, as the last step,
//	      within: 10s     # for so long after the last event
//
// The last event that happens is the finding. What must not follow is waited
// for by the time of the host's events ([matcher.Timer]); the finding is then
// about the event before and has that event's id.
//
// What such rules remember belongs to one partition, and groups to one host.
// Their memory is bounded by [Config.MaxState] and [Config.MaxStateBytes]; what
// goes for that reason is counted by [Program.Evicted] and logged.
// [matcher.Rule.Window] says how far back they look, so that a new owner of a
// partition can remember what the one before did.
//
// What is known and accepted for a time is suppressed with the reason:
//
//	suppress:
//	  - condition: proc.name = borg     # a condition, or
//	    fields: {proc.pname: [a, b]}    # what fields must be, all of them
//	    until: 2030-12-31               # the last day, in UTC; or a time
//	    reason: the nightly backup
//
// An event before until for which one of them holds is no finding and is not
// counted by a threshold. After that the rule finds again, and loading warns.
//
// The language itself is in the folder falco: its parser, its fields, what its
// operators mean, how files are put together and how outputs are rendered.
package expr
