package fields

// eventFields are about the event itself.
func eventFields() []Def {
	return []Def{
		{
			Name: "evt.num", Type: typeOf("uint64"),
			Doc:  "Sequence number of the event within this run; first event is 1",
			From: "Event.seq", bind: num((*Event).number),
		},
		{
			Name: "evt.time", Type: typeOf("string"),
			Doc:  "Local wall-clock time of day HH:MM:SS.nnnnnnnnn",
			From: "Event.time", bind: str(clock("15:04:05.000000000")),
		},
		{
			Name: "evt.time.s", Type: typeOf("string"),
			Doc:  "Local wall-clock time of day without the fraction",
			From: "Event.time", bind: str(clock("15:04:05")),
		},
		{
			Name: "evt.time.iso8601", Type: typeOf("string"),
			Doc:  "UTC timestamp as YYYY-MM-DDTHH:MM:SS.nnnnnnnnn+0000",
			From: "Event.time", bind: str((*Event).iso),
		},
		{
			Name: "evt.datetime", Type: typeOf("string"),
			Doc:  "Local date plus time of day with nanoseconds",
			From: "Event.time", bind: str(clock("2006-01-02 15:04:05.000000000")),
		},
		{
			Name: "evt.datetime.s", Type: typeOf("string"),
			Doc:  "Local date plus time of day, whole seconds",
			From: "Event.time", bind: str(clock("2006-01-02 15:04:05")),
		},
		{
			Name: "evt.rawtime", Type: typeOf("time"),
			Doc:  "Event time as nanoseconds since the Unix epoch",
			From: "Event.time", bind: num((*Event).time),
		},
		{
			Name: "evt.rawtime.s", Type: typeOf("time"),
			Doc:  "Whole-second part of evt.rawtime",
			From: "Event.time", bind: num(seconds((*Event).time)),
		},
		{
			Name: "evt.rawtime.ns", Type: typeOf("time"), Flags: Padded,
			Doc:  "Sub-second part (ns) of evt.rawtime",
			From: "Event.time", bind: num(nanos((*Event).time)),
		},
		{
			Name: "evt.reltime", Type: typeOf("duration"), Flags: Padded,
			Doc:  "Nanoseconds elapsed since the first event seen",
			From: "Event.time and the first event that the worker saw", bind: num((*Event).sinceFirst),
		},
		{
			Name: "evt.reltime.s", Type: typeOf("duration"),
			Doc:  "Whole seconds elapsed since the first event",
			From: "as evt.reltime", bind: num(seconds((*Event).sinceFirst)),
		},
		{
			Name: "evt.reltime.ns", Type: typeOf("duration"), Flags: Padded,
			Doc:  "Sub-second part (ns) of the elapsed time",
			From: "as evt.reltime", bind: num(nanos((*Event).sinceFirst)),
		},
		{
			Name: "evt.pluginname", Type: typeOf("string"),
			Doc:  "Name of the plugin that sourced the event; absent for kernel events",
			From: "no event of ours comes from a plugin", bind: never,
		},
		{
			Name: "evt.plugininfo", Type: typeOf("string"),
			Doc:  "Plugin's one-line rendering of its event; absent for kernel events",
			From: "no event of ours comes from a plugin", bind: never,
		},
		{
			Name: "evt.source", Type: typeOf("string"),
			Doc:  "Name of the event source, e.g. syscall",
			From: "constant", bind: str(constant("syscall")),
		},
		{
			Name: "evt.is_async", Type: typeOf("bool"),
			Doc:  "True for meta/async events (injected, not from the kernel)",
			From: "constant", bind: always(0),
		},
		{
			Name: "evt.asynctype", Type: typeOf("string"),
			Doc:  "Name of the async event; absent for ordinary events",
			From: "no event of ours comes from a plugin", bind: never,
		},
		{
			Name: "evt.hostname", Type: typeOf("string"),
			Doc:  "Host name of the machine, overridable by environment variable",
			From: "Batch.host", bind: str((*Event).host),
		},
		{
			Name: "evt.latency", Type: typeOf("duration"), Flags: Deprecated,
			Doc:  "Enter/exit delta; now always 0",
			From: "constant", bind: always(0),
		},
		{
			Name: "evt.latency.s", Type: typeOf("duration"), Flags: Deprecated,
			Doc:  "Seconds part of latency; always 0",
			From: "constant", bind: always(0),
		},
		{
			Name: "evt.latency.ns", Type: typeOf("duration"), Flags: Deprecated | Padded,
			Doc:  "Ns part of latency; always 0",
			From: "constant", bind: always(0),
		},
		{
			Name: "evt.latency.quantized", Type: typeOf("uint64"), Flags: Deprecated,
			Doc:  "Log10 of latency; always 0",
			From: "constant", bind: always(0),
		},
		{
			Name: "evt.latency.human", Type: typeOf("string"), Flags: Deprecated,
			Doc:  "Human-readable latency; always 0ns",
			From: "constant", bind: str(constant("0ns")),
		},
		{
			Name: "evt.deltatime", Type: typeOf("duration"),
			Doc:  "Nanoseconds since the previous event this check looked at",
			From: "Event.time and the event that the worker saw before", bind: num((*Event).sinceLast),
		},
		{
			Name: "evt.deltatime.s", Type: typeOf("duration"),
			Doc:  "Seconds part of the inter-event delta",
			From: "as evt.deltatime", bind: num(seconds((*Event).sinceLast)),
		},
		{
			Name: "evt.deltatime.ns", Type: typeOf("duration"), Flags: Padded,
			Doc:  "Sub-second part of the inter-event delta",
			From: "as evt.deltatime", bind: num(nanos((*Event).sinceLast)),
		},
		{
			Name: "evt.outputtime", Type: typeOf("string"), Flags: PrintOnly,
			Doc:  "Print-only time column whose style follows the time output mode",
			From: "Event.time", bind: str(clock("15:04:05.000000000")),
		},
		{
			Name: "evt.dir", Type: typeOf("string"), Flags: Deprecated,
			Doc:  "Direction; only exit events remain so it reads '<' for syscalls ('>' only for meta events)",
			From: "constant", bind: str(constant("<")),
		},
		{
			Name: "evt.type", Type: typeOf("string"),
			Doc:  "Event name: syscall name, or async event name, or real syscall name for generic events",
			From: "the catalogue; sched_process_exec is execve, sched_process_exit procexit", bind: str((*Event).typeName),
		},
		{
			Name: "evt.type.is", Type: typeOf("uint32"), Arg: Dot, Flags: NeedArg,
			Doc:  "1 if the event is of the type named in the suffix, else 0",
			From: "as evt.type", bind: typeIs,
		},
		{
			Name: "syscall.type", Type: typeOf("string"),
			Doc:  "Syscall name; absent when the event is not a syscall",
			From: "the catalogue, for system calls and execve", bind: str((*Event).syscallName),
		},
		{
			Name: "evt.category", Type: typeOf("string"),
			Doc:  "Coarse class: file, net, ipc, memory, process, sleep, system, signal, user, time, wait, ...",
			From: "the table of events", bind: str((*Event).category),
		},
		{
			Name: "evt.cpu", Type: typeOf("int16"),
			Doc:  "Index of the CPU that produced the event",
			From: "Event.cpu", bind: num((*Event).cpu),
		},
		{
			Name: "evt.args", Type: typeOf("string"),
			Doc:  "All parameters rendered as name=value(resolved) separated by spaces; empty for generic events",
			From: "Event.args", bind: str((*Event).argsText),
		},
		{
			Name: "evt.arg", Type: typeOf("string"), Arg: DotOrIndex, Flags: NeedArg,
			Doc:  "One parameter rendered as text, preferring the resolved form (flag names, errno names, user names, absolute paths)",
			From: "Event.args, by the names of Falco; see args.go", bind: argument,
		},
		{
			Name: "evt.rawarg", Type: typeOf("-"), Arg: Dot, Flags: NeedArg | NoRight | NoTransform,
			Doc:  "One parameter in its native type (type depends on the event)",
			From: "as evt.arg", bind: rawArgument,
		},
		{
			Name: "evt.info", Type: typeOf("string"),
			Doc:  "Same text as evt.args",
			From: "Event.args", bind: str((*Event).argsText),
		},
		{
			Name: "evt.buffer", Type: typeOf("bytes"),
			Doc:  "Data bytes of I/O calls (bounded by the snap length)",
			From: "an argument of type bytes", bind: argBytes("data"),
		},
		{
			Name: "evt.buflen", Type: typeOf("uint64"),
			Doc:  "Return value of an I/O call when not negative",
			From: "Event.ret", bind: num((*Event).ioLength),
		},
		{
			Name: "evt.res", Type: typeOf("string"),
			Doc:  "SUCCESS, or the errno name when the call failed; absent if the event has no return value",
			From: "Event.ret", bind: str((*Event).result),
		},
		{
			Name: "evt.rawres", Type: typeOf("int64"),
			Doc:  "Numeric return value; absent if the event has none",
			From: "Event.ret", bind: num((*Event).ret),
		},
		{
			Name: "evt.failed", Type: typeOf("bool"),
			Doc:  "True when the return value is negative; absent if the event has none",
			From: "Event.ret", bind: boolean((*Event).failed),
		},
		{
			Name: "evt.is_io", Type: typeOf("bool"),
			Doc:  "True for calls that read from or write to a descriptor",
			From: "the table of events", bind: yes((*Event).isIO),
		},
		{
			Name: "evt.is_io_read", Type: typeOf("bool"),
			Doc:  "True for calls that read from a descriptor",
			From: "the table of events", bind: yes((*Event).isRead),
		},
		{
			Name: "evt.is_io_write", Type: typeOf("bool"),
			Doc:  "True for calls that write to a descriptor",
			From: "the table of events", bind: yes((*Event).isWrite),
		},
		{
			Name: "evt.io_dir", Type: typeOf("string"),
			Doc:  "'read' or 'write' for I/O calls; absent otherwise",
			From: "the table of events", bind: str((*Event).ioDir),
		},
		{
			Name: "evt.is_wait", Type: typeOf("bool"),
			Doc:  "True for calls that block (sleep, poll, select, ...)",
			From: "the table of events", bind: yes((*Event).isWait),
		},
		{
			Name: "evt.wait_latency", Type: typeOf("duration"), Flags: Deprecated,
			Doc:  "Blocking time; always 0",
			From: "constant", bind: always(0),
		},
		{
			Name: "evt.is_syslog", Type: typeOf("bool"),
			Doc:  "True for writes whose descriptor is the /dev/log socket",
			From: "Event.file", bind: yes((*Event).isSyslog),
		},
		{
			Name: "evt.count", Type: typeOf("uint32"),
			Doc:  "Constant 1 (for aggregation)",
			From: "constant", bind: always(1),
		},
		{
			Name: "evt.count.error", Type: typeOf("uint32"),
			Doc:  "1 if the call failed else 0; absent without a return value",
			From: "Event.ret", bind: num((*Event).errorCount),
		},
		{
			Name: "evt.count.error.file", Type: typeOf("uint32"),
			Doc:  "As evt.count.error, only for file-related events",
			From: "Event.ret and the table of events", bind: num(errorsIn("file")),
		},
		{
			Name: "evt.count.error.net", Type: typeOf("uint32"),
			Doc:  "As evt.count.error, only for network-related events",
			From: "Event.ret and the table of events", bind: num(errorsIn("net")),
		},
		{
			Name: "evt.count.error.memory", Type: typeOf("uint32"),
			Doc:  "As evt.count.error, only for memory-category events",
			From: "Event.ret and the table of events", bind: num(errorsIn("memory")),
		},
		{
			Name: "evt.count.error.other", Type: typeOf("uint32"),
			Doc:  "As evt.count.error, only for events in none of those groups",
			From: "Event.ret and the table of events", bind: num(errorsIn("other")),
		},
		{
			Name: "evt.count.exit", Type: typeOf("uint32"),
			Doc:  "1 on exit events; absent otherwise",
			From: "constant", bind: always(1),
		},
		{
			Name: "evt.count.procinfo", Type: typeOf("uint32"),
			Doc:  "1 on a process-info event of a main thread",
			From: "there are no such events", bind: never,
		},
		{
			Name: "evt.count.threadinfo", Type: typeOf("uint32"),
			Doc:  "1 on any process-info event",
			From: "there are no such events", bind: never,
		},
		{
			Name: "evt.around", Type: typeOf("uint64"), Arg: Key, Flags: NeedArg | FilterOnly | NoRight | NoTransform,
			Doc:  "Keeps events within D ms of timestamp T (evt.around[T]=D); only '='",
			From: "Event.time", bind: around,
		},
		{
			Name: "evt.abspath", Type: typeOf("string"), Arg: Dot,
			Doc:  "Absolute path built from dirfd and path of *at calls; suffix picks source or destination",
			From: "arguments of type path and descriptor", bind: absPath,
		},
		{
			Name: "evt.buflen.in", Type: typeOf("uint64"),
			Doc:  "Evt.buflen for reads",
			From: "Event.ret", bind: num(ioOf("read", "")),
		},
		{
			Name: "evt.buflen.out", Type: typeOf("uint64"),
			Doc:  "Evt.buflen for writes",
			From: "Event.ret", bind: num(ioOf("write", "")),
		},
		{
			Name: "evt.buflen.file", Type: typeOf("uint64"),
			Doc:  "Evt.buflen for files",
			From: "Event.ret and Event.file", bind: num(ioOf("", "file")),
		},
		{
			Name: "evt.buflen.file.in", Type: typeOf("uint64"),
			Doc:  "Evt.buflen for file reads",
			From: "Event.ret and Event.file", bind: num(ioOf("read", "file")),
		},
		{
			Name: "evt.buflen.file.out", Type: typeOf("uint64"),
			Doc:  "Evt.buflen for file writes",
			From: "Event.ret and Event.file", bind: num(ioOf("write", "file")),
		},
		{
			Name: "evt.buflen.net", Type: typeOf("uint64"),
			Doc:  "Evt.buflen for sockets",
			From: "Event.ret and Event.file", bind: num(ioOf("", "net")),
		},
		{
			Name: "evt.buflen.net.in", Type: typeOf("uint64"),
			Doc:  "Evt.buflen for socket reads",
			From: "Event.ret and Event.file", bind: num(ioOf("read", "net")),
		},
		{
			Name: "evt.buflen.net.out", Type: typeOf("uint64"),
			Doc:  "Evt.buflen for socket writes",
			From: "Event.ret and Event.file", bind: num(ioOf("write", "net")),
		},
		{
			Name: "evt.is_open_read", Type: typeOf("bool"),
			Doc:  "True for open-family events whose flags include read access; false for all other events (never absent)",
			From: "the flags argument", bind: yes((*Event).isOpenRead),
		},
		{
			Name: "evt.is_open_write", Type: typeOf("bool"),
			Doc:  "True for open-family events whose flags include write access; false otherwise (never absent)",
			From: "the flags argument", bind: yes((*Event).isOpenWrite),
		},
		{
			Name: "evt.infra.docker.name", Type: typeOf("string"),
			Doc:  "Docker infrastructure event name",
			From: "there are no such events", bind: never,
		},
		{
			Name: "evt.infra.docker.container.id", Type: typeOf("string"),
			Doc:  "Container id of a docker infrastructure event",
			From: "there are no such events", bind: never,
		},
		{
			Name: "evt.infra.docker.container.name", Type: typeOf("string"),
			Doc:  "Container name of a docker infrastructure event",
			From: "there are no such events", bind: never,
		},
		{
			Name: "evt.infra.docker.container.image", Type: typeOf("string"),
			Doc:  "Image of a docker infrastructure event",
			From: "there are no such events", bind: never,
		},
		{
			Name: "evt.is_open_exec", Type: typeOf("bool"),
			Doc:  "True for open/creat that create a file with any execute bit in mode",
			From: "the flags and mode arguments", bind: yes((*Event).isOpenExec),
		},
		{
			Name: "evt.is_open_create", Type: typeOf("bool"),
			Doc:     "True for open-family events that really created the file",
			Missing: "whether an open created the file is not recorded",
		},
		{
			Name: "util.cnt", Type: typeOf("uint64"),
			Doc:  "Counter incremented at each extraction",
			From: "counts by itself", bind: counter,
		},
	}
}
