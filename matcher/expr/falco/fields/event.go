package fields

import (
	"strconv"
	"strings"
	"time"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// Ids of the lifecycle events that have another name in this language.
const (
	idExec catalogue.ID = 1001
	idExit catalogue.ID = 1002
)

// Event is a [Source] of the fields of msg.Records, one after another: the
// view of one worker. It is not safe for concurrent use.
type Event struct {
	rec               msg.Record
	proc              *msg.Process
	info              *EventInfo
	argv              *argTable
	first, last, prev int64
	count             int64

	batch    *msg.Batch
	batches  uint64 // counts them
	cmdlines map[*msg.Process]string
	// capabilities are the names of sets.
	capabilities map[uint64]string
	byID         []*EventInfo
	args         []*argTable
	bound        map[string]*Getter
	stamp        uint64 // counts events
	ends         endpoints
	endsAt       uint64 // the stamp when ends was found
	kind         string // of the descriptor
	kindOK       bool
	kindAt       uint64
}

// NewEvent returns a view without an event.
func NewEvent() *Event {
	return &Event{cmdlines: map[*msg.Process]string{}, capabilities: map[uint64]string{}, bound: map[string]*Getter{}}
}

// Bind implements [Source]. The getter of a field is made once.
func (e *Event) Bind(r *Ref) *Getter {
	if r.Def.bind == nil {
		return nil
	}
	if g, ok := e.bound[r.Text]; ok {
		return g
	}
	g := r.Def.bind(e, r)
	if g.Str != nil && costly(r.Def.Name) {
		g.Str = e.remember(g.Str)
	}
	e.bound[r.Text] = g
	return g
}

// Presumed returns how to read a field that follows from another wherever that
// one has a value, even if the field itself is absent.
func (e *Event) Presumed(r *Ref) *Getter {
	base := r.Base()
	if base == nil {
		return e.Bind(r)
	}
	g, follow := e.Bind(base), r.Def.follow
	return &Getter{Str: func() (string, bool) {
		s, ok := g.Str()
		if !ok {
			return "", false
		}
		return follow(s), true
	}}
}

// costly says whether a text takes so long to make that it is kept for the
// rest of the event.
func costly(name string) bool {
	return strings.HasPrefix(name, "fd.") || strings.HasPrefix(name, "fs.") || strings.HasPrefix(name, "thread.cap") ||
		name == "evt.arg" || name == "evt.args" || name == "evt.abspath" || name == "proc.args" || name == "proc.exeline" ||
		name == "proc.env" || name == "proc.cwd" || name == "container.image.repository" || name == "container.mounts"
}

// remember calls f once an event.
func (e *Event) remember(f func() (string, bool)) func() (string, bool) {
	var (
		at uint64
		s  string
		ok bool
	)
	return func() (string, bool) {
		if at != e.stamp {
			s, ok = f()
			at = e.stamp
		}
		return s, ok
	}
}

// Set makes rec the current event. It returns false for events that have no
// place in Falco's language: a system call that started a program, which is
// seen as sched_process_exec.
func (e *Event) Set(rec msg.Record) bool {
	if rec.Batch != e.batch {
		e.batch = rec.Batch
		e.batches++
		clear(e.cmdlines)
	}
	e.rec, e.proc = rec, rec.Process()
	e.stamp++
	e.prev, e.last = e.last, rec.Event.Time
	if e.first == 0 {
		e.first = rec.Event.Time
	}
	e.info, e.argv = e.lookup(rec)
	return !(e.info.Name == "execve" || e.info.Name == "execveat") || rec.Type == nil ||
		rec.Type.ID == idExec || rec.Event.Ret < 0
}

// lookup finds what is known of the event's type, once per type.
func (e *Event) lookup(rec msg.Record) (*EventInfo, *argTable) {
	if rec.Type == nil {
		return &EventInfo{Name: rec.Name(), Kind: "tracepoint", Category: "other", Generic: true}, &argTable{flags: -1}
	}
	id := int(rec.Type.ID)
	for id >= len(e.byID) {
		e.byID = append(e.byID, nil)
		e.args = append(e.args, nil)
	}
	if e.byID[id] == nil {
		info := EventByName(FalcoName(rec.Type.Name))
		if info == nil {
			info = &EventInfo{Name: rec.Type.Name, Kind: "tracepoint", Category: "other", Generic: true}
		}
		e.byID[id] = info
		e.args[id] = newArgTable(info, rec.Type)
	}
	return e.byID[id], e.args[id]
}

// Stamp tells events apart: it changes with every call of Set.
func (e *Event) Stamp() uint64 { return e.stamp }

// Batch tells batches apart: it changes when an event is of another batch than
// the one before.
func (e *Event) Batch() uint64 { return e.batches }

// Process is the place in the batch of the process that did it. It is false
// when that process has no name of its own: the thread's stands in for it, so
// that [Def.OfProcess] is no longer true.
func (e *Event) Process() (int, bool) {
	return int(e.rec.Event.Process), e.proc.Comm != ""
}

// Type is the name of the event's type.
func (e *Event) Type() string { return e.info.Name }

func (e *Event) number() (int64, bool) { return int64(max(e.rec.Event.Seq, 1)), true }
func (e *Event) time() (int64, bool)   { return e.rec.Event.Time, true }

func clock(layout string) func(*Event) (string, bool) {
	return func(e *Event) (string, bool) { return time.Unix(0, e.rec.Event.Time).Format(layout), true }
}

func (e *Event) iso() (string, bool) {
	return time.Unix(0, e.rec.Event.Time).UTC().Format("2006-01-02T15:04:05.000000000+0000"), true
}

func seconds(f func(*Event) (int64, bool)) func(*Event) (int64, bool) {
	return func(e *Event) (int64, bool) { n, ok := f(e); return n / 1e9, ok }
}

func nanos(f func(*Event) (int64, bool)) func(*Event) (int64, bool) {
	return func(e *Event) (int64, bool) { n, ok := f(e); return n % 1e9, ok }
}

func (e *Event) sinceFirst() (int64, bool) { return e.rec.Event.Time - e.first, true }

func (e *Event) sinceLast() (int64, bool) {
	if e.prev == 0 {
		return 0, true
	}
	return e.last - e.prev, true
}

func constant(s string) func(*Event) (string, bool) {
	return func(*Event) (string, bool) { return s, true }
}

func (e *Event) host() (string, bool)     { return e.rec.Batch.Host, true }
func (e *Event) typeName() (string, bool) { return e.info.Name, true }
func (e *Event) cpu() (int64, bool)       { return int64(e.rec.Event.Cpu), true }

func (e *Event) syscallName() (string, bool) { return e.info.Name, e.info.Kind == "syscall" }

// category is that of the event; input and output belong to what they go to.
func (e *Event) category() (string, bool) {
	switch e.info.Category {
	case "io_read", "io_write", "io_other":
		switch t, _ := e.fdType(); t {
		case "ipv4", "ipv6":
			return "net", true
		case "unix", "pipe":
			return "ipc", true
		}
		return "file", true
	}
	return e.info.Category, true
}

func typeIs(e *Event, r *Ref) *Getter {
	want := r.Arg
	return &Getter{Num: func() (int64, bool) {
		if e.info.Name == want {
			return 1, true
		}
		return 0, true
	}}
}

// hasRet says whether the event is one that returns something.
func (e *Event) hasRet() bool { return e.info.Kind == "syscall" }

func (e *Event) ret() (int64, bool) { return e.rec.Event.Ret, e.hasRet() }

func (e *Event) result() (string, bool) {
	if e.rec.Event.Ret < 0 {
		return ErrnoName(-e.rec.Event.Ret), e.hasRet()
	}
	return "SUCCESS", e.hasRet()
}

func (e *Event) failed() (bool, bool) { return e.rec.Event.Ret < 0, e.hasRet() }

func (e *Event) errorCount() (int64, bool) {
	if e.rec.Event.Ret < 0 {
		return 1, e.hasRet()
	}
	return 0, e.hasRet()
}

// errorsIn counts failures of events of one group.
func errorsIn(group string) func(*Event) (int64, bool) {
	return func(e *Event) (int64, bool) {
		in := e.info.Category
		switch in {
		case "file", "net", "memory":
		case "io_read", "io_write", "io_other":
			in = "file"
			if f := e.rec.File(); f.GetLocal() != nil || f.GetRemote() != nil {
				in = "net"
			}
		default:
			in = "other"
		}
		if in != group {
			return 0, false
		}
		return e.errorCount()
	}
}

func (e *Event) isRead() bool  { return e.info.Category == "io_read" }
func (e *Event) isWrite() bool { return e.info.Category == "io_write" }
func (e *Event) isIO() bool    { return e.isRead() || e.isWrite() }
func (e *Event) isWait() bool  { return e.info.Category == "wait" || e.info.Category == "sleep" }

func (e *Event) ioDir() (string, bool) {
	switch {
	case e.isRead():
		return "read", true
	case e.isWrite():
		return "write", true
	}
	return "", false
}

func (e *Event) ioLength() (int64, bool) {
	return e.rec.Event.Ret, e.isIO() && e.rec.Event.Ret >= 0
}

// ioOf narrows evt.buflen to a direction and a kind of descriptor.
func ioOf(dir, kind string) func(*Event) (int64, bool) {
	return func(e *Event) (int64, bool) {
		if d, ok := e.ioDir(); !ok || dir != "" && d != dir {
			return 0, false
		}
		t, ok := e.fdType()
		socket := t == "ipv4" || t == "ipv6" || t == "unix"
		if kind == "file" && (!ok || t != "file") || kind == "net" && !socket {
			return 0, false
		}
		return e.ioLength()
	}
}

func (e *Event) isSyslog() bool {
	name, _ := e.fdName()
	return e.isWrite() && strings.Contains(name, "/dev/log")
}

// around is true for events within so many milliseconds of a time.
func around(e *Event, r *Ref) *Getter {
	at, err := strconv.ParseInt(r.Arg, 10, 64)
	return &Getter{Num: func() (int64, bool) {
		d := e.rec.Event.Time - at
		if d < 0 {
			d = -d
		}
		return d / 1e6, err == nil
	}}
}

func counter(e *Event, _ *Ref) *Getter {
	return &Getter{Num: func() (int64, bool) { e.count++; return e.count, true }}
}

func (e *Event) tid() (int64, bool)   { return int64(e.rec.Event.Tid), true }
func (e *Event) nsTID() (int64, bool) { return int64(e.rec.Event.NsTid), true }
func (e *Event) isMain() bool         { return e.rec.Event.Tid == e.proc.Pid }

func (e *Event) nameTID() (string, bool) {
	return e.rec.Comm() + strconv.Itoa(int(e.rec.Event.Tid)), true
}
