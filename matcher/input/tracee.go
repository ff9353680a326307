package input

import (
	"strconv"

	"github.com/tripline/tripline/pkg/detect/trace"
	"github.com/tripline/tripline/pkg/msg"
)

// converter makes events of what Tracee writes. It remembers what the stream
// told of processes and containers.
type converter struct {
	boot      string // made of the first event, so that a file always gives the same ids
	seq       uint64
	processes processes
	sockets   sockets
	// added is an event that follows from the one before.
	added      *Event
	containers map[string]*msg.Container
}

// maxContainers bounds the memory for containers.
const maxContainers = 1 << 14

func newConverter() *converter {
	return &converter{processes: newProcesses(), containers: make(map[string]*msg.Container)}
}

// takeAdded returns the event that follows from the one before, or nil.
func (c *converter) takeAdded() *Event {
	e := c.added
	c.added = nil
	return e
}

// traceeArgs are the arguments of an event as gob carries them.
func traceeArgs(e *trace.Event) []Arg {
	out := make([]Arg, len(e.Args))
	for i, a := range e.Args {
		out[i] = Arg{Name: a.Name, Value: a.Value}
	}
	return out
}

// convert makes an event. What Tracee 0.7 does not write may be empty: the
// container beyond its id, and the path of the executable.
func (c *converter) convert(e *trace.Event, args []Arg, box *msg.Container, exe string) *Event {
	if c.boot == "" {
		c.boot = "tracee-" + strconv.Itoa(e.Timestamp)
	}
	c.seq++
	p := &msg.Process{
		Pid: int32(e.HostProcessID), Ppid: int32(e.HostParentProcessID),
		NsPid: int32(e.ProcessID), NsPpid: int32(e.ParentProcessID),
		Comm: e.ProcessName, LoginUid: noLogin,
		Cred: &msg.Credentials{Uid: uint32(e.UserID), Euid: uint32(e.UserID)},
		Ns:   &msg.Namespaces{Mnt: uint32(e.MountNS), Pid: uint32(e.PIDNS)},
	}
	if exe != "" {
		p.Exe = &msg.Executable{Path: exe}
	}
	out := &Event{
		Host: e.HostName, Boot: c.boot, Seq: c.seq, Time: int64(e.Timestamp), Name: e.EventName, Return: int64(e.ReturnValue),
		CPU: uint32(e.ProcessorID), Tid: int32(e.HostThreadID), NsTid: int32(e.ThreadID), Comm: e.ProcessName,
		Process: p, Container: c.container(e.ContainerID, box), Args: args,
	}
	c.processes.note(out)
	if c.added = c.sockets.note(out); c.added != nil {
		c.seq++
		c.added.Seq = c.seq
	}
	return out
}

// container returns what is known of a container, nil for the host.
func (c *converter) container(id string, box *msg.Container) *msg.Container {
	if id == "" {
		id = box.GetId()
	}
	if id == "" {
		return nil
	}
	if have, ok := c.containers[id]; ok {
		return have
	}
	if len(c.containers) >= maxContainers {
		clear(c.containers)
	}
	if box == nil {
		box = &msg.Container{}
	}
	box.Id = id
	c.containers[id] = box
	return box
}
