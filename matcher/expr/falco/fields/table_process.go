package fields

import "github.com/tripline/tripline/pkg/msg"

// processFields are about the process and the thread that did it.
func processFields() []Def {
	return []Def{
		{
			Name: "proc.exe", Type: typeOf("string"),
			Doc:  "Argv[0] as given at exec",
			From: "Process.args[0]", bind: str(of(self, exe0)),
		},
		{
			Name: "proc.pexe", Type: typeOf("string"),
			Doc:  "Argv[0] of the parent process",
			From: "the parent's Process.args[0]", bind: str(of(parent, exe0)),
		},
		{
			Name: "proc.aexe", Type: typeOf("string"), Arg: Index, Flags: NoRight | NoTransform | Each,
			Doc:  "Argv[0] of an ancestor; without index: any ancestor",
			From: "Process.ancestors", bind: ancestorText(exe0),
		},
		{
			Name: "proc.exepath", Type: typeOf("string"),
			Doc:  "Resolved path of the executable",
			From: "Process.exe.path", bind: str(of(self, exePath)),
		},
		{
			Name: "proc.pexepath", Type: typeOf("string"),
			Doc:  "Resolved executable path of the parent",
			From: "the parent's Process.exe.path", bind: str(of(parent, exePath)),
		},
		{
			Name: "proc.aexepath", Type: typeOf("string"), Arg: Index, Flags: NoRight | NoTransform | Each,
			Doc:  "Resolved executable path of an ancestor; without index: any ancestor",
			From: "Process.ancestors", bind: ancestorText(exePath),
		},
		{
			Name: "proc.name", Type: typeOf("string"),
			Doc:  "Kernel comm of the process (max 15 characters)",
			From: "Process.comm", bind: str(of(self, comm)),
		},
		{
			Name: "proc.pname", Type: typeOf("string"),
			Doc:  "Comm of the parent; absent when the parent is unknown",
			From: "the parent's Process.comm", bind: str(of(parent, comm)),
		},
		{
			Name: "proc.aname", Type: typeOf("string"), Arg: Index, Flags: NoRight | NoTransform | Each,
			Doc:  "Comm of an ancestor (0 is the process itself); without index: any ancestor, self excluded",
			From: "Process.ancestors", bind: ancestorText(comm),
		},
		{
			Name: "proc.args", Type: typeOf("string"), Arg: Index,
			Doc:  "Arguments after argv[0] joined by spaces, or one of them by zero-based index; empty string when none",
			From: "Process.args", bind: procArgs,
		},
		{
			Name: "proc.aargs", Type: typeOf("string"), Arg: Index,
			Doc:  "Arguments of an ancestor; without index: all ancestors' arguments joined (one string)",
			From: "Process.ancestors", bind: ancestorArgs,
		},
		{
			Name: "proc.cmdline", Type: typeOf("string"),
			Doc:  "Comm followed by the arguments",
			From: "Process.comm and args", bind: str(of(self, (*Event).cmdline)),
		},
		{
			Name: "proc.pcmdline", Type: typeOf("string"),
			Doc:  "Proc.cmdline of the parent",
			From: "the parent's Process.comm and args", bind: str(of(parent, (*Event).cmdline)),
		},
		{
			Name: "proc.acmdline", Type: typeOf("string"), Arg: Index, Flags: NoRight | NoTransform | Each,
			Doc:  "Proc.cmdline of an ancestor; without index: any ancestor",
			From: "Process.ancestors", bind: ancestorText((*Event).cmdline),
		},
		{
			Name: "proc.cmdnargs", Type: typeOf("uint64"),
			Doc:  "Number of arguments after argv[0]",
			From: "Process.args", bind: num(ofNum(self, argCount)),
		},
		{
			Name: "proc.cmdlenargs", Type: typeOf("uint64"),
			Doc:  "Sum of the lengths of those arguments",
			From: "Process.args", bind: num(ofNum(self, argLength)),
		},
		{
			Name: "proc.exeline", Type: typeOf("string"),
			Doc:  "Argv[0] followed by the arguments",
			From: "Process.args", bind: str(of(self, exeLine)),
		},
		{
			Name: "proc.env", Type: typeOf("string"), Arg: Key,
			Doc:  "Whole environment as text, or the value of one variable; empty string when unset",
			From: "Process.env", bind: procEnv,
		},
		{
			Name: "proc.aenv", Type: typeOf("string"), Arg: IndexOrKey, Flags: NoRight | NoTransform | Each,
			Doc:  "Ancestor environment: any ancestor, one level [N], or first ancestor that sets [NAME] (20 levels)",
			From: "Process.ancestors", bind: ancestorEnv,
		},
		{
			Name: "proc.cwd", Type: typeOf("string"),
			Doc:  "Working directory (with trailing slash)",
			From: "Process.cwd", bind: str(of(self, cwd)),
		},
		{
			Name: "proc.loginshellid", Type: typeOf("int64"),
			Doc:  "Pid of the oldest ancestor-or-self whose comm ends in 'sh'",
			From: "Process.ancestors", bind: num((*Event).loginShell),
		},
		{
			Name: "proc.tty", Type: typeOf("uint32"),
			Doc:  "Controlling terminal device number; 0 when none",
			From: "Process.tty", bind: num(ofNum(self, tty)),
		},
		{
			Name: "proc.pid", Type: typeOf("int64"),
			Doc:  "Process id",
			From: "Process.pid", bind: num(ofNum(self, pid)),
		},
		{
			Name: "proc.ppid", Type: typeOf("int64"),
			Doc:  "Parent process id",
			From: "Process.ppid", bind: num(ofNum(self, ppid)),
		},
		{
			Name: "proc.apid", Type: typeOf("int64"), Arg: Index, Flags: NoRight | NoTransform | Each,
			Doc:  "Pid of an ancestor; without index: any ancestor in filters, self in outputs",
			From: "Process.ancestors", bind: ancestorNum(pid),
		},
		{
			Name: "proc.vpid", Type: typeOf("int64"),
			Doc:  "Pid inside the innermost pid namespace",
			From: "Process.ns_pid", bind: num(ofNum(self, nsPID)),
		},
		{
			Name: "proc.pvpid", Type: typeOf("int64"),
			Doc:  "Parent's pid inside its innermost pid namespace",
			From: "the parent's Process.ns_pid", bind: num(ofNum(parent, nsPID)),
		},
		{
			Name: "proc.sid", Type: typeOf("int64"),
			Doc:  "Session id",
			From: "Process.sid", bind: num(ofNum(self, sid)),
		},
		{
			Name: "proc.sname", Type: typeOf("string"),
			Doc:  "Comm of the session leader",
			From: "the leader, when it is an ancestor", bind: str(of(sessionLeader, comm)),
		},
		{
			Name: "proc.sid.exe", Type: typeOf("string"),
			Doc:  "Argv[0] of the session leader",
			From: "the leader, when it is an ancestor", bind: str(of(sessionLeader, exe0)),
		},
		{
			Name: "proc.sid.exepath", Type: typeOf("string"),
			Doc:  "Executable path of the session leader",
			From: "the leader, when it is an ancestor", bind: str(of(sessionLeader, exePath)),
		},
		{
			Name: "proc.vpgid", Type: typeOf("int64"),
			Doc:  "Process group id inside the pid namespace",
			From: "Process.ns_pgid", bind: num(ofNum(self, nsPgid)),
		},
		{
			Name: "proc.vpgid.name", Type: typeOf("string"),
			Doc:  "Comm of the (namespace) process-group leader",
			From: "the leader, when it is an ancestor", bind: str(of(groupLeader, comm)),
		},
		{
			Name: "proc.vpgid.exe", Type: typeOf("string"),
			Doc:  "Argv[0] of the (namespace) process-group leader",
			From: "the leader, when it is an ancestor", bind: str(of(groupLeader, exe0)),
		},
		{
			Name: "proc.vpgid.exepath", Type: typeOf("string"),
			Doc:  "Executable path of the (namespace) process-group leader",
			From: "the leader, when it is an ancestor", bind: str(of(groupLeader, exePath)),
		},
		{
			Name: "proc.pgid", Type: typeOf("int64"),
			Doc:  "Process group id as the host sees it",
			From: "Process.pgid", bind: num(ofNum(self, pgid)),
		},
		{
			Name: "proc.pgid.name", Type: typeOf("string"),
			Doc:  "Comm of the host-view process-group leader",
			From: "the leader, when it is an ancestor", bind: str(of(groupLeader, comm)),
		},
		{
			Name: "proc.pgid.exe", Type: typeOf("string"),
			Doc:  "Argv[0] of the host-view process-group leader",
			From: "the leader, when it is an ancestor", bind: str(of(groupLeader, exe0)),
		},
		{
			Name: "proc.pgid.exepath", Type: typeOf("string"),
			Doc:  "Executable path of the host-view process-group leader",
			From: "the leader, when it is an ancestor", bind: str(of(groupLeader, exePath)),
		},
		{
			Name: "proc.duration", Type: typeOf("duration"), Flags: OfEvent,
			Doc:  "Nanoseconds since the process was cloned; absent if unknown",
			From: "Event.time, Batch.boot_time, Process.start_time", bind: num(age(self)),
		},
		{
			Name: "proc.ppid.duration", Type: typeOf("duration"), Flags: OfEvent,
			Doc:  "Nanoseconds since the parent was cloned",
			From: "as proc.duration", bind: num(age(parent)),
		},
		{
			Name: "proc.pid.ts", Type: typeOf("duration"),
			Doc:  "Clone time of the process (epoch ns)",
			From: "Batch.boot_time, Process.start_time", bind: num(ofNum(self, startTime)),
		},
		{
			Name: "proc.ppid.ts", Type: typeOf("duration"),
			Doc:  "Clone time of the parent (epoch ns)",
			From: "as proc.pid.ts", bind: num(ofNum(parent, startTime)),
		},
		{
			Name: "proc.is_exe_writable", Type: typeOf("bool"),
			Doc:  "True if the executable file is writable by the user that runs it",
			From: "Process.exe.writable", bind: boolean(ofExe((*msg.Executable).GetWritable)),
		},
		{
			Name: "proc.is_exe_upper_layer", Type: typeOf("bool"),
			Doc:  "True if the executable sits in an overlayfs upper layer",
			From: "Process.exe.upper_layer", bind: boolean(ofExe((*msg.Executable).GetUpperLayer)),
		},
		{
			Name: "proc.is_exe_lower_layer", Type: typeOf("bool"),
			Doc:  "True if the executable sits in an overlayfs lower layer",
			From: "Process.exe.lower_layer", bind: boolean(ofExe((*msg.Executable).GetLowerLayer)),
		},
		{
			Name: "proc.is_exe_from_memfd", Type: typeOf("bool"),
			Doc:  "True if the executable lives in a memfd",
			From: "Process.exe.memfd", bind: boolean(ofExe((*msg.Executable).GetMemfd)),
		},
		{
			Name: "proc.is_sid_leader", Type: typeOf("bool"),
			Doc:  "True if the process leads its session (sid equals vpid)",
			From: "Process.ns_sid and ns_pid", bind: yes((*Event).isSessionLeader),
		},
		{
			Name: "proc.is_vpgid_leader", Type: typeOf("bool"),
			Doc:  "True if the process leads its group (vpgid equals vpid)",
			From: "Process.ns_pgid and ns_pid", bind: yes((*Event).isNsGroupLeader),
		},
		{
			Name: "proc.is_pgid_leader", Type: typeOf("bool"),
			Doc:  "True if the process leads its host-view group (pgid equals pid)",
			From: "Process.pgid and pid", bind: yes((*Event).isGroupLeader),
		},
		{
			Name: "proc.exe_ino", Type: typeOf("int64"),
			Doc:  "Inode number of the executable; absent when 0",
			From: "Process.exe.inode", bind: num((*Event).exeInode),
		},
		{
			Name: "proc.exe_ino.ctime", Type: typeOf("time"),
			Doc:  "Inode change time of the executable (epoch ns)",
			From: "Process.exe.ctime", bind: num((*Event).exeCtime),
		},
		{
			Name: "proc.exe_ino.mtime", Type: typeOf("time"),
			Doc:  "Inode modification time of the executable (epoch ns)",
			From: "Process.exe.mtime", bind: num((*Event).exeMtime),
		},
		{
			Name: "proc.exe_ino.ctime_duration_proc_start", Type: typeOf("time"),
			Doc:  "Ns between executable ctime and process clone",
			From: "Process.exe.ctime, start_time", bind: num((*Event).exeAge),
		},
		{
			Name: "proc.exe_ino.ctime_duration_pidns_start", Type: typeOf("time"),
			Doc:  "Ns between pid-namespace start and executable ctime, when the namespace is older",
			From: "Process.exe.ctime, Container.start_time", bind: num((*Event).exeAfterContainer),
		},
		{
			Name: "proc.pidns_init_start_ts", Type: typeOf("uint64"),
			Doc:  "Start time of the pid namespace (epoch ns)",
			From: "Container.start_time", bind: num((*Event).containerStart),
		},
		{
			Name: "thread.cap_permitted", Type: typeOf("string"),
			Doc:  "Permitted capability names separated by spaces",
			From: "Process.cred.cap_permitted", bind: str(capabilities((*msg.Credentials).GetCapPermitted)),
		},
		{
			Name: "thread.cap_inheritable", Type: typeOf("string"),
			Doc:  "Inheritable capability names separated by spaces",
			From: "Process.cred.cap_inheritable", bind: str(capabilities((*msg.Credentials).GetCapInheritable)),
		},
		{
			Name: "thread.cap_effective", Type: typeOf("string"),
			Doc:  "Effective capability names separated by spaces",
			From: "Process.cred.cap_effective", bind: str(capabilities((*msg.Credentials).GetCapEffective)),
		},
		{
			Name: "proc.fdopencount", Type: typeOf("uint64"),
			Doc:     "Open descriptor count",
			Missing: "descriptors are not counted",
		},
		{
			Name: "proc.fdlimit", Type: typeOf("int64"),
			Doc:     "Descriptor limit",
			Missing: "descriptors are not counted",
		},
		{
			Name: "proc.fdusage", Type: typeOf("double"),
			Doc:     "Open descriptors as a share of the limit",
			Missing: "descriptors are not counted",
		},
		{
			Name: "proc.vmsize", Type: typeOf("uint64"),
			Doc:     "Virtual memory size, kB",
			Missing: "memory use is not recorded with events",
		},
		{
			Name: "proc.vmrss", Type: typeOf("uint64"),
			Doc:     "Resident memory, kB",
			Missing: "memory use is not recorded with events",
		},
		{
			Name: "proc.vmswap", Type: typeOf("uint64"),
			Doc:     "Swapped memory, kB",
			Missing: "memory use is not recorded with events",
		},
		{
			Name: "thread.pfmajor", Type: typeOf("uint64"),
			Doc:     "Major page faults since thread start",
			Missing: "memory use is not recorded with events",
		},
		{
			Name: "thread.pfminor", Type: typeOf("uint64"),
			Doc:     "Minor page faults since thread start",
			Missing: "memory use is not recorded with events",
		},
		{
			Name: "thread.tid", Type: typeOf("int64"), Flags: OfEvent,
			Doc:  "Thread id",
			From: "Event.tid", bind: num((*Event).tid),
		},
		{
			Name: "thread.ismain", Type: typeOf("bool"), Flags: OfEvent,
			Doc:  "True for the thread-group leader",
			From: "Event.tid and Process.pid", bind: yes((*Event).isMain),
		},
		{
			Name: "thread.vtid", Type: typeOf("int64"), Flags: OfEvent,
			Doc:  "Thread id inside its pid namespace",
			From: "Event.ns_tid", bind: num((*Event).nsTID),
		},
		{
			Name: "thread.nametid", Type: typeOf("string"), Flags: OfEvent,
			Doc:  "Comm followed by tid",
			From: "Event.comm and tid", bind: str((*Event).nameTID),
		},
		{
			Name: "thread.exectime", Type: typeOf("duration"),
			Doc:     "CPU time of the last scheduled slice (switch events only, else 0)",
			Missing: "CPU time is not recorded with events",
		},
		{
			Name: "thread.totexectime", Type: typeOf("duration"),
			Doc:     "Accumulated CPU time (switch events only)",
			Missing: "CPU time is not recorded with events",
		},
		{
			Name: "thread.cgroups", Type: typeOf("string"),
			Doc:  "All cgroups as subsystem=path pairs",
			From: "Process.cgroup, of the one hierarchy that is recorded", bind: str(of(self, cgroup)),
		},
		{
			Name: "thread.cgroup", Type: typeOf("string"), Arg: Dot, Flags: NeedArg,
			Doc:  "Cgroup path for the subsystem named in the suffix",
			From: "as thread.cgroups, for every subsystem", bind: str(of(self, cgroup)),
		},
		{
			Name: "proc.nthreads", Type: typeOf("uint64"),
			Doc:     "Live threads in the process, leader included",
			Missing: "threads are not counted",
		},
		{
			Name: "proc.nchilds", Type: typeOf("uint64"),
			Doc:     "Live threads other than the leader",
			Missing: "threads are not counted",
		},
		{
			Name: "thread.cpu", Type: typeOf("double"),
			Doc:     "CPU use in the last interval (process-info events only)",
			Missing: "CPU time is not recorded with events",
		},
		{
			Name: "thread.cpu.user", Type: typeOf("double"),
			Doc:     "User CPU use in the last interval",
			Missing: "CPU time is not recorded with events",
		},
		{
			Name: "thread.cpu.system", Type: typeOf("double"),
			Doc:     "System CPU use in the last interval",
			Missing: "CPU time is not recorded with events",
		},
		{
			Name: "thread.vmsize", Type: typeOf("uint64"),
			Doc:     "Virtual memory kB for main threads, 0 for others",
			Missing: "memory use is not recorded with events",
		},
		{
			Name: "thread.vmrss", Type: typeOf("uint64"),
			Doc:     "Resident memory kB for main threads, 0 for others",
			Missing: "memory use is not recorded with events",
		},
		{
			Name: "thread.vmsize.b", Type: typeOf("uint64"),
			Doc:     "Thread.vmsize in bytes",
			Missing: "memory use is not recorded with events",
		},
		{
			Name: "thread.vmrss.b", Type: typeOf("uint64"),
			Doc:     "Thread.vmrss in bytes",
			Missing: "memory use is not recorded with events",
		},
		{
			Name: "proc.stdin.type", Type: typeOf("string"),
			Doc:  "Descriptor type of fd 0",
			From: "Process.stdin_mode", bind: str((*Event).stdinType),
		},
		{
			Name: "proc.stdout.type", Type: typeOf("string"),
			Doc:     "Descriptor type of fd 1",
			Missing: "only the kind of standard input is recorded",
		},
		{
			Name: "proc.stderr.type", Type: typeOf("string"),
			Doc:     "Descriptor type of fd 2",
			Missing: "only the kind of standard input is recorded",
		},
		{
			Name: "proc.stdin.name", Type: typeOf("string"),
			Doc:     "Descriptor name of fd 0",
			Missing: "only the kind of standard input is recorded",
		},
		{
			Name: "proc.stdout.name", Type: typeOf("string"),
			Doc:     "Descriptor name of fd 1",
			Missing: "only the kind of standard input is recorded",
		},
		{
			Name: "proc.stderr.name", Type: typeOf("string"),
			Doc:     "Descriptor name of fd 2",
			Missing: "only the kind of standard input is recorded",
		},
	}
}

