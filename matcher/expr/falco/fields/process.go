package fields

import (
	"strconv"
	"strings"

	"github.com/tripline/tripline/pkg/msg"
)

// maxAncestors bounds how far up a rule looks.
const maxAncestors = 64

// pick finds the process that a field is about.
type pick func(*Event) *msg.Process

func self(e *Event) *msg.Process   { return e.proc }
func parent(e *Event) *msg.Process { return e.rec.Ancestor(1) }

// leader finds the process with a pid among the process and its ancestors.
func (e *Event) leader(pid int32) *msg.Process {
	if pid == 0 {
		return nil
	}
	for n := 0; n <= maxAncestors; n++ {
		p := e.rec.Ancestor(n)
		if p == nil || p.Pid == pid {
			return p
		}
	}
	return nil
}

func sessionLeader(e *Event) *msg.Process { return e.leader(e.proc.Sid) }
func groupLeader(e *Event) *msg.Process   { return e.leader(e.proc.Pgid) }

// of reads a text of the picked process, absent when there is none.
func of(who pick, f func(*Event, *msg.Process) (string, bool)) func(*Event) (string, bool) {
	return func(e *Event) (string, bool) {
		if p := who(e); p != nil {
			return f(e, p)
		}
		return "", false
	}
}

func ofNum(who pick, f func(*Event, *msg.Process) (int64, bool)) func(*Event) (int64, bool) {
	return func(e *Event) (int64, bool) {
		if p := who(e); p != nil {
			return f(e, p)
		}
		return 0, false
	}
}

// ancestorText is a field that takes the number of an ancestor, or stands for
// all of them.
func ancestorText(f func(*Event, *msg.Process) (string, bool)) bind {
	return func(e *Event, r *Ref) *Getter {
		if r.HasArg {
			n := r.N
			return &Getter{Str: func() (string, bool) {
				if p := e.rec.Ancestor(n); p != nil {
					return f(e, p)
				}
				return "", false
			}}
		}
		return &Getter{N: e.ancestors, StrAt: func(i int) (string, bool) {
			return f(e, e.rec.Ancestor(i+1))
		}}
	}
}

func ancestorNum(f func(*Event, *msg.Process) (int64, bool)) bind {
	return func(e *Event, r *Ref) *Getter {
		if r.HasArg {
			n := r.N
			return &Getter{Num: func() (int64, bool) {
				if p := e.rec.Ancestor(n); p != nil {
					return f(e, p)
				}
				return 0, false
			}}
		}
		return &Getter{
			// Printed without an index, it is the process itself.
			Num: func() (int64, bool) { return f(e, e.proc) },
			N:   e.ancestors,
			NumAt: func(i int) (int64, bool) {
				return f(e, e.rec.Ancestor(i+1))
			},
		}
	}
}

func (e *Event) ancestors() int { return min(len(e.proc.Ancestors), maxAncestors) }

func comm(e *Event, p *msg.Process) (string, bool) {
	if p.Comm == "" && p == e.proc {
		return e.rec.Comm(), true
	}
	return p.Comm, p.Comm != ""
}

func exe0(_ *Event, p *msg.Process) (string, bool) {
	if len(p.Args) == 0 {
		return p.Exe.GetPath(), p.Exe.GetPath() != ""
	}
	return p.Args[0], true
}

func exePath(_ *Event, p *msg.Process) (string, bool) {
	return p.Exe.GetPath(), p.Exe.GetPath() != ""
}

// rest is the command line after its first word.
func rest(p *msg.Process) []string {
	if len(p.Args) == 0 {
		return nil
	}
	return p.Args[1:]
}

// cmdline is the name followed by the arguments, put together once a batch where
// the name is the process's and not the thread's.
func (e *Event) cmdline(p *msg.Process) (string, bool) {
	if s, ok := e.cmdlines[p]; ok {
		return s, true
	}
	s, _ := comm(e, p)
	if r := rest(p); len(r) > 0 {
		s += " " + join(r)
	}
	if p.Comm != "" {
		e.cmdlines[p] = s
	}
	return s, true
}

func exeLine(e *Event, p *msg.Process) (string, bool) {
	s, ok := exe0(e, p)
	if r := rest(p); len(r) > 0 {
		s += " " + join(r)
	}
	return s, ok
}

