package ruletest

import (
	"fmt"

	"github.com/tripline/tripline/matcher/input"
	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// The clock of tests: when the machine was booted and when the first event of
// a case happens, in ns since the epoch.
const (
	bootTime = 1_700_000_000_000_000_000
	start    = bootTime + 3_600_000_000_000
)

// defaultAge is how long a process has lived that is not given an age, in ns.
const defaultAge = 1_000_000_000

// noLogin is the login uid of a process that nobody logged in to start.
const noLogin = 1<<32 - 1

// firstPID numbers the process of an event that is not given a number; those
// above it count down from there.
const firstPID = 1000

// batch makes the events of the case; the sequence number of the i-th is i+1.
func (c *Case) batch(partition uint32) (*msg.Batch, error) {
	var b msg.Builder
	for i := range c.Events {
		e, err := c.Events[i].make(i)
		if err != nil {
			return nil, fmt.Errorf("event %d: %w", i, err)
		}
		lost, err := e.Append(&b)
		if err != nil {
			return nil, err
		}
		if len(lost) > 0 {
			return nil, lost[0]
		}
	}
	out := b.Take()
	out.Host, out.BootId, out.BootTime, out.Partition = "test", "test", bootTime, partition
	return out, nil
}

func (e *Event) make(i int) (*input.Event, error) {
	now := int64(start + e.At)
	procs := append([]Process{e.Process}, e.Parents...)
	made := make([]*msg.Process, len(procs))
	for i := range procs {
		made[i] = procs[i].message(int32(firstPID-i), now)
		if i > 0 {
			made[i-1].Ppid = made[i].Pid
		}
	}
	out := &input.Event{
		Host: "test", Boot: "test", Seq: uint64(i + 1), Time: now, Name: e.Name, Return: e.Return,
		Tid: made[0].Pid, NsTid: made[0].NsPid, Comm: made[0].Comm, Process: made[0], Ancestors: made[1:],
	}
	if e.Container != nil {
		out.Container = e.Container.message()
	}
	if e.File != nil {
		f, err := e.File.message()
		if err != nil {
			return nil, err
		}
		out.File = f
	}
	for name, v := range e.Args {
		out.Args = append(out.Args, input.Arg{Name: name, Value: plain(e.Name, name, v)})
	}
	return out, nil
}

// plain lets bytes be given as text.
func plain(event, arg string, v any) any {
	s, isText := v.(string)
	if e, ok := catalogue.Lookup(event); ok && isText {
		if i := e.Param(arg); i >= 0 && e.Params[i].Kind == catalogue.Bytes {
			return []byte(s)
		}
	}
	return v
}

func (p *Process) message(pid int32, now int64) *msg.Process {
	login := uint32(noLogin)
	if p.LoginUID != nil {
		login = *p.LoginUID
	}
	if p.PID != 0 {
		pid = p.PID
	}
	ns := p.NSPID
	if ns == 0 {
		ns = pid
	}
	age := int64(p.Age)
	if age == 0 {
		age = defaultAge
	}
	return &msg.Process{
		Pid: pid, NsPid: ns, Comm: p.Comm, Args: p.Args, Env: p.Env, Cwd: p.CWD, Tty: p.TTY, StdinMode: p.StdinMode,
		Sid: p.SID, NsSid: p.SID, User: p.User, LoginUid: login, LoginUser: p.LoginUser,
		StartTime: uint64(max(0, now-bootTime-age)),
		Cred:      &msg.Credentials{Uid: p.UID, Euid: p.UID, Gid: p.UID, Egid: p.UID, CapEffective: p.CapEffective},
		Exe:       &msg.Executable{Path: p.Exe, UpperLayer: p.UpperLayer, Memfd: p.Memfd, Writable: p.Writable},
		Knowledge: msg.Knowledge_KNOWLEDGE_KERNEL,
	}
}

func (f *File) message() (*msg.File, error) {
	out := &msg.File{Fd: f.FD, Path: f.Path, Inode: f.Inode, Mode: f.Mode, SocketType: f.Socket, Protocol: f.Protocol}
	for _, end := range []struct {
		text string
		to   **msg.SocketAddress
	}{{f.Local, &out.Local}, {f.Remote, &out.Remote}} {
		if end.text == "" {
			continue
		}
		a, err := input.Address(end.text)
		if err != nil {
			return nil, err
		}
		*end.to = a
	}
	return out, nil
}

func (c *Container) message() *msg.Container {
	out := &msg.Container{
		Id: c.ID, Name: c.Name, Runtime: c.Runtime, Labels: c.Labels, Privileged: c.Privileged,
		Image:        &msg.Image{Name: c.Image, Repository: c.Repository, Tag: c.Tag},
		Completeness: msg.Completeness_COMPLETENESS_COMPLETE,
	}
	for _, m := range c.Mounts {
		out.Mounts = append(out.Mounts, &msg.Mount{Source: m.Source, Destination: m.Destination, Writable: m.Writable})
	}
	if c.Pod != "" {
		out.Pod = &msg.Pod{Name: c.Pod, Namespace: c.Namespace}
	}
	return out
}
