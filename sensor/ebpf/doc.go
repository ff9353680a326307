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
// Events that are derived (security_file_open, magic_write, mem_prot_alert)
// tell what the kernel did, from its own objects, under the names of its hooks.
// Most come of system calls: the program on their exit passes a call on, by a
// tail call, to the program of its family. What is gone by then is taken in the
// middle of the call, at tracepoints that few calls come by (the new name at an
// exec, a file's ctime at its removal, the lock of a process's memory at
// mprotect), for a program on the entry of calls would cost each of them half of
// what the one on their exit does. derivations.go has the table of events, calls
// and programs. A kernel that refuses one of these programs
// loses its events and nothing else, see [Source.Want]. Where user memory gave
// another name than the kernel has, the event says so (EVENT_FLAG_MISMATCH).
//
// Where the kernel lets programs be put on its functions (fentry) or security
// hooks (BPF LSM), those serve the events of that name, hooks.go. A hook is given
// the file, the socket, the area itself, so nothing another thread does to a
// descriptor or a name deceives it, and it sees what an io_uring does. Some tell
// all there is to tell, and nothing looks at the calls then (hookOnly in
// derivations.go): files opened, sockets made, bpf. Those events come when the
// hook has agreed, so their result is 0, not the descriptor that a tracepoint at
// the call's end would know, and an attempt that the kernel refused before it
// asked the hook is not told. Of the others (connect, bind, mount, names) the hook
// notes what it was given, and the call's end adds the result.
//
// A call's event has the paths of the directories that its descriptors stand for
// (msg.Event.Dirs), as they were at its end.
//
// # Order
//
// Lifecycle records have a ring of their own, so that a flood of system calls
// cannot evict them. Emitted events must nevertheless be in the order in which
// things happened: a process's exec before what the new image does, its last
// call before its exit. See the comment on reader for how the two rings are
// merged and why that is exact for each thread.
//
// # Floods
//
// A process that makes the same record again and again (hundreds of an event
// within 67 ms on one CPU) is told of by count: the kernel counts what is the
// same to the byte, but for the time, and the event says how many it stands for
// (msg.Event.Count), about ten times a second and before the process ends or
// becomes another program. What a flooding process does that is not the same
// may take half of the ring; the other half is for everybody else. See
// bpf/include/flood.h and folds.go.
//
// # Scope
//
// Whose events are made is decided by the programs, before there is a record:
// see [Scope], docs/scope.md and bpf/include/scope.h.
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
