//go:build cgo && linux

package ebpf

import (
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// eventFlags are the record flags that go into the message as they are.
const eventFlags = flagCompat | flagX32 | flagTruncated | flagMismatch

// The numbers are the same: the index below is not 0 if they differ, which does
// not compile.
var (
	_ = [1]struct{}{}[flagCompat-int(msg.EventFlag_EVENT_FLAG_COMPAT)]
	_ = [1]struct{}{}[flagX32-int(msg.EventFlag_EVENT_FLAG_X32)]
	_ = [1]struct{}{}[flagTruncated-int(msg.EventFlag_EVENT_FLAG_TRUNCATED)]
	_ = [1]struct{}{}[flagMismatch-int(msg.EventFlag_EVENT_FLAG_MISMATCH)]
)

// decoder makes events of records.
type decoder struct {
	*batcher
	clock *clock
	plans []plan // by catalogue id
	parts parts
	names names
	// containers that exist, each with the hierarchy that told of it first.
	containers map[string]uint32
	count      uint32 // what the events made now stand for
}

func newDecoder(b *batcher, c *clock) *decoder {
	return &decoder{batcher: b, clock: c, plans: newPlans(), containers: make(map[string]uint32)}
}

// decode adds a record to the batch.
func (d *decoder) decode(record []byte) error {
	h, _ := cast[rawHead](record)
	if h == nil {
		return fmt.Errorf("record of %d bytes", len(record))
	}
	if int(h.event) >= len(d.plans) || d.plans[h.event].event == nil {
		return fmt.Errorf("record of event %d, which the catalogue does not know", h.event)
	}
	var err error
	switch h.kind {
	case kindSyscall:
		err = d.call(record)
	case kindFork, kindExec, kindExit:
		err = d.task(record)
	case kindCgroup:
		err = d.cgroup(record)
	case kindDerived:
		err = d.derived(record)
	case kindPacket:
		err = d.packet(record)
	default:
		err = fmt.Errorf("record of kind %d", h.kind)
	}
	if err != nil {
		return fmt.Errorf("event %s: %w", d.plans[h.event].event.Name, err)
	}
	d.grow(len(record))
	return nil
}

// head makes the event of a record's head.
func (d *decoder) head(h *rawHead, process uint32) *msg.Event {
	e := d.event(len(d.plans[h.event].args))
	e.Time = d.clock.boot + int64(h.time)
	e.Type = uint32(h.event)
	e.Process = process
	e.Tid, e.NsTid = int32(h.tid), int32(h.ns_tid)
	e.Comm = d.comm(h)
	e.Cpu = uint32(h.cpu)
	e.Count = d.count
	e.Flags = uint32(h.flags) & eventFlags
	return e
}

// value is one argument as an event carries it; ok is false where it is absent.
type value struct {
	word int64
	ok   bool
}

func number[T ~int32 | ~uint32 | ~int64 | ~uint64](n T) value { return value{int64(n), true} }

func (d *decoder) text(b []byte) value {
	if b == nil {
		return value{}
	}
	return value{d.StringBytes(b), true}
}

func (d *decoder) list(b []byte, omitted uint32) value {
	if b == nil {
		return value{}
	}
	return value{d.List(&msg.StringList{Items: list(b), Omitted: omitted}), true}
}

func set(e *msg.Event, i int, v value) {
	if !v.ok {
		e.Absent |= 1 << uint(i)
		return
	}
	e.Args[i] = v.word
}

func (d *decoder) call(record []byte) error {
	r, tail := cast[rawCall](record)
	if r == nil || !d.parts.read(tail) {
		return errMalformed
	}
	e := d.head(&r.head, d.thin(&r.head))
	e.Ret = int64(r.ret)
	compat := r.head.flags&flagCompat != 0
	if compat && uint64(r.ret) >= 1<<32-4095 && uint64(r.ret) < 1<<32 {
		// An error in the half of the register that the caller sees.
		e.Ret = int64(int32(r.ret))
	}
	p := &d.plans[r.head.event]
	backwards := p.backwards && (compat || runtime.GOARCH == "arm64")
	for i, a := range p.args {
		switch {
		case i >= maxArgs:
			set(e, i, value{})
		case a.kind < catalogue.String:
			raw := uint64(r.args[i])
			if backwards && i >= 3 {
				raw = uint64(r.args[7-i])
			}
			if a.open {
				raw = catalogue.OpenFlagsFromArm64(raw)
			}
			set(e, i, value{a.width.extend(raw, compat && !a.joined), true})
		default:
			set(e, i, d.part(a.kind, i))
		}
	}
	for n, i := range p.dirs {
		if name := d.parts.data[partBase0+n]; name != nil {
			e.Dirs = append(e.Dirs, d.File(&msg.File{Fd: int32(r.args[i]), Path: string(name), Mode: unix.S_IFDIR}))
		}
	}
	e.File = d.file()
	return nil
}

// part makes the value of the i-th argument of a call, which is not a scalar.
func (d *decoder) part(k catalogue.Kind, i int) value {
	b := d.parts.data[i]
	if b == nil {
		return value{}
	}
	switch k {
	case catalogue.String, catalogue.Path:
		return d.text(b)
	case catalogue.Strings:
		return d.list(b, d.parts.omitted[i])
	case catalogue.Bytes:
		return value{d.Bytes(append([]byte(nil), b...)), true}
	case catalogue.SockAddr:
		if a := address(b); a != nil {
			return value{d.Address(a), true}
		}
	}
	return value{}
}

// task decodes fork, exec and exit.
func (d *decoder) task(record []byte) error {
	r, tail := cast[rawTask](record)
	if r == nil || !d.parts.read(tail) {
		return errMalformed
	}
	p := process(&r.process, &d.parts)
	var doer uint32
	switch r.head.kind {
	case kindFork:
		// The parent did it; the child's entry is there to be found by its pid.
		doer = d.thin(&r.head)
		d.full(p)
	case kindExit:
		p.Flags |= uint32(msg.ProcessFlag_PROCESS_FLAG_EXITED)
		doer = d.full(p)
	default:
		p.ExecTime = d.clock.boot + int64(r.head.time)
		doer = d.full(p)
	}
	e := d.head(&r.head, doer)
	for i, a := range d.plans[r.head.event].args {
		set(e, i, d.taskArg(r, p, a.name))
	}
	return nil
}

func (d *decoder) taskArg(r *rawTask, p *msg.Process, name string) value {
	switch name {
	case "parent_tid":
		return number(int32(r.head.tid))
	case "parent_ns_tid":
		return number(int32(r.head.ns_tid))
	case "parent_pid":
		return number(int32(r.head.pid))
	case "parent_ns_pid":
		return number(int32(r.head.ns_pid))
	case "child_tid", "child_pid":
		return number(p.Pid)
	case "child_ns_tid", "child_ns_pid":
		return number(p.NsPid)
	case "start_time":
		return number(p.StartTime)
	case "cmdpath":
		return d.text(d.parts.data[partFilename])
	case "pathname":
		return d.text(d.parts.data[partExe])
	case "dev":
		return number(p.Exe.GetDevice())
	case "inode":
		return number(p.Exe.GetInode())
	case "ctime":
		return number(p.Exe.GetCtime())
	case "inode_mode":
		return number(p.Exe.GetMode())
	case "interp":
		if b := d.parts.data[partInterp]; b != nil {
			return d.text(b)
		}
		return d.text(d.parts.data[partFilename])
	case "stdin_type":
		return number(p.StdinMode)
	case "argv":
		return d.list(d.parts.data[partArgv], d.parts.omitted[partArgv])
	case "env":
		return d.list(d.parts.data[partEnv], d.parts.omitted[partEnv])
	case "invoked_from_kernel":
		if r.process.flags&processFromKernel != 0 {
			return number(int32(1))
		}
		return number(int32(0))
	case "exit_code":
		return number(int64(r.args[0]))
	case "process_group_exit":
		return number(int64(r.args[1]))
	}
	return value{}
}

func (d *decoder) cgroup(record []byte) error {
	r, tail := cast[rawCgroup](record)
	if r == nil || !d.parts.read(tail) {
		return errMalformed
	}
	e := d.head(&r.head, d.thin(&r.head))
	for i, a := range d.plans[r.head.event].args {
		var v value
		switch a.name {
		case "cgroup_id":
			v = number(uint64(r.id))
		case "cgroup_path":
			v = d.text(d.parts.data[partPath])
		case "hierarchy_id":
			v = number(uint32(r.hierarchy))
		case "comm":
			v = d.text(d.parts.data[partComm])
		case "pid":
			v = number(int32(r.pid))
		}
		set(e, i, v)
	}
	d.container(&r.head, e, uint32(r.hierarchy), d.parts.data[partPath])
	return nil
}

// address reads a struct sockaddr; nil for one that is too short to tell its
// family.
func address(b []byte) *msg.SocketAddress {
	if len(b) < 2 {
		return nil
	}
	a := &msg.SocketAddress{Family: uint32(b[0]) | uint32(b[1])<<8}
	b = b[2:]
	switch {
	case a.Family == msg.AFInet && len(b) >= 6:
		a.Port = uint32(b[0])<<8 | uint32(b[1])
		a.Ip = append([]byte(nil), b[2:6]...)
	case a.Family == msg.AFInet6 && len(b) >= 22:
		a.Port = uint32(b[0])<<8 | uint32(b[1])
		a.Ip = append([]byte(nil), b[6:22]...)
		if len(b) >= 26 {
			a.Scope = uint32(b[22]) | uint32(b[23])<<8 | uint32(b[24])<<16 | uint32(b[25])<<24
		}
	case a.Family == msg.AFUnix && len(b) > 0 && b[0] == 0:
		a.Path = "@" + string(b[1:])
	case a.Family == msg.AFUnix:
		path, _, _ := strings.Cut(string(b), "\x00")
		a.Path = path
	}
	return a
}
