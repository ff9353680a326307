package fields

import (
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// argTable maps the parameters of one event type to what the record has.
type argTable struct {
	info *EventInfo
	typ  *catalogue.Event
	pos  map[string]int // position in the record; -1 for what is made up

	flags     int // position of the flags, -1 for none
	opens     bool
	returnsFD bool
}

func newArgTable(info *EventInfo, typ *catalogue.Event) *argTable {
	t := &argTable{
		info: info, typ: typ, pos: map[string]int{}, flags: typ.Param("flags"),
		opens: Opens(info.Name), returnsFD: returnsFD(info.Name),
	}
	for _, p := range info.Params {
		t.pos[p.Name] = -1
		for _, n := range append([]string{p.Name}, aliases(p.Name)...) {
			i := typ.Param(n)
			if i < 0 || p.Type.Kind == Bytes && typ.Params[i].Kind == catalogue.Pointer {
				continue
			}
			t.pos[p.Name] = i
			break
		}
	}
	if info.Generic {
		// Events that Falco has no parameters for are known by ours.
		for i, p := range typ.Params {
			t.pos[p.Name] = i
		}
	}
	return t
}

// param returns what is known of the named parameter of the current event.
func (e *Event) param(name string) (Param, bool) {
	for _, p := range e.info.Params {
		if p.Name == name {
			return p, true
		}
	}
	if e.info.Generic {
		if _, ok := e.argv.pos[name]; ok {
			return Param{Name: name}, true
		}
	}
	return Param{}, false
}

// argument is evt.arg: one parameter as text.
func argument(e *Event, r *Ref) *Getter {
	name, n := r.Arg, r.N
	byNumber := strings.HasSuffix(r.Text, "]")
	return &Getter{Str: func() (string, bool) {
		if byNumber {
			if n >= len(e.info.Params) {
				return "", false
			}
			return e.argText(e.info.Params[n])
		}
		p, ok := e.param(name)
		if !ok {
			return "", false
		}
		return e.argText(p)
	}}
}

// argText renders a parameter; one that the event has but the record does not
// reads <NA>.
func (e *Event) argText(p Param) (string, bool) {
	if s, n, ok := e.madeUp(p.Name); ok {
		if s != "" || p.Type.Kind == String {
			return s, true
		}
		return itoa(n), true
	}
	i, ok := e.argv.pos[p.Name]
	if !ok {
		return "", false
	}
	if p.Name == "tuple" {
		if t := e.tuple(); t != "" {
			return t, true
		}
	}
	v, ok := e.rec.ArgAt(i)
	if !ok {
		if p.Name == "flags" && Opens(e.info.Name) {
			return openFlagNames(e.openFlags()), true
		}
		return noName, true
	}
	switch v.Param.Kind {
	case catalogue.Path, catalogue.String:
		if p.Type.Name == "path" {
			return e.absolute(p.Name, v.Str()), true
		}
		return v.Str(), true
	case catalogue.FD:
		return e.fdText(v.Word), true
	case catalogue.Mode:
		if p.Type.Name == "mode" {
			return modeNames(uint64(v.Word)), true
		}
	case catalogue.UID:
		if uint32(v.Word) == 0 {
			return "root", true
		}
		if e.proc.Cred != nil && uint32(v.Word) == e.proc.Cred.Uid && e.proc.User != "" {
			return e.proc.User, true
		}
	case catalogue.GID:
		if uint32(v.Word) == 0 {
			return "root", true
		}
	case catalogue.Bytes:
		return printable(v.Bytes()), true
	}
	return v.Text(), true
}

// openFlagNames shows flags that the kernel gave with the file, for calls that
// hide them behind a pointer.
func openFlagNames(flags int64) string {
	v, ok := catalogue.LookupValues("open")
	if !ok {
		return itoa(flags)
	}
	return v.Format(uint64(flags))
}

// fdText shows a descriptor with what it refers to, where that is known.
func (e *Event) fdText(fd int64) string {
	if fd < 0 {
		if int32(fd) == atFDCWD {
			return "AT_FDCWD"
		}
		return ErrnoName(-fd)
	}
	if n, ok := e.fdNum(); ok && n == fd {
		c, _ := e.fdTypeChar()
		name, _ := e.fdName()
		return "<" + c + ">" + name
	}
	return itoa(fd)
}

// ended takes apart how a process ended, which is as wait(2) tells it.
func ended(name string, status int64) int64 {
	const signal, core = 0x7f, 0x80
	switch name {
	case "ret":
		return status >> 8 & 0xff
	case "sig":
		return status & signal
	case "core":
		return status & core / core
	}
	return status
}

// madeUp gives the parameters that Falco fills from elsewhere: results, and
// all that exec says of the new program.
func (e *Event) madeUp(name string) (s string, n int64, ok bool) {
	ret := e.rec.Event.Ret
	switch name {
	case "res":
		if ret < 0 {
			return ErrnoName(-ret), ret, e.hasRet()
		}
		return "", ret, e.hasRet()
	case "fd":
		if returnsFD(e.info.Name) {
			return e.fdText(ret), ret, true
		}
	case "uid", "euid", "gid", "egid":
		switch e.info.Name {
		case "getuid", "geteuid", "getgid", "getegid":
			return "", ret, true
		}
	case "status", "ret", "sig", "core":
		if e.info.Name == "procexit" {
			v, has := e.rec.Arg("exit_code")
			return "", ended(name, v.Word), has
		}
	}
	switch e.info.Name {
	case "execve", "execveat", "clone", "clone3", "fork", "vfork":
	default:
		return "", 0, false
	}
	p := e.proc
	text := func(f func(*Event, *msg.Process) (string, bool)) (string, int64, bool) {
		s, ok := f(e, p)
		if !ok {
			s = noName
		}
		return s, 0, true
	}
	whole := func(n int64) (string, int64, bool) { return "", n, true }
	switch name {
	case "exe":
		return text(exe0)
	case "args":
		return join(rest(p)), 0, true
	case "tid":
		return "", int64(e.rec.Event.Tid), true
	case "pid":
		return "", int64(p.Pid), true
	case "ptid":
		return "", int64(p.Ppid), true
	case "cwd":
		return text(cwd)
	case "comm":
		return text(comm)
	case "cgroups":
		return text(cgroup)
	case "env":
		return join(p.Env), 0, true
	case "tty":
		return whole(int64(p.Tty))
	case "vpgid":
		return whole(int64(p.NsPgid))
	case "pgid":
		return whole(int64(p.Pgid))
	case "vtid":
		return whole(int64(e.rec.Event.NsTid))
	case "vpid":
		return whole(int64(p.NsPid))
	case "trusted_exepath":
		return text(exePath)
	case "exe_ino":
		return whole(int64(p.Exe.GetInode()))
	case "exe_ino_ctime":
		return whole(p.Exe.GetCtime())
	case "exe_ino_mtime":
		return whole(p.Exe.GetMtime())
	case "loginuid":
		s, _ := e.loginName()
		return s, int64(int32(p.LoginUid)), true
	case "uid":
		s, _ := e.userName()
		return s, int64(p.Cred.GetUid()), p.Cred != nil
	case "gid":
		s, _ := e.groupName()
		return s, int64(p.Cred.GetGid()), p.Cred != nil
	case "cap_inheritable":
		return CapabilityNames(p.Cred.GetCapInheritable()), int64(p.Cred.GetCapInheritable()), p.Cred != nil
	case "cap_permitted":
		return CapabilityNames(p.Cred.GetCapPermitted()), int64(p.Cred.GetCapPermitted()), p.Cred != nil
	case "cap_effective":
		return CapabilityNames(p.Cred.GetCapEffective()), int64(p.Cred.GetCapEffective()), p.Cred != nil
	case "flags":
		if e.info.Name == "execve" || e.info.Name == "execveat" {
			s, n := execFlags(p.Exe)
			return s, n, true
		}
	}
	return "", 0, false
}

// execFlags are the flags that Falco gives a started program.
func execFlags(x *msg.Executable) (s string, n int64) {
	var names []string
	for i, f := range []struct {
		set  bool
		name string
	}{
		{x.GetWritable(), "EXE_WRITABLE"},
		{x.GetUpperLayer(), "EXE_UPPER_LAYER"},
		{x.GetMemfd(), "EXE_FROM_MEMFD"},
		{x.GetLowerLayer(), "EXE_LOWER_LAYER"},
	} {
		if f.set {
			names = append(names, f.name)
			n |= 1 << i
		}
	}
	if len(names) == 0 {
		return "0", 0
	}
	return strings.Join(names, "|"), n
}

// rawArgument is evt.rawarg: one parameter in its own type.
func rawArgument(e *Event, r *Ref) *Getter {
	name := r.Arg
	value := func() (s string, n int64, ok bool) {
		p, has := e.param(name)
		if !has {
			return "", 0, false
		}
		if s, n, ok := e.madeUp(p.Name); ok {
			return s, n, true
		}
		i, has := e.argv.pos[p.Name]
		if !has {
			return "", 0, false
		}
		v, has := e.rec.ArgAt(i)
		if !has {
			return "", 0, false
		}
		if v.Param.Kind == catalogue.Bytes {
			return string(v.Bytes()), 0, true
		}
		return v.Str(), v.Word, true
	}
	switch r.Type.Kind {
	case String, Bytes:
		return &Getter{Str: func() (string, bool) { s, _, ok := value(); return s, ok }}
	case Double:
		return &Getter{Float: func() (float64, bool) { _, n, ok := value(); return float64(n), ok }}
	case IP, Net:
		return &Getter{IP: Never().IP}
	}
	return &Getter{Num: func() (int64, bool) { _, n, ok := value(); return n, ok }}
}

// argBytes is the content of a parameter of bytes.
func argBytes(name string) bind {
	return func(e *Event, _ *Ref) *Getter {
		return &Getter{Str: func() (string, bool) {
			p, ok := e.param(name)
			if !ok {
				return "", false
			}
			v, ok := e.rec.ArgAt(e.argv.pos[p.Name])
			if !ok || v.Param.Kind != catalogue.Bytes {
				return "", false
			}
			return string(v.Bytes()), true
		}}
	}
}

// argsText lists all parameters.
func (e *Event) argsText() (string, bool) {
	var b strings.Builder
	for _, p := range e.info.Params {
		s, ok := e.argText(p)
		if !ok {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(p.Name)
		b.WriteByte('=')
		if _, n, ok := e.madeUp(p.Name); ok && p.Type.Number() && s != itoa(n) {
			s = itoa(n) + "(" + s + ")"
		}
		b.WriteString(s)
	}
	return b.String(), true
}

// printable shows bytes as text where they are, else in hex.
func printable(p []byte) string {
	for _, c := range p {
		if c < ' ' && c != '\n' && c != '\t' && c != '\r' || c >= 0x7f {
			return hex.EncodeToString(p)
		}
	}
	return string(p)
}

// modeNames shows permission bits by name.
func modeNames(m uint64) string {
	var out []string
	for i, n := range []string{
		"S_IXOTH", "S_IWOTH", "S_IROTH", "S_IXGRP", "S_IWGRP", "S_IRGRP",
		"S_IXUSR", "S_IWUSR", "S_IRUSR", "S_ISVTX", "S_ISGID", "S_ISUID",
	} {
		if m&(1<<i) != 0 {
			out = append(out, n)
		}
	}
	if len(out) == 0 {
		return strconv.FormatUint(m, 10)
	}
	return strings.Join(out, "|")
}
