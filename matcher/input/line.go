package input

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/tripline/tripline/pkg/detect/trace"
	"github.com/tripline/tripline/pkg/msg"
)

// line is an event as JSON, Tracee's or Tripline's; but for the arguments and
// the container they share no field.
type line struct {
	Args      []msg.ArgJSON      `json:"args"`
	Container *msg.ContainerJSON `json:"container"`
	traceeFields
	ownFields
}

// traceeFields are those of [trace.Event], without the number of the event and
// the stack, which are not used.
type traceeFields struct {
	Timestamp           int    `json:"timestamp"`
	ProcessorID         int    `json:"processorId"`
	ProcessID           int    `json:"processId"`
	ThreadID            int    `json:"threadId"`
	ParentProcessID     int    `json:"parentProcessId"`
	HostProcessID       int    `json:"hostProcessId"`
	HostThreadID        int    `json:"hostThreadId"`
	HostParentProcessID int    `json:"hostParentProcessId"`
	UserID              int    `json:"userId"`
	MountNS             int    `json:"mountNamespace"`
	PIDNS               int    `json:"pidNamespace"`
	ProcessName         string `json:"processName"`
	HostName            string `json:"hostName"`
	ContainerID         string `json:"containerId"`
	EventName           string `json:"eventName"`
	ReturnValue         int    `json:"returnValue"`
	// These Tracee writes since 0.8, and a container beside them.
	Executable struct {
		Path string `json:"path"`
	} `json:"executable"`
	Kubernetes struct {
		PodName      string `json:"podName"`
		PodNamespace string `json:"podNamespace"`
		PodUID       string `json:"podUID"`
	} `json:"kubernetes"`
}

// ownFields are those of [msg.EventJSON] but for what follows from others.
type ownFields struct {
	Host    string           `json:"host"`
	BootID  string           `json:"boot_id"`
	Seq     uint64           `json:"seq"`
	Time    time.Time        `json:"time"`
	Name    string           `json:"name"`
	Return  int64            `json:"return"`
	CPU     uint32           `json:"cpu"`
	TID     int32            `json:"tid"`
	Comm    string           `json:"comm"`
	File    *msg.FileJSON    `json:"file"`
	Dirs    []msg.FileJSON   `json:"dirs"`
	Count   uint32           `json:"count"`
	Process *msg.ProcessJSON `json:"process"`
}

var errNotAnEvent = errors.New("not an event: it has neither eventName, as Tracee's, nor name, as Tripline's")

// parseLine reads one line.
func (c *converter) parseLine(content []byte) (*Event, error) {
	var l line
	dec := json.NewDecoder(bytes.NewReader(content))
	dec.UseNumber()
	if err := dec.Decode(&l); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, errors.New("the JSON object does not end on the line")
		}
		return nil, err
	}
	if rest := bytes.TrimSpace(content[dec.InputOffset():]); len(rest) > 0 {
		return nil, errors.New("more than one JSON value on the line")
	}
	args := make([]Arg, len(l.Args))
	for i, a := range l.Args {
		args[i] = Arg{Name: a.Name, Value: a.Value, Raw: a.Raw}
	}
	switch {
	case l.EventName != "":
		return c.convert(l.traceeEvent(), args, l.traceeContainer(), l.Executable.Path), nil
	case l.Name != "":
		return own(&l, args)
	}
	return nil, errNotAnEvent
}

func (l *line) traceeEvent() *trace.Event {
	return &trace.Event{
		Timestamp: l.Timestamp, ProcessorID: l.ProcessorID,
		ProcessID: l.ProcessID, ThreadID: l.ThreadID, ParentProcessID: l.ParentProcessID,
		HostProcessID: l.HostProcessID, HostThreadID: l.HostThreadID, HostParentProcessID: l.HostParentProcessID,
		UserID: l.UserID, MountNS: l.MountNS, PIDNS: l.PIDNS, ProcessName: l.ProcessName, HostName: l.HostName,
		ContainerID: l.ContainerID, EventName: l.EventName, ReturnValue: l.ReturnValue,
	}
}

// traceeContainer is what versions after 0.7 tell of a container.
func (l *line) traceeContainer() *msg.Container {
	if l.Container == nil || l.Container.ID == "" {
		return nil
	}
	c := container(l.Container)
	c.Completeness = msg.Completeness_COMPLETENESS_PARTIAL
	if k := l.Kubernetes; k.PodName != "" {
		c.Pod = &msg.Pod{Name: k.PodName, Namespace: k.PodNamespace, Uid: k.PodUID}
	}
	return c
}

