//go:build cgo && linux

package ebpf

import (
	"bytes"

	"github.com/tripline/tripline/pkg/msg"
)

// capDACOverride is CAP_DAC_OVERRIDE of linux/capability.h.
const capDACOverride = 1

// process makes the message of what the kernel said about a process.
func process(r *rawProcess, p *parts) *msg.Process {
	out := &msg.Process{
		Pid: int32(r.pid), StartTime: uint64(r.start_time),
		Ppid: int32(r.ppid), ParentStartTime: uint64(r.parent_start_time),
		NsPid: int32(r.ns_pid), NsPpid: int32(r.ns_ppid),
		Comm: string(cstring(r.comm[:])),
		Cwd:  p.str(partCWD),
		Tty:  uint32(r.tty),
		Sid:  int32(r.sid), Pgid: int32(r.pgid), NsSid: int32(r.ns_sid), NsPgid: int32(r.ns_pgid),
		Cred: &msg.Credentials{
			Uid: uint32(r.uid), Gid: uint32(r.gid), Suid: uint32(r.suid), Sgid: uint32(r.sgid),
			Euid: uint32(r.euid), Egid: uint32(r.egid), Fsuid: uint32(r.fsuid), Fsgid: uint32(r.fsgid),
			Securebits: uint32(r.securebits), UserNs: uint32(r.ns_user),
			CapInheritable: uint64(r.cap_inheritable), CapPermitted: uint64(r.cap_permitted),
			CapEffective: uint64(r.cap_effective), CapBounding: uint64(r.cap_bounding), CapAmbient: uint64(r.cap_ambient),
		},
		LoginUid: uint32(r.login_uid), AuditSession: uint32(r.audit_session),
		Ns: &msg.Namespaces{
			Mnt: uint32(r.ns_mnt), Pid: uint32(r.ns_pidns), Net: uint32(r.ns_net), User: uint32(r.ns_user),
			Uts: uint32(r.ns_uts), Ipc: uint32(r.ns_ipc), Cgroup: uint32(r.ns_cgroup), Time: uint32(r.ns_time),
		},
		CgroupId: uint64(r.cgroup_id), CgroupV1Id: uint64(r.cgroup_v1_id),
		Knowledge: msg.Knowledge_KNOWLEDGE_KERNEL,
		StdinMode: uint32(r.stdin_mode),
	}
	if r.flags&processKthread != 0 {
		out.Flags |= uint32(msg.ProcessFlag_PROCESS_FLAG_KTHREAD)
	}
	if r.exe_inode != 0 {
		out.Exe = executable(r, p)
	}
	if p.data[partArgv] != nil {
		out.Args, out.ArgsOmitted = list(p.data[partArgv]), p.omitted[partArgv]
	}
	if p.data[partEnv] != nil {
		out.Env = list(p.data[partEnv])
	}
	return out
}

func executable(r *rawProcess, p *parts) *msg.Executable {
	return &msg.Executable{
		Path: p.str(partExe), Inode: uint64(r.exe_inode), Device: uint32(r.exe_device),
		Mode: uint32(r.exe_mode), Uid: uint32(r.exe_uid), Nlink: uint32(r.exe_nlink),
		Ctime: int64(r.exe_ctime), Mtime: int64(r.exe_mtime),
		UpperLayer: r.exe_flags&exeUpper != 0, LowerLayer: r.exe_flags&exeLower != 0,
		Memfd: r.exe_flags&exeMemfd != 0, Writable: writable(r),
		Interpreter: p.str(partInterp),
	}
}

// writable says whether the process may write to its own executable, going by
// owner, group and mode. Supplementary groups and access control lists are not
// looked at.
func writable(r *rawProcess) bool {
	switch {
	case r.exe_flags&exeReadOnly != 0:
		return false
	case r.cap_effective&(1<<capDACOverride) != 0:
		return true
	case r.fsuid == r.exe_uid:
		return r.exe_mode&0o200 != 0
	case r.fsgid == r.exe_gid:
		return r.exe_mode&0o020 != 0
	}
	return r.exe_mode&0o002 != 0
}

// list splits strings that each end in a zero. What was cut off at the end is
// kept, for its beginning may be what a rule looks for.
func list(b []byte) []string {
	b = bytes.TrimSuffix(b, []byte{0})
	if len(b) == 0 {
		return []string{}
	}
	out := make([]string, 0, bytes.Count(b, []byte{0})+1)
	for {
		i := bytes.IndexByte(b, 0)
		if i < 0 {
			return append(out, string(b))
		}
		out = append(out, string(b[:i]))
		b = b[i+1:]
	}
}
