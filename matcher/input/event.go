package input

import (
	"errors"
	"fmt"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// Event is one event on its way into a batch.
type Event struct {
	// Host, Boot and Seq are its identity; Host also the host's name.
	Host, Boot string
	Seq        uint64
	Time       int64 // ns since the epoch
	Name       string
	Return     int64
	CPU        uint32
	Tid, NsTid int32
	Comm       string
	Count      uint32
	Args       []Arg
	File       *msg.File // nil for none
	Dirs       []*msg.File
	// Process did it; Ancestors are those above it, parent first.
	Process   *msg.Process
	Ancestors []*msg.Process
	Container *msg.Container // nil on the host
}

// Arg is one argument. Value is as a format has it, see [Word]; Raw is the
// number behind a name where the format gives both.
type Arg struct {
	Name  string
	Value any
	Raw   *int64
}

// UnknownEventError says that the catalogue has no event of this name.
type UnknownEventError struct{ Name string }

func (e *UnknownEventError) Error() string { return fmt.Sprintf("there is no event %q", e.Name) }

// ArgumentError says why an argument was left out.
type ArgumentError struct {
	Event, Name string
	Err         error
}

func (e *ArgumentError) Error() string {
	return fmt.Sprintf("argument %s of %s: %v", e.Name, e.Event, e.Err)
}

func (e *ArgumentError) Unwrap() error { return e.Err }

var errNoSuchArgument = errors.New("the event has none of this name")

// Append adds the event to the batch that b makes. An [UnknownEventError]
// means that it was not added; lost lists the arguments it was added without.
// Of two arguments of one name the first counts.
func (e *Event) Append(b *msg.Builder) (lost []*ArgumentError, err error) {
	typ, ok := catalogue.Lookup(e.Name)
	if !ok {
		return nil, &UnknownEventError{e.Name}
	}
	out := &msg.Event{
		Seq: e.Seq, Time: e.Time, Type: uint32(typ.ID), Tid: e.Tid, NsTid: e.NsTid, Comm: uint32(b.String(e.Comm)),
		Cpu: e.CPU, Ret: e.Return, Count: e.Count, Args: make([]int64, len(typ.Params)),
	}
	out.Absent = 1<<uint(len(typ.Params)) - 1
	for _, a := range e.Args {
		i := typ.Param(a.Name)
		switch {
		case i < 0:
			lost = append(lost, &ArgumentError{e.Name, a.Name, errNoSuchArgument})
		case out.Absent&(1<<uint(i)) == 0 || a.Value == nil && a.Raw == nil:
		default:
			word, err := argument(b, &typ.Params[i], a)
			if err != nil {
				lost = append(lost, &ArgumentError{e.Name, a.Name, err})
				continue
			}
			out.Args[i] = word
			out.Absent &^= 1 << uint(i)
		}
	}
	for _, d := range e.Dirs {
		out.Dirs = append(out.Dirs, b.File(d))
	}
	if e.File != nil {
		out.File = b.File(e.File)
	}
	out.Process = e.addProcess(b)
	b.Event(out)
	return lost, nil
}

func argument(b *msg.Builder, p *catalogue.Param, a Arg) (int64, error) {
	if a.Raw != nil && p.Kind < catalogue.String {
		return *a.Raw, nil
	}
	return Word(b, p, a.Value)
}

// addProcess enters the process with its ancestors and its container.
func (e *Event) addProcess(b *msg.Builder) uint32 {
	p := e.Process
	if p == nil {
		p = &msg.Process{LoginUid: noLogin}
	}
	if e.Container != nil {
		p.Container = containerIndex(b, e.Container)
	}
	p.Ancestors = nil
	for _, a := range e.Ancestors {
		p.Ancestors = append(p.Ancestors, b.Process(a))
	}
	return b.Process(p)
}

// containerIndex enters a container once.
func containerIndex(b *msg.Builder, c *msg.Container) uint32 {
	for i, have := range b.Batch().Containers {
		if have == c {
			return uint32(i + 1)
		}
	}
	return b.Container(c)
}

// noLogin is the login uid of a process that nobody logged in to start.
const noLogin = 1<<32 - 1
