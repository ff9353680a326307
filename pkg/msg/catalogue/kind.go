package catalogue

import "strconv"

// Kind says what an argument's word in msg.Event.Args means.
type Kind uint8

const (
	// Int is a signed number, Uint an unsigned one (two's complement in the word).
	Int Kind = iota
	Uint
	// Pointer is an address in the process.
	Pointer
	// FD is a file descriptor, also AT_FDCWD.
	FD
	// Flags is a set of named bits, Enum one of several named numbers; Param.Values names them.
	Flags
	Enum
	// Mode is a file mode; PID a process id in the caller's namespace; Signal a signal number.
	Mode
	PID
	Signal
	// UID and GID are user and group ids; Device is a kernel device number.
	UID
	GID
	Device
	// Bool is 0 or 1.
	Bool
	// String and Path index Batch.strings.
	String
	Path
	// Bytes indexes Batch.blobs.
	Bytes
	// Strings indexes Batch.lists (argv, envp).
	Strings
	// SockAddr indexes Batch.addresses.
	SockAddr
	// Cred indexes Batch.credentials.
	Cred
)

// String is the word that the source files and `events describe` use.
func (k Kind) String() string {
	names := [...]string{
		"int", "uint", "pointer", "fd", "flags", "enum", "mode", "pid", "signal", "uid", "gid",
		"device", "bool", "string", "path", "bytes", "strings", "sockaddr", "cred",
	}
	if int(k) < len(names) {
		return names[k]
	}
	return "kind-" + strconv.Itoa(int(k))
}

// Class groups events by what it takes to get them and how precious they are.
type Class uint8

const (
	// Syscall events come from the generic system call programs.
	Syscall Class = iota
	// Lifecycle events (fork, exec, exit, cgroups, containers) are always on.
	Lifecycle
	// Security events are kernel-side truths derived by programs of their own.
	Security
	// Network events are facts about sockets and packets.
	Network
)

// String is the word that the source files and `events list` use.
func (c Class) String() string {
	names := [...]string{"syscall", "lifecycle", "security", "network"}
	if int(c) < len(names) {
		return names[c]
	}
	return "class-" + strconv.Itoa(int(c))
}
