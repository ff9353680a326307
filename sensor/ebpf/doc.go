// Package ebpf is the source of events that watches the running kernel.
//
// The programs are in bpf/ at the top of the repository and are embedded here
// as one object; the layout of their records is in bpf/include/record.h, which
// this package includes too, so there is one definition of it.
//
// # What is recorded
//
// Processes (fork, exec, exit, and those that existed before) and control
// groups always; system calls and other events when somebody wants them
// ([Source.Want]). A byte for each system call number, in memory that the
// programs and this package share, says whether it is wanted: turning an event
// on or off is one store. While no system call is wanted at all, the programs
// on their entry and exit are not attached.
//
// # Order
//
// Lifecycle records have a ring of their own, so that a flood of system calls
// cannot evict them. Emitted events must nevertheless be in the order in which
// things happened: a process's exec before what the new image does, its last
// call before its exit. See the comment on reader for how the two rings are
// merged and why that is exact for each thread.
//
// # Loss
//
// The kernel side never waits. A record that finds its ring full is counted by
// its event's id; [Source.Drops] returns the counts.
//
// # Building
//
// The package needs cgo, libbpf 1.4, libelf, zlib and zstd. Without cgo it
// compiles to a [New] that says so.
package ebpf