// userFields are about whose process it is.
func userFields() []Def {
	return []Def{
		{
			Name: "user.uid", Type: typeOf("uint32"),
			Doc:  "Numeric user id",
			From: "Process.cred.uid", bind: num((*Event).uid),
		},
		{
			Name: "user.name", Type: typeOf("string"),
			Doc:  "User name; literal <NA> when the id is unknown (uid 0 falls back to root)",
			From: "Process.user", bind: str((*Event).userName),
		},
		{
			Name: "user.homedir", Type: typeOf("string"),
			Doc:     "Home directory; literal <NA> when unknown",
			Missing: "only the name of a user is looked up",
		},
		{
			Name: "user.shell", Type: typeOf("string"),
			Doc:     "Login shell; literal <NA> when unknown",
			Missing: "only the name of a user is looked up",
		},
		{
			Name: "user.loginuid", Type: typeOf("int64"),
			Doc:  "Audit login uid; -1 when unset",
			From: "Process.login_uid", bind: num((*Event).loginUID),
		},
		{
			Name: "user.loginname", Type: typeOf("string"),
			Doc:  "Name for the login uid; literal <NA> when unknown",
			From: "Process.login_user", bind: str((*Event).loginName),
		},
		{
			Name: "group.gid", Type: typeOf("uint32"),
			Doc:  "Numeric group id",
			From: "Process.cred.gid", bind: num((*Event).gid),
		},
		{
			Name: "group.name", Type: typeOf("string"),
			Doc:  "Group name; literal <NA> when unknown (gid 0 falls back to root)",
			From: "Process.group", bind: str((*Event).groupName),
		},
	}
}
