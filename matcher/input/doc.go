// Package input reads events that were written down, for rules to be held
// against without a kernel or a server.
//
// # Formats
//
//   - JSON, one event a line: Tracee's, as tracee-ebpf 0.7 writes it with
//     --output json (later versions too, as far as the fields are the same),
//     and Tripline's own, [msg.EventJSON], as `tripline tail -o json` prints
//     it. Lines of both kinds may be mixed.
//   - gob: the bare stream of trace.Event that tracee-ebpf 0.7 writes with
//     --output gob, see [github.com/tripline/tripline/pkg/detect/trace.RegisterGob].
//
// Both become a [msg.Batch] whose arguments are typed as the catalogue says,
// so that rules see the same whatever the events came in: names of flags turn
// into numbers again, socket addresses into addresses, and numbers that Tracee
// was not asked to name are named.
//
// # What is lost
//
// A line that cannot be read is reported with its number, counted and skipped,
// and so is a gob message. An event that the catalogue does not know has no
// place in a batch and is counted by name. An argument that the catalogue does
// not have, or whose value is none it can have, is counted and left out.
//
// # Processes
//
// Tracee's events name the process and its parent by number only. What the
// stream tells of programs being started is remembered, so that rules about
// command lines and ancestors work on such a stream from there on. Where it
// tells of connections and of copied descriptors but not of copied connections
// (socket_dup), those events are added.
package input
