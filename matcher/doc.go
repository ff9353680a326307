// Package matcher is stage 3: it holds events against rules.
//
// Each [Language] (rego, golang, expr) compiles its files into a [Program];
// the matcher indexes the rules of all programs by event type, so an event
// that no rule names costs one look-up. Partitions of the event stream are
// shared out among the matchers; within one, a partition always goes to the
// same [Worker] goroutine, in order, so rules may keep state per partition.
//
// A batch is acknowledged when all detections it led to are stored. A batch
// delivered twice gives the same detection ids, which the stream removes.
//
// A rule that errors, panics or overruns its time is counted, reported once,
// and disabled past a limit; it never stops the others.
package matcher
