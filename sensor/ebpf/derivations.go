//go:build cgo && linux

package ebpf

import (
	"cmp"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// derivation says what it takes to make a derived event: the system calls that
// the programs of a family look at, and programs on other tracepoints. An event
// that several families make has several.
type derivation struct {
	event string
	hook  hook
	// exit names the calls whose end is looked at.
	exit []string
	// programs are attached while the event is wanted. It can be had without
	// them, if with less to tell.
	programs []string
	// required are those of the programs that it cannot be had without.
	required []string
	// oneOf are programs of which the first that the kernel takes is attached
	// likewise; it cannot be had without any.
	oneOf []string
	// hooks are the kernel's hooks that tell it better, without the programs; see
	// serve. With hookOnly the calls' ends add nothing.
	hooks    []string
	hookOnly bool
	// calls are those whose ends a hook makes unnecessary; it asks whether it is
	// in one of them.
	calls []string
	// lacking says what a kernel that does not serve it would need.
	lacking string
	// by is what serves it: one of the Backend constants.
	by string
	// always are programs that are attached from the start, since their place
	// in the order of programs matters; they look at the event's gate.
	always []string
}

// families names the programs that calls of a family are passed on to.
func families() map[hook]string {
	return map[hook]string{
		hookOpen:     "exit_open",
		hookWrite:    "exit_write",
		hookMemory:   "exit_memory",
		hookMount:    "exit_mount",
		hookSocket:   "exit_socket",
		hookDup:      "exit_dup",
		hookName:     "exit_name",
		hookLoad:     "exit_load",
		hookIdentity: "exit_identity",
		hookCopy:     "exit_copy",
		hookBPF:      "exit_bpf",
	}
}

// interest is what an argument must be like for a call to be of interest to its
// family: it has all of some bits or, where there are none, one of two values.
type interest struct {
	arg    int
	bits   uint32
	values [2]uint32
}

// interests are tested before a call is passed on. Programs make these calls for
// many other reasons.
func interests() map[string]interest {
	return map[string]interest{
		"fcntl":         {arg: 1, values: [2]uint32{unix.F_DUPFD, unix.F_DUPFD_CLOEXEC}},
		"fcntl64":       {arg: 1, values: [2]uint32{unix.F_DUPFD, unix.F_DUPFD_CLOEXEC}},
		"ioctl":         {arg: 1, values: [2]uint32{unix.FICLONE, unix.FICLONERANGE}},
		"mmap":          {arg: 2, bits: unix.PROT_WRITE | unix.PROT_EXEC},
		"mmap2":         {arg: 2, bits: unix.PROT_WRITE | unix.PROT_EXEC},
		"mprotect":      {arg: 2, bits: unix.PROT_EXEC},
		"pkey_mprotect": {arg: 2, bits: unix.PROT_EXEC},
	}
}

// alternatives names the programs that stand in for others on kernels that do
// not take those.
func alternatives() map[string]string {
	return map[string]string{"exit_memory": "exit_memory_tree"}
}

func derivations() []derivation {
	protect := []string{"mprotect", "pkey_mprotect"}
	protecting := []string{"on_mmap_lock", "on_mprotect", "on_mprotect_tree"}
	execCheck, renamed := []string{"on_exec_check"}, []string{"on_exec_rename"}
	identity := []string{"on_fork_identity"}
	unlink := []string{"unlink", "unlinkat"}
	link := []string{"link", "linkat"}
	ctime := []string{"on_ctime", "on_ctime_skip"}
	// One of the two ways to see a submission is there.
	uring := []string{"on_uring_submit", "on_uring_submit_sqe", progURingComplete}
	signal := []string{"on_signal"}
	committed := []string{"commit_creds"}
	capable := []string{"on_cap_capable"}
	const noModules = "needs a kernel with modules (CONFIG_MODULES)"
	const noRequest = "the tracepoints of io_uring lead to its requests since Linux 5.19"
	created := []string{"on_uring_create"}
	dns := []string{"on_egress", "on_ingress"}
	spaces := []string{"unshare", "setns"}
	creds := []string{
		"setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid", "setgroups",
		"setuid16", "setgid16", "setreuid16", "setregid16", "setresuid16", "setresgid16", "setfsuid16", "setfsgid16",
		"setgroups16", "capset", "prctl", "unshare", "setns",
	}
	return []derivation{
		{event: "security_file_open", hook: hookOpen, exit: []string{"open", "creat", "openat", "openat2", "open_by_handle_at"}, programs: uring, hooks: []string{"file_open"}, hookOnly: true},
		{event: "security_bprm_check", programs: renamed, required: renamed, always: execCheck, hooks: []string{"bprm_check"}, hookOnly: true},
		{event: "mem_prot_alert", hook: hookMemory, exit: append([]string{"mmap", "mmap2"}, protect...), oneOf: protecting, hooks: []string{"file_mprotect"}},
		{event: "magic_write", hook: hookWrite, exit: []string{"write", "pwrite64", "writev", "pwritev", "pwritev2"}},
		{event: "magic_write", hook: hookCopy, exit: []string{"copy_file_range", "sendfile", "sendfile32", "splice", "ioctl"}},
		{event: "vfs_write", hook: hookWrite, exit: []string{"write", "pwrite64"}},
		{event: "vfs_writev", hook: hookWrite, exit: []string{"writev", "pwritev", "pwritev2"}},
		{event: "security_sb_mount", hook: hookMount, exit: []string{"mount", "move_mount"}, hooks: []string{"sb_mount"}},
		{event: "security_sb_umount", hook: hookMount, exit: []string{"umount2", "umount"}, hooks: []string{"sb_umount"}},
		{event: "security_move_mount", hook: hookMount, exit: []string{"move_mount"}, hooks: []string{"move_mount"}},
		{event: "security_kernel_read_file", hook: hookLoad, exit: []string{"finit_module", "kexec_file_load"}, hooks: []string{"kernel_read_file"}},
		{event: "security_socket_create", hook: hookSocket, exit: []string{"socket", "socketcall"}, hooks: []string{"socket_post_create"}, hookOnly: true},
		{event: "security_socket_connect", hook: hookSocket, exit: []string{"connect", "socketcall"}, hooks: []string{"socket_connect"}},
		{event: "security_socket_connect", programs: uring},
		{event: "security_socket_bind", hook: hookSocket, exit: []string{"bind", "socketcall"}, hooks: []string{"socket_bind"}},
		{event: "security_socket_listen", hook: hookSocket, exit: []string{"listen", "socketcall"}, hooks: []string{"socket_listen"}},
		{event: "security_socket_accept", hook: hookSocket, exit: []string{"accept", "accept4", "socketcall"}, hooks: []string{"sock_graft"}},
		{event: "security_socket_setsockopt", hook: hookSocket, exit: []string{"setsockopt", "socketcall"}, hooks: []string{"socket_setsockopt"}},
		{event: "io_uring_open", programs: uring, required: []string{progURingComplete}, lacking: noRequest},
		{event: "io_uring_connect", programs: uring, required: []string{progURingComplete}, lacking: noRequest},
		{event: "socket_dup", hook: hookDup, exit: []string{"dup", "dup2", "dup3", "fcntl", "fcntl64"}},
		{event: "security_inode_unlink", hook: hookName, exit: unlink, programs: ctime, hooks: []string{"path_unlink"}},
		{event: "security_inode_rename", hook: hookName, exit: []string{"rename", "renameat", "renameat2"}, hooks: []string{"path_rename"}},
		{event: "security_inode_link", hook: hookName, exit: link, programs: ctime, hooks: []string{"path_link"}},
		{event: "security_inode_symlink", hook: hookName, exit: []string{"symlink", "symlinkat"}, hooks: []string{"path_symlink"}},
		{event: "security_inode_mknod", hook: hookName, exit: []string{"mknod", "mknodat"}, hooks: []string{"path_mknod"}},
		{event: "security_inode_mkdir", hook: hookName, exit: []string{"mkdir", "mkdirat"}, hooks: []string{"path_mkdir"}},
		{event: "security_inode_rmdir", hook: hookName, exit: []string{"rmdir", "unlinkat"}, hooks: []string{"path_rmdir"}},
		{event: "commit_creds", hook: hookIdentity, exit: creds, programs: identity, required: identity, hooks: committed, hookOnly: true},
		{event: "commit_creds", programs: renamed, required: renamed, always: execCheck, hooks: committed, hookOnly: true},
		{event: "cap_capable", programs: capable, required: capable, hooks: []string{"capable"}, hookOnly: true, lacking: "needs fentry, the BPF LSM or the tracepoint cap_capable (Linux 6.13)"},
		{event: "io_uring_create", programs: created, required: created},
		{event: "signal_generate", programs: signal, required: signal},
		{event: "net_packet_dns", by: Cgroup, programs: dns, required: dns},
		{event: "net_packet_dns_request", by: Cgroup, programs: dns[:1], required: dns[:1]},
		{event: "net_packet_dns_response", by: Cgroup, programs: dns, required: dns},
		{event: "net_tcp_connect", hook: hookSocket, exit: []string{"connect", "socketcall"}, programs: uring},
		{event: "security_bpf", hook: hookBPF, exit: []string{"bpf"}, hooks: []string{"bpf"}, hookOnly: true},
		{event: "security_bpf_map", hook: hookBPF, exit: []string{"bpf"}, hooks: []string{"bpf_map"}, hookOnly: true},
		{event: "security_bpf_prog", hook: hookBPF, exit: []string{"bpf"}, hooks: []string{"bpf_prog"}, hookOnly: true},
		{event: "module_load", programs: []string{"on_module_load"}, required: []string{"on_module_load"}, lacking: noModules},
		{event: "module_free", programs: []string{"on_module_free"}, required: []string{"on_module_free"}, lacking: noModules},
		{event: "task_rename", programs: []string{"on_rename"}, required: []string{"on_rename"}},
		{event: "switch_task_ns", hook: hookIdentity, exit: spaces, programs: identity, required: identity},
	}
}

// needs lists the programs without which the event cannot be had.
func (d *derivation) needs(f map[hook]string) []string {
	out := append(slices.Clone(d.always), d.required...)
	if len(d.exit) > 0 {
		out = append(out, f[d.hook])
	}
	return out
}

// derived is the derivations that this kernel can serve, by event.
type derived struct {
	by map[catalogue.ID][]derivation
	// refused has the reason for the others.
	refused map[catalogue.ID]string
}

// newDerived sorts the derivations out by the programs that could be loaded.
func newDerived(backends []string, loaded func(program string) bool) *derived {
	d := &derived{by: make(map[catalogue.ID][]derivation), refused: make(map[catalogue.ID]string)}
	f := families()
	for _, v := range derivations() {
		e, ok := catalogue.Lookup(v.event)
		if !ok {
			continue
		}
		v = v.serve(backends, loaded)
		for _, p := range v.needs(f) {
			if other := alternatives()[p]; !loaded(p) && (other == "" || !loaded(other)) {
				d.refused[e.ID] = cmp.Or(v.lacking, "this kernel does not take the program "+p)
			}
		}
		v.programs = slices.DeleteFunc(slices.Clone(v.programs), func(p string) bool { return !loaded(p) })
		if i := slices.IndexFunc(v.oneOf, loaded); i >= 0 {
			v.programs = append(v.programs, v.oneOf[i])
		} else if len(v.oneOf) > 0 {
			d.refused[e.ID] = cmp.Or(v.lacking, "this kernel takes none of the programs "+strings.Join(v.oneOf, ", "))
		}
		d.by[e.ID] = append(d.by[e.ID], v)
	}
	for id := range d.refused {
		delete(d.by, id)
	}
	return d
}

// always lists the programs to attach at the start.
func (d *derived) always() []string {
	var out []string
	for _, all := range d.by {
		for _, v := range all {
			out = append(out, v.always...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// mark writes into the call table which family looks at which call, itself or by
// a kernel hook, and when.
func (d *derived) mark(s shared) {
	for _, all := range d.by {
		for _, v := range all {
			for _, e := range lookupAll(append(slices.Clone(v.exit), v.calls...)) {
				c := &s.m.calls[e.ID]
				c.exit_hook = cByte(v.hook)
				if only, ok := interests()[e.Name]; ok {
					c.hook_arg = cByte(only.arg + 1)
					c.hook_bits = cUint(only.bits)
					c.hook_values = [2]cUint{cUint(only.values[0]), cUint(only.values[1])}
				}
			}
		}
	}
}

// lookupAll looks events up, leaving out those that the catalogue does not have.
func lookupAll(names []string) []*catalogue.Event {
	var out []*catalogue.Event
	for _, name := range names {
		if e, ok := catalogue.Lookup(name); ok {
			out = append(out, e)
		}
	}
	return out
}

// Backends says what serves each event here that is not a system call.
func (s *Source) Backends() map[string]string {
	out := make(map[string]string)
	for e := range catalogue.All() {
		if e.Class != catalogue.Syscall && s.missing(e) == "" {
			out[e.Name] = s.derived.backend(e.ID)
		}
	}
	return out
}

// backend is the best of what serves an event; what has no derivation comes
// from the tracepoints of the life of processes.
func (d *derived) backend(id catalogue.ID) string {
	for _, v := range d.by[id] {
		return v.by
	}
	return Tracepoint
}

// hooked says whether a kernel hook tells the event, so that a call's end need not.
func (d *derived) hooked(id catalogue.ID) bool {
	by := d.backend(id)
	return by == Fentry || by == LSM
}

// ringed says whether the tracepoints of io_uring tell what an io_uring does of a
// hooked event.
func (d *derived) ringed(id catalogue.ID) bool {
	return d.hooked(id) && slices.ContainsFunc(d.by[id], func(v derivation) bool { return slices.Contains(v.programs, progURingComplete) })
}
