// Package catalogue names the events that Tripline knows, with their
// arguments, types and the names of their flags.
//
// Ids are part of the contract: a system call's id is its x86-64 number, the
// calls of other architectures that x86-64 lacks follow from 600, everything
// that is not a system call starts at 1000.
package catalogue

import "iter"

// ID is the stable number of an event.
type ID uint32

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

// Param is one argument of an event.
type Param struct {
	Name string
	// Type is the C type as the kernel's tracepoint formats spell it.
	Type string
	Kind Kind
	// Values names flags and enumerated numbers; nil for other kinds.
	Values *Values
}

// Event describes one event.
type Event struct {
	ID     ID
	Name   string
	Class  Class
	Params []Param
	// Sets are the groups a user can ask for at once ("syscalls", "fs", "proc").
	Sets []string
	// NrX86, NrI386 and NrArm64 are system call numbers, -1 where there is none.
	NrX86, NrI386, NrArm64 int
	// Doc is one line for people.
	Doc string
}

// Param returns the position of the named argument, or -1.
func (e *Event) Param(name string) int {
	for i := range e.Params {
		if e.Params[i].Name == name {
			return i
		}
	}
	return -1
}

// Lookup finds an event by name.
func Lookup(name string) (*Event, bool) {
	e, ok := byName()[name]
	return e, ok
}

// ByID returns the event with this id, or nil.
func ByID(id ID) *Event {
	t := byID()
	if int(id) < len(t) {
		return t[id]
	}
	return nil
}

// MaxID bounds the ids: tables indexed by id have this size.
func MaxID() ID { return ID(len(byID())) }

// All yields every event in order of id.
func All() iter.Seq[*Event] {
	return func(yield func(*Event) bool) {
		for _, e := range byID() {
			if e != nil && !yield(e) {
				return
			}
		}
	}
}
