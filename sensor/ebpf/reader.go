//go:build cgo && linux

package ebpf

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
)

// reader merges the two rings into one sequence.
//
// Within a thread the result is in the order in which things happened, and
// records of the lifecycle ring stand where their time puts them among the
// others. Why that is exact, without waiting for anything:
//
// A program takes its time stamp first, then reserves, then commits; a thread
// runs one program at a time; the clock is the same on all CPUs. Let E be a
// record of the events ring and L one of the lifecycle ring by the same thread
// (or, for a fork, by the parent, which commits before the child runs).
//
// A round notes, in this order, the ends of the lifecycle ring (first), of the
// events ring, and of the lifecycle ring again (last). It passes on the events
// up to their end; before each, the lifecycle records up to last whose time is
// not later; and finally, if it got through all events, the lifecycle records
// up to first that remain.
//
//   - L before E: L was committed before E's time stamp. E is seen, so L lies
//     before last, and its time is earlier: it goes first.
//   - E before L: when L goes out ahead of a later event E', then E was
//     reserved before L's time, hence before E' was, so E stands before E' in
//     the ring and is out already. When L goes out at the end of a round, it
//     lies before first, so E lies before the events' end, and all those are
//     out.
//
// A record still being written stops its ring. For events the round ends
// there. For the lifecycle ring the reader waits for the writer, which takes
// less than a microsecond unless its CPU is taken away: a record behind it
// might have to go first.
type reader struct {
	events, lifecycle *ring
	// handle is called for each record, which is valid during the call only.
	handle func(record []byte)
	// step, when set, is called wherever the kernel may get on with its side of
	// the work; tests play the kernel there.
	step func()

	eventsRead, lifecycleRead       prometheus.Counter
	eventsPending, lifecyclePending prometheus.Gauge
}

// releaseEvery bounds how many bytes are read before the kernel may reuse them.
const releaseEvery = 256 << 10

// round passes on what is in the rings now and returns how many records it was.
func (r *reader) round() int {
	first := r.lifecycle.end()
	r.interlude()
	end := r.events.end()
	r.interlude()
	last := r.lifecycle.end()
	r.interlude()
	r.eventsPending.Set(float64(end - r.events.pos))
	r.lifecyclePending.Set(float64(last - r.lifecycle.pos))

	events, lifecycle := 0, 0
	released := r.events.pos
	complete := true
	for {
		record, ok, busy := r.events.peek(end)
		if !ok {
			complete = !busy
			break
		}
		h, _ := cast[rawHead](record)
		if h == nil {
			r.events.skip(len(record))
			continue
		}
		lifecycle += r.lifecycleUntil(last, uint64(h.time))
		r.handle(record)
		r.events.skip(len(record))
		events++
		if r.events.pos-released >= releaseEvery {
			r.events.release()
			released = r.events.pos
		}
	}
	if complete {
		lifecycle += r.lifecycleUntil(first, ^uint64(0))
	}
	r.events.release()
	r.lifecycle.release()
	r.eventsRead.Add(float64(events))
	r.lifecycleRead.Add(float64(lifecycle))
	return events + lifecycle
}

// lifecycleUntil passes on lifecycle records before end that are not later than
// the given time.
func (r *reader) lifecycleUntil(end, time uint64) int {
	n := 0
	for {
		record, ok, busy := r.lifecycle.peek(end)
		if busy {
			runtime.Gosched()
			r.interlude()
			continue
		}
		if !ok {
			return n
		}
		h, _ := cast[rawHead](record)
		if h != nil {
			if uint64(h.time) > time {
				return n
			}
			r.handle(record)
			n++
		}
		r.lifecycle.skip(len(record))
	}
}

func (r *reader) interlude() {
	if r.step != nil {
		r.step()
	}
}
