package catalogue

// ID is the stable number of an event.
type ID uint32

// Event describes one event.
type Event struct {
	ID     ID
	Name   string
	Class  Class
	Params []Param
	// Ret says what the result of a system call is when it did not fail: FD,
	// PID, UID, GID, Pointer, Mode, or Int for 0 or a count. A result from -4095
	// to -1 is an error, see [Errno].
	Ret Kind
	// Sets are the groups a user can ask for at once ("syscalls", "fs", "proc").
	Sets []string
	// NrX86, NrI386 and NrArm64 are system call numbers, -1 where there is none.
	// The i386 number is that of the call with the same arguments, so NrI386 of
	// getuid is i386's getuid32, and i386's own getuid is the event getuid16.
	NrX86, NrI386, NrArm64 int
	// NrX32 is the number of an x32 program without the bit that marks it; it
	// differs from NrX86 for the calls from 512 on. -1 where there is none.
	NrX32 int
	// Split32 has bit i set when argument i comes in two registers in an i386
	// call, low half first, which moves the arguments after it by one.
	Split32 uint64
	// Doc is one line for people.
	Doc string
}

// Param is one argument of an event.
type Param struct {
	Name string
	// Type is the C type, for people and for formats that carry it.
	Type string
	Kind Kind
	// Values names flags, enumerated numbers and signals; nil for other kinds.
	Values *Values
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

// InSet says whether the event belongs to the named set.
func (e *Event) InSet(set string) bool {
	for _, s := range e.Sets {
		if s == set {
			return true
		}
	}
	return false
}
