package process

import "github.com/tripline/tripline/pkg/msg"

// full says whether a row tells more than every record does.
func full(p *msg.Process) bool {
	return p.Knowledge != msg.Knowledge_KNOWLEDGE_THIN
}

// image says whether a row names the file that the process runs, or need not.
func image(p *msg.Process) bool {
	return p.Exe != nil || p.Flags&uint32(msg.ProcessFlag_PROCESS_FLAG_KTHREAD) != 0
}

// complete gives to p what it lacks and from has. With the image left out, what
// an exec replaces stays as it is.
func complete(p, from *msg.Process, withImage bool) {
	if withImage {
		if p.Exe == nil {
			p.Exe = from.Exe
		}
		if p.Args == nil {
			p.Args, p.ArgsOmitted = from.Args, from.ArgsOmitted
		}
		if p.Env == nil {
			p.Env = from.Env
		}
		if p.ExecTime == 0 {
			p.ExecTime = from.ExecTime
		}
		if p.StdinMode == 0 {
			p.StdinMode = from.StdinMode
		}
		if p.Comm == "" {
			p.Comm = from.Comm
		}
	}
	if p.Cwd == "" {
		p.Cwd = from.Cwd
	}
	if p.Cred == nil {
		p.Cred, p.LoginUid, p.AuditSession = from.Cred, from.LoginUid, from.AuditSession
	}
	if p.Ns == nil {
		p.Ns = from.Ns
	}
	if p.Tty == 0 {
		p.Tty = from.Tty
	}
	if p.Sid == 0 {
		p.Sid, p.NsSid = from.Sid, from.NsSid
	}
	if p.Pgid == 0 {
		p.Pgid, p.NsPgid = from.Pgid, from.NsPgid
	}
	if p.CgroupId == 0 && p.CgroupV1Id == 0 {
		p.CgroupId, p.CgroupV1Id = from.CgroupId, from.CgroupV1Id
		if p.Cgroup == "" {
			p.Cgroup = from.Cgroup
		}
	}
}

// self gives to p what is bound to the process rather than inherited.
func self(p, from *msg.Process) {
	if p.Ppid == 0 {
		p.Ppid, p.ParentStartTime, p.NsPpid = from.Ppid, from.ParentStartTime, from.NsPpid
	}
	if p.NsPid == 0 {
		p.NsPid = from.NsPid
	}
	p.Flags |= from.Flags
	if p.Knowledge == msg.Knowledge_KNOWLEDGE_THIN {
		p.Knowledge = from.Knowledge
	}
}

// child makes what is known of a process that came from parent. One whose own
// image is known and differs has executed it since: it takes from the parent
// only what an exec leaves alone. Copied says whether it took everything.
func child(p, parent *msg.Process) (copied bool) {
	copied = !image(p) || p.Exe.GetPath() == parent.Exe.GetPath()
	if !image(p) {
		p.Knowledge = msg.Knowledge_KNOWLEDGE_INHERITED
	}
	complete(p, parent, copied)
	return copied
}
