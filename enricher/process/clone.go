package process

import (
	"slices"
	"strings"

	"github.com/tripline/tripline/enricher"
	"github.com/tripline/tripline/pkg/msg"
)

// interner keeps one copy of strings that many processes share. It is bounded:
// when full it starts over, and what it gave out stays valid.
type interner struct {
	m map[string]string
}

const (
	internMax    = 16384
	internLength = 256
)

func (in *interner) str(s string) string {
	if s == "" {
		return ""
	}
	if len(s) > internLength {
		return strings.Clone(s)
	}
	if c, ok := in.m[s]; ok {
		return c
	}
	if len(in.m) >= internMax || in.m == nil {
		in.m = make(map[string]string, 256)
	}
	c := strings.Clone(s)
	in.m[c] = c
	return c
}

func (in *interner) list(l []string) []string {
	if len(l) == 0 {
		return nil
	}
	out := make([]string, len(l))
	for i, s := range l {
		out[i] = in.str(s)
	}
	return out
}

// keep makes a row of the table from a row of a batch: nothing in it shares
// the memory of the batch.
func (in *interner) keep(p *msg.Process) *msg.Process {
	out := enricher.ShallowCopy(p)
	out.Container, out.Ancestors = 0, nil
	out.User, out.Group, out.LoginUser = "", "", ""
	out.Comm, out.Cwd, out.Cgroup = in.str(p.Comm), in.str(p.Cwd), in.str(p.Cgroup)
	out.Args, out.Env = in.list(p.Args), in.list(p.Env)
	if p.Exe != nil {
		out.Exe = &msg.Executable{
			Path: in.str(p.Exe.Path), Inode: p.Exe.Inode, Device: p.Exe.Device, Mode: p.Exe.Mode,
			Uid: p.Exe.Uid, Nlink: p.Exe.Nlink, Ctime: p.Exe.Ctime, Mtime: p.Exe.Mtime,
			UpperLayer: p.Exe.UpperLayer, LowerLayer: p.Exe.LowerLayer, Writable: p.Exe.Writable,
			Memfd: p.Exe.Memfd, Interpreter: in.str(p.Exe.Interpreter),
		}
	}
	if p.Cred != nil {
		out.Cred = copyCred(p.Cred)
	}
	if p.Ns != nil {
		out.Ns = copyNs(p.Ns)
	}
	return out
}

// share makes row point at the same parts as like where their contents are the
// same, which a child and its parent mostly have.
func share(row, like *msg.Process) {
	if like == nil {
		return
	}
	if sameNs(row.Ns, like.Ns) {
		row.Ns = like.Ns
	}
	if sameCred(row.Cred, like.Cred) {
		row.Cred = like.Cred
	}
	if sameExe(row.Exe, like.Exe) {
		row.Exe = like.Exe
	}
	if slices.Equal(row.Args, like.Args) {
		row.Args = like.Args
	}
	if slices.Equal(row.Env, like.Env) {
		row.Env = like.Env
	}
}

func copyNs(n *msg.Namespaces) *msg.Namespaces {
	return &msg.Namespaces{
		Mnt: n.Mnt, Pid: n.Pid, Net: n.Net, User: n.User,
		Uts: n.Uts, Ipc: n.Ipc, Cgroup: n.Cgroup, Time: n.Time,
	}
}

func sameNs(a, b *msg.Namespaces) bool {
	return a != nil && b != nil &&
		a.Mnt == b.Mnt && a.Pid == b.Pid && a.Net == b.Net && a.User == b.User &&
		a.Uts == b.Uts && a.Ipc == b.Ipc && a.Cgroup == b.Cgroup && a.Time == b.Time
}

func copyCred(c *msg.Credentials) *msg.Credentials {
	return &msg.Credentials{
		Uid: c.Uid, Gid: c.Gid, Suid: c.Suid, Sgid: c.Sgid,
		Euid: c.Euid, Egid: c.Egid, Fsuid: c.Fsuid, Fsgid: c.Fsgid,
		Securebits: c.Securebits, UserNs: c.UserNs,
		CapInheritable: c.CapInheritable, CapPermitted: c.CapPermitted, CapEffective: c.CapEffective,
		CapBounding: c.CapBounding, CapAmbient: c.CapAmbient,
	}
}

func sameCred(a, b *msg.Credentials) bool {
	return a != nil && b != nil &&
		a.Uid == b.Uid && a.Gid == b.Gid && a.Suid == b.Suid && a.Sgid == b.Sgid &&
		a.Euid == b.Euid && a.Egid == b.Egid && a.Fsuid == b.Fsuid && a.Fsgid == b.Fsgid &&
		a.Securebits == b.Securebits && a.UserNs == b.UserNs &&
		a.CapInheritable == b.CapInheritable && a.CapPermitted == b.CapPermitted &&
		a.CapEffective == b.CapEffective && a.CapBounding == b.CapBounding && a.CapAmbient == b.CapAmbient
}

// sameExe compares what tells one executable file from another and what is
// known of it.
func sameExe(a, b *msg.Executable) bool {
	return a != nil && b != nil &&
		a.Path == b.Path && a.Inode == b.Inode && a.Device == b.Device && a.Mode == b.Mode &&
		a.Uid == b.Uid && a.Nlink == b.Nlink && a.Ctime == b.Ctime && a.Mtime == b.Mtime &&
		a.UpperLayer == b.UpperLayer && a.LowerLayer == b.LowerLayer && a.Writable == b.Writable &&
		a.Memfd == b.Memfd && a.Interpreter == b.Interpreter
}
