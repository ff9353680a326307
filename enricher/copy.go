package enricher

import "github.com/tripline/tripline/pkg/msg"

// ShallowCopy copies a row of the process table. What the row points to
// (lists, executable, credentials, namespaces) is shared: it is replaced, never
// changed, by whoever completes rows.
func ShallowCopy(p *msg.Process) *msg.Process {
	return &msg.Process{
		Pid: p.Pid, StartTime: p.StartTime, Ppid: p.Ppid, ParentStartTime: p.ParentStartTime,
		NsPid: p.NsPid, NsPpid: p.NsPpid, Comm: p.Comm, Exe: p.Exe,
		Args: p.Args, ArgsOmitted: p.ArgsOmitted, Cwd: p.Cwd, Tty: p.Tty,
		Sid: p.Sid, Pgid: p.Pgid, NsSid: p.NsSid, NsPgid: p.NsPgid,
		Cred: p.Cred, LoginUid: p.LoginUid, AuditSession: p.AuditSession,
		User: p.User, Group: p.Group, LoginUser: p.LoginUser, Ns: p.Ns, Env: p.Env,
		CgroupId: p.CgroupId, CgroupV1Id: p.CgroupV1Id, Cgroup: p.Cgroup,
		Container: p.Container, Ancestors: p.Ancestors, Knowledge: p.Knowledge,
		ExecTime: p.ExecTime, StdinMode: p.StdinMode, Flags: p.Flags,
	}
}
