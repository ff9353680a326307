package ebpf

// What serves an event.
const (
	// Fentry is a program on a function of the kernel's.
	Fentry = "fentry"
	// LSM is a program on a security hook, where the BPF LSM is active.
	LSM = "lsm"
	// Tracepoint is a program on a tracepoint: all kernels have those.
	Tracepoint = "tracepoint"
	// Cgroup is a program on the packets of a control group.
	Cgroup = "cgroup"
)

// Backends lists what can serve events that are not system calls, best first.
// Where it is a program on one of the kernel's hooks, the paths are the kernel's
// and what comes by way of an io_uring is seen; else they are the caller's words,
// with the directory that they are relative to.
func Backends() []string { return []string{Fentry, LSM, Tracepoint} }