// own makes an event of Tripline's readable form.
func own(e *line, args []Arg) (*Event, error) {
	out := &Event{
		Host: e.Host, Boot: e.BootID, Seq: e.Seq, Time: nanoseconds(e.Time), Name: e.Name, Return: e.Return,
		CPU: e.CPU, Tid: e.TID, Comm: e.Comm, Count: e.Count, Args: args,
	}
	for _, d := range e.Dirs {
		out.Dirs = append(out.Dirs, &msg.File{Fd: d.FD, Path: d.Path, Inode: d.Inode})
	}
	if f := e.File; f != nil {
		out.File = &msg.File{Fd: f.FD, Path: f.Path, Inode: f.Inode}
		for _, end := range []struct {
			text string
			to   **msg.SocketAddress
		}{{f.Local, &out.File.Local}, {f.Remote, &out.File.Remote}} {
			if end.text == "" {
				continue
			}
			a, err := Address(end.text)
			if err != nil {
				return nil, err
			}
			*end.to = a
		}
	}
	if p := e.Process; p != nil {
		out.Process = process(p)
		if out.NsTid = e.TID; out.Process.NsPid != out.Process.Pid {
			out.NsTid = 0 // not told
		}
		for _, a := range p.Ancestors {
			out.Ancestors = append(out.Ancestors, &msg.Process{
				Pid: a.PID, Comm: a.Comm, Args: a.Args, Exe: executable(a.Exe), LoginUid: noLogin,
			})
		}
	}
	if e.Container != nil {
		out.Container = container(e.Container)
	}
	return out, nil
}

// process undoes [msg.Record.JSON]; times since boot are times since the
// epoch here, as the batch has no boot time.
func process(p *msg.ProcessJSON) *msg.Process {
	out := &msg.Process{
		Pid: p.PID, Ppid: p.PPID, NsPid: p.NSPID, Comm: p.Comm, Exe: executable(p.Exe), Args: p.Args, Cwd: p.CWD,
		Tty: p.TTY, Sid: p.SID, User: p.User, LoginUser: p.LoginUser, LoginUid: noLogin, Cgroup: p.Cgroup,
		StartTime: uint64(max(0, nanoseconds(p.StartTime))),
	}
	if p.UID != nil {
		out.Cred = &msg.Credentials{Uid: *p.UID, Euid: *p.UID}
		if p.GID != nil {
			out.Cred.Gid, out.Cred.Egid = *p.GID, *p.GID
		}
		if p.EUID != nil {
			out.Cred.Euid = *p.EUID
		}
	}
	if p.LoginUID != nil {
		out.LoginUid = *p.LoginUID
	}
	switch p.Knowledge {
	case "kernel":
		out.Knowledge = msg.Knowledge_KNOWLEDGE_KERNEL
	case "proc":
		out.Knowledge = msg.Knowledge_KNOWLEDGE_PROC
	case "inherited":
		out.Knowledge = msg.Knowledge_KNOWLEDGE_INHERITED
	}
	return out
}

func executable(path string) *msg.Executable {
	if path == "" {
		return nil
	}
	return &msg.Executable{Path: path}
}

func container(c *msg.ContainerJSON) *msg.Container {
	out := &msg.Container{
		Id: c.ID, Runtime: c.Runtime, Name: c.Name, Labels: c.Labels, Privileged: c.Privileged,
		Ip: c.IP, Parent: c.Parent,
	}
	if c.Image != "" || c.ImageID != "" {
		out.Image = image(c.Image)
		out.Image.Id = c.ImageID
	}
	switch c.Completeness {
	case msg.Completeness_COMPLETENESS_COMPLETE.Text():
		out.Completeness = msg.Completeness_COMPLETENESS_COMPLETE
	case msg.Completeness_COMPLETENESS_PARTIAL.Text():
		out.Completeness = msg.Completeness_COMPLETENESS_PARTIAL
	}
	if p := c.Pod; p != nil {
		out.Pod = &msg.Pod{Name: p.Name, Namespace: p.Namespace, Uid: p.UID, Labels: p.Labels, SandboxId: p.SandboxID, Ip: p.IP}
	}
	return out
}

// nanoseconds since the epoch; 0 for no time at all.
func nanoseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}