func procArgs(e *Event, r *Ref) *Getter {
	n, one := r.N, r.HasArg
	return &Getter{Str: func() (string, bool) {
		a := rest(e.proc)
		if !one {
			return join(a), true
		}
		if n >= len(a) {
			return "", false
		}
		return a[n], true
	}}
}

func ancestorArgs(e *Event, r *Ref) *Getter {
	if r.HasArg {
		n := r.N
		return &Getter{Str: func() (string, bool) {
			if p := e.rec.Ancestor(n); p != nil {
				return join(rest(p)), true
			}
			return "", false
		}}
	}
	return &Getter{Str: func() (string, bool) {
		var all []string
		for i := 1; i <= e.ancestors(); i++ {
			all = append(all, rest(e.rec.Ancestor(i))...)
		}
		return join(all), true
	}}
}

func envOf(p *msg.Process, name string) (string, bool) {
	for _, kv := range p.GetEnv() {
		if len(kv) > len(name) && kv[len(name)] == '=' && kv[:len(name)] == name {
			return kv[len(name)+1:], true
		}
	}
	return "", false
}

// procEnv is empty, not absent, for a variable that is not set.
func procEnv(e *Event, r *Ref) *Getter {
	if !r.HasArg {
		return &Getter{Str: func() (string, bool) { return join(e.proc.Env), true }}
	}
	return &Getter{Str: func() (string, bool) { s, _ := envOf(e.proc, r.Arg); return s, true }}
}

func ancestorEnv(e *Event, r *Ref) *Getter {
	switch {
	case !r.HasArg:
		return &Getter{N: e.ancestors, StrAt: func(i int) (string, bool) {
			return join(e.rec.Ancestor(i + 1).Env), true
		}}
	case r.N >= 0:
		return &Getter{Str: func() (string, bool) {
			if p := e.rec.Ancestor(r.N); p != nil {
				return join(p.Env), true
			}
			return "", false
		}}
	}
	return &Getter{Str: func() (string, bool) {
		for i := 1; i <= min(e.ancestors(), 20); i++ {
			if s, ok := envOf(e.rec.Ancestor(i), r.Arg); ok {
				return s, true
			}
		}
		return "", true
	}}
}

func argCount(_ *Event, p *msg.Process) (int64, bool) { return int64(len(rest(p))), true }

func argLength(_ *Event, p *msg.Process) (n int64, _ bool) {
	for _, a := range rest(p) {
		n += int64(len(a))
	}
	return n, true
}

func cwd(_ *Event, p *msg.Process) (string, bool) {
	if p.Cwd == "" || strings.HasSuffix(p.Cwd, "/") {
		return p.Cwd, p.Cwd != ""
	}
	return p.Cwd + "/", true
}

// loginShell is the oldest of the process and its ancestors whose name ends in
// "sh".
func (e *Event) loginShell() (pid int64, ok bool) {
	for i := 0; i <= e.ancestors(); i++ {
		p := e.rec.Ancestor(i)
		if p != nil && strings.HasSuffix(p.Comm, "sh") {
			pid, ok = int64(p.Pid), true
		}
	}
	return pid, ok
}

// tty is the number of the terminal's device as procfs shows it, 0 for none.
func tty(_ *Event, p *msg.Process) (int64, bool) { return int64(p.Tty), true }

// userDevice turns the kernel's number of a device, major << 20 | minor, into
// the one that stat(2) shows.
func userDevice(d uint32) int64 {
	major, minor := d>>20, d&0xfffff
	return int64(minor&0xff | major<<8 | (minor&^0xff)<<12)
}

func pid(_ *Event, p *msg.Process) (int64, bool)    { return int64(p.Pid), true }
func ppid(_ *Event, p *msg.Process) (int64, bool)   { return int64(p.Ppid), true }
func nsPID(_ *Event, p *msg.Process) (int64, bool)  { return int64(p.NsPid), true }
func sid(_ *Event, p *msg.Process) (int64, bool)    { return int64(p.NsSid), true }
func nsPgid(_ *Event, p *msg.Process) (int64, bool) { return int64(p.NsPgid), true }
func pgid(_ *Event, p *msg.Process) (int64, bool)   { return int64(p.Pgid), true }

