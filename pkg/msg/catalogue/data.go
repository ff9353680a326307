package catalogue

import "sync"

func table() []*Event {
	n := -1
	t := make([]*Event, 1100)
	for _, e := range []*Event{
		{ID: 257, Name: "openat", NrX86: 257, NrI386: 295, NrArm64: 56, Params: []Param{{Name: "dirfd", Type: "int", Kind: FD}, {Name: "pathname", Type: "const char*", Kind: Path}, {Name: "flags", Type: "int", Kind: Flags}, {Name: "mode", Type: "mode_t", Kind: Mode}}},
		{ID: 101, Name: "ptrace", NrX86: 101, NrI386: 26, NrArm64: 117, Params: []Param{{Name: "request", Type: "long", Kind: Enum, Values: &Values{List: []Value{{"PTRACE_TRACEME", 0}}}}, {Name: "pid", Type: "pid_t", Kind: PID}, {Name: "addr", Type: "void*", Kind: Pointer}, {Name: "data", Type: "void*", Kind: Pointer}}},
		{ID: 1000, Name: "sched_process_fork", Class: Lifecycle, NrX86: n, NrI386: n, NrArm64: n},
		{ID: 1001, Name: "sched_process_exec", Class: Lifecycle, NrX86: n, NrI386: n, NrArm64: n},
		{ID: 1002, Name: "sched_process_exit", Class: Lifecycle, NrX86: n, NrI386: n, NrArm64: n},
	} {
		t[e.ID] = e
	}
	return t
}

var byID = sync.OnceValue(table)

var byName = sync.OnceValue(func() map[string]*Event {
	m := map[string]*Event{}
	for e := range All() {
		m[e.Name] = e
	}
	return m
})
