//go:build cgo && linux

package ebpf

import (
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

// processKey tells processes apart for as long as the machine runs.
type processKey struct {
	pid   uint32
	start uint64
}

// noProcess is no key of a process: pids are below 1<<22.
var noProcess = processKey{pid: ^uint32(0)}

// Events and their arguments are allocated by the chunk, since a batch is handed
// over whole anyway: as many as the batch before had, within these bounds.
const (
	minChunk     = 8
	maxChunk     = 256
	wordsAnEvent = 6
)

// batcher collects events into a batch.
type batcher struct {
	msg.Builder
	limitEvents, limitBytes int
	age                     time.Duration

	bytes     int // of kernel records in the batch
	started   time.Time
	processes map[processKey]uint32
	events    []msg.Event
	words     []int64
	chunk     int

	// What the record before looked up: mostly the next is of the same thread.
	lastProcess processKey // noProcess when there is none
	lastIndex   uint32
	lastComm    string
	lastString  uint32
}

func newBatcher(c *Config) *batcher {
	return &batcher{
		limitEvents: c.BatchEvents, limitBytes: c.BatchBytes, age: c.BatchAge,
		processes: make(map[processKey]uint32), chunk: minChunk,
		lastProcess: noProcess,
	}
}

// event returns a new event of the batch with n arguments, all zero.
func (b *batcher) event(n int) *msg.Event {
	if len(b.events) == 0 {
		b.events = make([]msg.Event, b.chunk)
	}
	e := &b.events[0]
	b.events = b.events[1:]
	if len(b.words) < n {
		b.words = make([]int64, max(b.chunk*wordsAnEvent, n))
	}
	e.Args, b.words = b.words[:n:n], b.words[n:]
	b.Event(e)
	return e
}

// thin returns the process that a record's head names, entering what little
// the head says when the batch does not know it yet.
func (b *batcher) thin(h *rawHead) uint32 {
	key := processKey{uint32(h.pid), uint64(h.start_time)}
	if key == b.lastProcess {
		return b.lastIndex
	}
	i, ok := b.processes[key]
	if !ok {
		p := &msg.Process{
			Pid: int32(h.pid), StartTime: uint64(h.start_time), Ppid: int32(h.ppid), NsPid: int32(h.ns_pid),
			CgroupId: uint64(h.cgroup_id), CgroupV1Id: uint64(h.cgroup_v1_id),
		}
		// Another thread's name is not the process's.
		if h.tid == h.pid {
			p.Comm = string(cstring(h.comm[:]))
		}
		i = b.Process(p)
		b.processes[key] = i
	}
	b.lastProcess, b.lastIndex = key, i
	return i
}

// comm returns the index of a thread's name.
func (b *batcher) comm(h *rawHead) uint32 {
	name := cstring(h.comm[:])
	if b.lastComm == "" || string(name) != b.lastComm {
		b.lastString = uint32(b.StringBytes(name))
		b.lastComm = b.Batch().Strings[b.lastString]
	}
	return b.lastString
}

// full enters a process with all that is known; events from now on refer to it,
// earlier ones to what it was before.
func (b *batcher) full(p *msg.Process) uint32 {
	i := b.Process(p)
	b.lastProcess, b.lastIndex = processKey{uint32(p.Pid), p.StartTime}, i
	b.processes[b.lastProcess] = i
	return i
}

// grow notes that a record of n bytes went into the batch.
func (b *batcher) grow(n int) {
	if b.bytes == 0 {
		b.started = time.Now()
	}
	b.bytes += n
}

func (b *batcher) empty() bool { return b.bytes == 0 }

func (b *batcher) isFull() bool {
	t := b.Batch()
	return len(t.Events) >= b.limitEvents || len(t.Processes) >= 2*b.limitEvents || b.bytes >= b.limitBytes
}

func (b *batcher) old(now time.Time) bool { return !b.empty() && now.Sub(b.started) >= b.age }

func (b *batcher) take(boot int64) *msg.Batch {
	t := b.Take()
	t.Source = "ebpf"
	t.BootTime = boot
	b.bytes = 0
	b.chunk = min(max(len(t.Events), minChunk), maxChunk)
	b.lastProcess, b.lastComm = noProcess, ""
	clear(b.processes)
	return t
}
