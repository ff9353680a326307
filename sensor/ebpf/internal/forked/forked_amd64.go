package forked

// plain is struct clone_args for a process that tells its parent of its end
// (SIGCHLD) and in which signals do what they do by default
// (CLONE_CLEAR_SIGHAND): Go's handlers must not run there.
//
//nolint:unused // the assembly uses it
var plain = [8]uint64{0: 1 << 32, 4: 17}

// Exit makes a call that makes a process; the new process ends at once. It
// returns what the call returned here, negative for an error.
//
//go:noescape
func Exit(nr, a1, a2, a3, a4, a5, a6 uintptr) int

// Call makes a process that makes the call nr, and then ends if the call comes
// back. It returns the pid of the process, which is to be waited for.
//
//go:noescape
func Call(nr, a1, a2, a3, a4, a5, a6 uintptr) int

// Call32 is Call for the call nr of the i386 table.
//
//go:noescape
func Call32(nr, a1, a2, a3, a4, a5, a6 uintptr) int
