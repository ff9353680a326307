package input

import "github.com/tripline/tripline/pkg/msg"

// maxProcesses bounds the table: when it is full it starts over, and what
// rules know of processes with it.
const maxProcesses = 1 << 16

// maxAncestors bounds how far up the ancestors of a process are followed.
const maxAncestors = 16

// processes is what a stream has told of the processes in it.
type processes map[processKey]*known

type processKey struct {
	host string
	pid  int32
}

// known is one process.
type known struct {
	parent int32
	comm   string
	exe    string
	args   []string
}

func newProcesses() processes { return make(processes) }

// note learns from an event and fills in what is known of its process.
func (t processes) note(e *Event) {
	p := e.Process
	key := processKey{e.Host, p.Pid}
	k, ok := t[key]
	if !ok {
		if len(t) >= maxProcesses {
			clear(t)
		}
		k = &known{}
		if parent, ok := t[processKey{e.Host, p.Ppid}]; ok && p.Pid != p.Ppid {
			// Until it runs a program of its own it runs its parent's.
			k.exe, k.args = parent.exe, parent.args
		}
		t[key] = k
	}
	k.parent = p.Ppid
	if e.Tid == p.Pid {
		k.comm = p.Comm
	}
	if started(e) {
		k.exe, k.args = text(e, "pathname"), texts(e, "argv")
	}
	p.Args = k.args
	if p.Exe == nil && k.exe != "" {
		p.Exe = &msg.Executable{Path: k.exe}
	}
	e.Ancestors = t.ancestors(e.Host, p.Pid, p.Ppid)
	if e.Name == "sched_process_exit" && e.Tid == p.Pid {
		delete(t, key)
	}
}

// started says whether the process runs another program from this event on.
func started(e *Event) bool {
	switch e.Name {
	case "sched_process_exec":
		return true
	case "execve", "execveat":
		return e.Return == 0
	}
	return false
}

func (t processes) ancestors(host string, pid, parent int32) (out []*msg.Process) {
	for len(out) < maxAncestors && parent > 0 && parent != pid {
		k, ok := t[processKey{host, parent}]
		if !ok {
			// Its number is known all the same.
			return append(out, &msg.Process{Pid: parent, LoginUid: noLogin})
		}
		a := &msg.Process{Pid: parent, Ppid: k.parent, Comm: k.comm, Args: k.args, LoginUid: noLogin}
		if k.exe != "" {
			a.Exe = &msg.Executable{Path: k.exe}
		}
		out = append(out, a)
		pid, parent = parent, k.parent
	}
	return out
}

func text(e *Event, name string) string {
	for _, a := range e.Args {
		if s, ok := a.Value.(string); ok && a.Name == name {
			return s
		}
	}
	return ""
}

func texts(e *Event, name string) []string {
	for _, a := range e.Args {
		if a.Name == name {
			list, _ := stringsOf(a.Value)
			return list
		}
	}
	return nil
}
