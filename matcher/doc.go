// Package matcher is stage 3: it holds events against rules.
//
// Each [Language] (rego, golang, expr) compiles its files into a [Program];
// the matcher indexes the rules of all programs by event type, so an event
// that no rule names costs one look-up. A language may know of the rules for an
// event which have nothing to do with it ([Chooser]): these are not asked, so
// that many rules cost little more than few. Partitions of the event stream are
// shared out among the matchers; within one, a partition always goes to the
// same [Worker] goroutine, in order, so rules may keep state per partition.
//
// # Delivery
//
// A batch is acknowledged when all detections it led to are stored. A batch
// delivered twice gives the same detection ids, which the stream removes, and
// is evaluated once as long as the partition stays here, so rules that count
// are not misled: the type stream says how.
//
// When a partition comes from elsewhere, what rules remember of it is made anew
// from the stream: its batches are read back for the longest [Rule.Window], and
// the detections of these rules with them, see [Event.Replayed]. The stream must
// keep events for that long.
//
// # Loss
//
// What was lost on the way is counted where it was lost and travels in the
// batches; a gap in a partition is counted here. Past a threshold it becomes a
// detection of the rule "tripline-events-lost", once for each host and stretch
// of time.
//
// # Rules
//
// Rules come from directories and files, and from what is built in; see
// [Load]. While the matcher runs, files are watched, and a change makes a new
// [Ruleset], which each worker takes up before its next batch. A language none
// of whose files have changed keeps its program, its workers and so what its
// rules remember; in one that has changed, rules start afresh. A file that has
// become bad is reported, and its last good version stays in force.
//
// # Guard
//
// A rule that errors, panics or overruns its time is counted, reported once,
// and disabled past a limit until its file changes; it never stops the others.
package matcher