func cgroup(_ *Event, p *msg.Process) (string, bool) { return p.Cgroup, p.Cgroup != "" }

func startTime(e *Event, p *msg.Process) (int64, bool) {
	return e.rec.Batch.BootTime + int64(p.StartTime), p.StartTime != 0
}

// age is how long the picked process has lived.
func age(who pick) func(*Event) (int64, bool) {
	return ofNum(who, func(e *Event, p *msg.Process) (int64, bool) {
		t, ok := startTime(e, p)
		return e.rec.Event.Time - t, ok
	})
}

// ofExe reads a fact about the executable file.
func ofExe(f func(*msg.Executable) bool) func(*Event) (bool, bool) {
	return func(e *Event) (bool, bool) { return f(e.proc.Exe), true }
}

func (e *Event) isSessionLeader() bool { return e.proc.NsSid != 0 && e.proc.NsSid == e.proc.NsPid }
func (e *Event) isNsGroupLeader() bool { return e.proc.NsPgid != 0 && e.proc.NsPgid == e.proc.NsPid }
func (e *Event) isGroupLeader() bool   { return e.proc.Pgid != 0 && e.proc.Pgid == e.proc.Pid }

func (e *Event) exeInode() (int64, bool) {
	n := int64(e.proc.Exe.GetInode())
	return n, n != 0
}

func (e *Event) exeCtime() (int64, bool) { return present(e.proc.Exe.GetCtime()) }
func (e *Event) exeMtime() (int64, bool) { return present(e.proc.Exe.GetMtime()) }

func present(n int64) (int64, bool) { return n, n != 0 }

// exeAge is the time between the last change of the executable and the start
// of the process.
func (e *Event) exeAge() (int64, bool) {
	t, ok := startTime(e, e.proc)
	c := e.proc.Exe.GetCtime()
	return t - c, ok && c != 0 && t >= c
}

func (e *Event) exeAfterContainer() (int64, bool) {
	t, ok := e.containerStart()
	c := e.proc.Exe.GetCtime()
	return c - t, ok && c > t
}

func capabilities(set func(*msg.Credentials) uint64) func(*Event) (string, bool) {
	return func(e *Event) (string, bool) {
		if e.proc.Cred == nil {
			return "", false
		}
		return e.capabilityNames(set(e.proc.Cred)), true
	}
}

// maxCapabilitySets bounds for how many sets the names are kept; most processes
// have one of few.
const maxCapabilitySets = 256

func (e *Event) capabilityNames(set uint64) string {
	s, ok := e.capabilities[set]
	if !ok {
		if len(e.capabilities) >= maxCapabilitySets {
			clear(e.capabilities)
		}
		s = CapabilityNames(set)
		e.capabilities[set] = s
	}
	return s
}

// stdinType says what descriptor 0 was when the program was started.
func (e *Event) stdinType() (string, bool) {
	if e.proc.StdinMode == 0 {
		return "", false
	}
	return modeType(e.proc.StdinMode), true
}

func (e *Event) uid() (int64, bool) { return int64(e.proc.Cred.GetUid()), e.proc.Cred != nil }
func (e *Event) gid() (int64, bool) { return int64(e.proc.Cred.GetGid()), e.proc.Cred != nil }

// noName is what name fields hold for an id without a name.
const noName = "<NA>"

func named(name string, id uint32, known bool) (string, bool) {
	switch {
	case name != "":
		return name, true
	case known && id == 0:
		return "root", true
	}
	return noName, true
}

func (e *Event) userName() (string, bool) {
	return named(e.proc.User, e.proc.Cred.GetUid(), e.proc.Cred != nil)
}

func (e *Event) groupName() (string, bool) {
	return named(e.proc.Group, e.proc.Cred.GetGid(), e.proc.Cred != nil)
}

func (e *Event) loginUID() (int64, bool) { return int64(int32(e.proc.LoginUid)), true }

func (e *Event) loginName() (string, bool) {
	return named(e.proc.LoginUser, e.proc.LoginUid, e.proc.Cred != nil)
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
