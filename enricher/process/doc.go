// Package process is the enricher's step that knows processes.
//
// The sensor sends thin rows (pid, start time, cgroup) with most events and
// full ones when a process forks, executes a file or changes credentials. This
// step keeps the full ones in a table keyed by pid and start time, completes
// the thin ones from it, and gives every process that did something its
// ancestors.
//
// # Order
//
// Rows of a batch appear in its table in the order in which they were first
// used, so walking the events and applying each row before the first event
// that names it (or a later one) keeps the table as it was at that event: an
// ancestor that executes something else later in the batch is shown as what
// it was before to earlier events, and as what it is to later ones.
//
// # What is not seen
//
// Fork, exec and exit events can be lost. A process that is unknown when an
// event names it is read from /proc, as is one whose thread group leader has
// suddenly got another name and another executable; both are marked
// KNOWLEDGE_PROC. Where /proc knows nothing any more, a process with its
// parent's name is taken for a copy of the parent (KNOWLEDGE_INHERITED), and
// what remains is KNOWLEDGE_THIN. A lost exit is noticed when the pid is taken
// again or by the sweep, which compares the table with /proc now and then.
//
// # Parents
//
// Ancestors follow the parent as the kernel has it at the event. When a parent
// exits the kernel gives its children another one without saying so; the step
// notices the dead parent and asks /proc for the new one. Where the child has
// gone too, the parent of its fork stays, marked as exited: that is what is
// known, and says more than nothing.
//
// # Environments
//
// Batches hold those variables that are asked for, and say which those are. What
// is asked for only later is read from /proc, once for each process that an
// event names and for its ancestors; what is asked for no more is forgotten.
//
// # Keys
//
// A start time from /proc has a resolution of 10 ms, one from the kernel 1 ns.
// The table compares them at that of /proc; a pid cannot be taken twice within
// it.
package process
