package ruletest

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// The clock of tests: when the machine was booted and when events happen, in
// ns since the epoch.
const (
	bootTime = 1_700_000_000_000_000_000
	now      = bootTime + 3_600_000_000_000
)

// Record makes the event.
func (c *Case) Record() (msg.Record, error) {
	typ, ok := catalogue.Lookup(c.Event.Name)
	if !ok {
		return msg.Record{}, fmt.Errorf("there is no event %q", c.Event.Name)
	}
	b := &msg.Builder{}
	b.Batch().Host, b.Batch().BootId, b.Batch().BootTime = "test", "test", bootTime
	b.String("")
	container := uint32(0)
	if c.Event.Container != nil {
		container = b.Container(c.Event.Container.message())
	}
	procs := append([]Process{c.Event.Process}, c.Event.Parents...)
	pids := make([]int32, len(procs))
	var ancestors []uint32
	for i := len(procs) - 1; i >= 0; i-- {
		if pids[i] = procs[i].PID; pids[i] == 0 {
			pids[i] = int32(1000 - i)
		}
		p := procs[i].message(pids[i])
		p.Container = container
		p.Ancestors = ancestors
		if i+1 < len(procs) {
			p.Ppid = pids[i+1]
		}
		ancestors = append([]uint32{b.Process(p)}, ancestors...)
	}
	e := &msg.Event{
		Seq: 1, Time: now, Type: uint32(typ.ID), Ret: c.Event.Return,
		Process: ancestors[0], Tid: pids[0], NsTid: procs[0].NSPID,
		Comm: uint32(b.String(procs[0].Comm)), Args: make([]int64, len(typ.Params)),
	}
	for i := range typ.Params {
		e.Absent |= 1 << i
	}
	for name, v := range c.Event.Args {
		i := typ.Param(name)
		if i < 0 {
			return msg.Record{}, fmt.Errorf("the event %s has no argument %q", typ.Name, name)
		}
		word, err := argument(b, &typ.Params[i], v)
		if err != nil {
			return msg.Record{}, fmt.Errorf("argument %s: %w", name, err)
		}
		e.Args[i] = word
		e.Absent &^= 1 << i
	}
	if f := c.Event.File; f != nil {
		m, err := f.message()
		if err != nil {
			return msg.Record{}, err
		}
		e.File = b.File(m)
	}
	b.Event(e)
	return b.Take().Record(0), nil
}

// argument makes the word of an argument.
func argument(b *msg.Builder, p *catalogue.Param, v any) (int64, error) {
	text, isText := v.(string)
	switch p.Kind {
	case catalogue.String, catalogue.Path:
		if !isText {
			return 0, fmt.Errorf("expected text, not %v", v)
		}
		return b.String(text), nil
	case catalogue.Bytes:
		return b.Bytes([]byte(text)), nil
	case catalogue.Strings:
		list, ok := v.([]any)
		if !ok {
			return 0, fmt.Errorf("expected a list, not %v", v)
		}
		l := &msg.StringList{}
		for _, x := range list {
			l.Items = append(l.Items, fmt.Sprint(x))
		}
		return b.List(l), nil
	case catalogue.SockAddr:
		a, err := address(text)
		if err != nil {
			return 0, err
		}
		return b.Address(a), nil
	case catalogue.Cred:
		return 0, fmt.Errorf("credentials cannot be given")
	}
	switch n := v.(type) {
	case int:
		return int64(n), nil
	case bool:
		if n {
			return 1, nil
		}
		return 0, nil
	}
	if p.Values == nil || !isText {
		return 0, fmt.Errorf("expected a number, not %v", v)
	}
	return byName(p.Values, text)
}

// byName reads flags or an enumeration: "O_WRONLY|O_CREAT".
func byName(vals *catalogue.Values, text string) (int64, error) {
	var word uint64
next:
	for _, name := range strings.Split(text, "|") {
		for _, v := range vals.List {
			if v.Name == name {
				word |= v.Num
				continue next
			}
		}
		n, err := strconv.ParseUint(name, 0, 64)
		if err != nil {
			return 0, fmt.Errorf("there is no value %q", name)
		}
		word |= n
	}
	return int64(word), nil
}

// address reads host:port, or a path of a Unix socket.
func address(s string) (*msg.SocketAddress, error) {
	if strings.HasPrefix(s, "/") || strings.HasPrefix(s, "@") {
		return &msg.SocketAddress{Family: msg.AFUnix, Path: s}, nil
	}
	ap, err := netip.ParseAddrPort(s)
	if err != nil {
		return nil, fmt.Errorf("expected host:port or a path: %w", err)
	}
	family := uint32(msg.AFInet)
	if ap.Addr().Is6() {
		family = msg.AFInet6
	}
	return &msg.SocketAddress{Family: family, Ip: ap.Addr().AsSlice(), Port: uint32(ap.Port())}, nil
}

func (p *Process) message(pid int32) *msg.Process {
	login := uint32(4294967295)
	if p.LoginUID != nil {
		login = *p.LoginUID
	}
	age := p.Age
	if age == 0 {
		age = 1e9
	}
	ns := p.NSPID
	if ns == 0 {
		ns = pid
	}
	return &msg.Process{
		Pid: pid, NsPid: ns, Comm: p.Comm, Args: p.Args, Env: p.Env, Cwd: p.CWD, Tty: p.TTY,
		Sid: p.SID, NsSid: p.SID, User: p.User, LoginUid: login, LoginUser: p.LoginUser,
		StartTime: uint64(now - bootTime - int64(age)),
		Cred:      &msg.Credentials{Uid: p.UID, Euid: p.UID, Gid: p.UID, CapEffective: p.CapEffective},
		Exe:       &msg.Executable{Path: p.Exe, UpperLayer: p.UpperLayer, Memfd: p.Memfd, Writable: p.Writable},
		Knowledge: msg.Knowledge_KNOWLEDGE_KERNEL,
	}
}

func (f *File) message() (*msg.File, error) {
	m := &msg.File{Fd: f.FD, Path: f.Path, Inode: f.Inode, Mode: f.Mode, SocketType: f.Socket, Protocol: f.Protocol}
	for _, end := range []struct {
		text string
		to   **msg.SocketAddress
	}{{f.Local, &m.Local}, {f.Remote, &m.Remote}} {
		if end.text == "" {
			continue
		}
		a, err := address(end.text)
		if err != nil {
			return nil, err
		}
		*end.to = a
	}
	return m, nil
}

func (c *Container) message() *msg.Container {
	m := &msg.Container{
		Id: c.ID, Name: c.Name, Runtime: c.Runtime, Labels: c.Labels, Privileged: c.Privileged,
		Image:        &msg.Image{Name: c.Image, Repository: c.Repository, Tag: c.Tag},
		Completeness: msg.Completeness_COMPLETENESS_COMPLETE,
	}
	for _, x := range c.Mounts {
		m.Mounts = append(m.Mounts, &msg.Mount{Source: x.Source, Destination: x.Destination, Writable: x.Writable})
	}
	if c.Pod != "" {
		m.Pod = &msg.Pod{Name: c.Pod, Namespace: c.Namespace}
	}
	return m
}
