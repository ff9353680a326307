package catalogue

import "sync"

func table() []*Event {
	n := -1
	t := make([]*Event, 1100)
	for _, e := range []*Event{
		{ID: 257, Name: "openat", NrX86: 257, NrI386: 295, NrArm64: 56, Params: []Param{{Name: "dirfd", Type: "int", Kind: FD}, {Name: "pathname", Type: "const char*", Kind: Path}, {Name: "flags", Type: "int", Kind: Flags}, {Name: "mode", Type: "mode_t", Kind: Mode}}},
		{ID: 101, Name: "ptrace", NrX86: 101, NrI386: 26, NrArm64: 117, Params: []Param{{Name: "request", Type: "long", Kind: Enum, Values: &Values{List: []Value{{"PTRACE_TRACEME", 0}}}}, {Name: "pid", Type: "pid_t", Kind: PID}, {Name: "addr", Type: "void*", Kind: Pointer}, {Name: "data", Type: "void*", Kind: Pointer}}},
		{ID: 1000, Name: "sched_process_fork", Class: Lifecycle, NrX86: n, NrI386: n, NrArm64: n, Params: []Param{{Name: "parent_tid", Type: "int", Kind: PID}, {Name: "parent_ns_tid", Type: "int", Kind: PID}, {Name: "parent_pid", Type: "int", Kind: PID}, {Name: "parent_ns_pid", Type: "int", Kind: PID}, {Name: "child_tid", Type: "int", Kind: PID}, {Name: "child_ns_tid", Type: "int", Kind: PID}, {Name: "child_pid", Type: "int", Kind: PID}, {Name: "child_ns_pid", Type: "int", Kind: PID}, {Name: "start_time", Type: "unsigned long", Kind: Uint}}},
		{ID: 1001, Name: "sched_process_exec", Class: Lifecycle, NrX86: n, NrI386: n, NrArm64: n, Params: []Param{{Name: "cmdpath", Type: "const char*", Kind: Path}, {Name: "pathname", Type: "const char*", Kind: Path}, {Name: "dev", Type: "dev_t", Kind: Device}, {Name: "inode", Type: "unsigned long", Kind: Uint}, {Name: "ctime", Type: "unsigned long", Kind: Uint}, {Name: "inode_mode", Type: "umode_t", Kind: Mode}, {Name: "interp", Type: "const char*", Kind: Path}, {Name: "stdin_type", Type: "umode_t", Kind: Mode}, {Name: "argv", Type: "const char*const*", Kind: Strings}, {Name: "env", Type: "const char*const*", Kind: Strings}}},
		{ID: 1002, Name: "sched_process_exit", Class: Lifecycle, NrX86: n, NrI386: n, NrArm64: n, Params: []Param{{Name: "exit_code", Type: "long", Kind: Int}, {Name: "process_group_exit", Type: "bool", Kind: Bool}}},
		{ID: 1003, Name: "cgroup_mkdir", Class: Lifecycle, NrX86: n, NrI386: n, NrArm64: n, Params: []Param{{Name: "cgroup_id", Type: "u64", Kind: Uint}, {Name: "cgroup_path", Type: "const char*", Kind: Path}, {Name: "hierarchy_id", Type: "u32", Kind: Uint}}},
		{ID: 1004, Name: "cgroup_rmdir", Class: Lifecycle, NrX86: n, NrI386: n, NrArm64: n, Params: []Param{{Name: "cgroup_id", Type: "u64", Kind: Uint}, {Name: "cgroup_path", Type: "const char*", Kind: Path}, {Name: "hierarchy_id", Type: "u32", Kind: Uint}}},
		{ID: 1005, Name: "cgroup_attach_task", Class: Lifecycle, NrX86: n, NrI386: n, NrArm64: n, Params: []Param{{Name: "cgroup_id", Type: "u64", Kind: Uint}, {Name: "cgroup_path", Type: "const char*", Kind: Path}, {Name: "hierarchy_id", Type: "u32", Kind: Uint}, {Name: "comm", Type: "const char*", Kind: String}, {Name: "pid", Type: "int", Kind: PID}}},
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
