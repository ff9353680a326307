package rego

import (
	"strconv"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/pkg/msg"
)

// document is the input of one event, shared by all rules held against it. It
// is made when the first rule is put to OPA. It is one of OPA's own lazy
// objects: OPA asks in many places for its own types by name, so an object of
// ours would bring some built-in functions down. For the same reason it is made
// of plain Go values only.
//
// What many events of a batch share, processes and containers, is converted
// once a batch.
type document struct {
	max   int
	ev    *matcher.Event
	top   map[string]any
	term  *ast.Term
	batch *msg.Batch
	procs map[*msg.Process]part
	conts map[*msg.Container]part
}

// part is a piece of the document that events share: as it is, and as OPA
// sees it.
type part struct {
	plain map[string]any
	value ast.Value
}

func newDocument(maxString int) *document {
	return &document{max: maxString, top: make(map[string]any, 32), procs: map[*msg.Process]part{}, conts: map[*msg.Container]part{}}
}

// reset turns to another event.
func (d *document) reset(ev *matcher.Event) {
	d.ev, d.term = ev, nil
	if d.batch != ev.Batch {
		d.batch = ev.Batch
		clear(d.procs)
		clear(d.conts)
	}
}

// input returns the document.
func (d *document) input() *ast.Term {
	if d.term == nil {
		d.fill()
		d.term = ast.NewTerm(ast.LazyObject(d.top))
	}
	return d.term
}

// Input is the document that rules see for the event, as plain values fit for
// encoding/json: what a test of a rule is written against. Strings are cut at
// maxString bytes.
func Input(ev *matcher.Event, maxString int) (map[string]any, error) {
	d := newDocument(maxString)
	d.reset(ev)
	v, err := toGo(d.input().Value)
	if err != nil {
		return nil, err
	}
	return v.(map[string]any), nil
}

func (d *document) fill() {
	clear(d.top)
	ev, e, p, t := d.ev, d.ev.Event, d.ev.Process(), d.top
	id := idsOf(ev.Record)
	t["timestamp"] = e.Time
	t["processorId"] = int64(e.Cpu)
	t["processId"] = id.pid
	t["threadId"] = id.tid
	t["parentProcessId"] = id.ppid
	t["hostProcessId"] = int64(p.Pid)
	t["hostThreadId"] = int64(e.Tid)
	t["hostParentProcessId"] = int64(p.Ppid)
	t["userId"] = int64(p.Cred.GetUid())
	t["mountNamespace"] = int64(p.Ns.GetMnt())
	t["pidNamespace"] = int64(p.Ns.GetPid())
	t["processName"] = d.text(ev.Comm())
	t["hostName"] = d.text(ev.Batch.Host)
	t["containerId"] = d.text(ev.Container().GetId())
	t["eventId"] = strconv.FormatUint(uint64(e.Type), 10)
	t["eventName"] = ev.Name()
	t["returnValue"] = e.Ret
	t["stackAddresses"] = nil

	n := ev.NumArgs()
	list := make([]any, 0, n)
	byName := make(map[string]any, n)
	for i := range n {
		v, ok := ev.ArgAt(i)
		if !ok {
			continue
		}
		value, typ := d.arg(v)
		byName[v.Param.Name] = value
		list = append(list, map[string]any{"name": v.Param.Name, "type": typ, "value": value})
	}
	t["argsNum"] = int64(len(list))
	t["args"] = list
	t["argsByName"] = byName

	t["process"] = d.process(p).plain
	if c := ev.Container(); c != nil {
		t["container"] = d.container(c).plain
		if c.Pod != nil {
			t["pod"] = d.pod(c.Pod)
		}
	}
	if f := ev.File(); f != nil {
		t["file"] = d.file(f)
	}
}

// ids are the numbers that a process has in its own pid namespace.
type ids struct{ pid, tid, ppid int64 }

// idsOf returns the numbers in the process's namespace, the host's where it is
// not known to have others.
func idsOf(r msg.Record) ids {
	p, e := r.Process(), r.Event
	out := ids{pid: int64(p.NsPid), tid: int64(e.NsTid), ppid: int64(p.NsPpid)}
	if out.pid == 0 {
		out.pid, out.ppid = int64(p.Pid), int64(p.Ppid)
	}
	if out.tid == 0 {
		out.tid = int64(e.Tid)
	}
	return out
}
