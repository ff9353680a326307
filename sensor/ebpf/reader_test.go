//go:build cgo && linux

package ebpf

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/prometheus/client_golang/prometheus"
)

const headSize = int(unsafe.Sizeof(rawHead{}))

// kernel plays the programs of several threads, one step at a time: take the
// time, reserve a record in one of the rings, fill it, commit it.
type kernel struct {
	rnd               *rand.Rand
	events, lifecycle *fakeRing
	clock             uint64
	threads           []thread
}

type thread struct {
	state int
	made  uint32 // records committed
	time  uint64
	into  *fakeRing
	at    uint64
}

// fakeRing is a ring in ordinary memory, large enough never to wrap.
type fakeRing struct {
	ring
	consumed, produced uint64
}

func newFakeRing(records int) *fakeRing {
	size := 64
	for size < records*(ringHeader+headSize) {
		size *= 2
	}
	f := &fakeRing{}
	words := make([]uint64, size/8)
	f.ring = ring{
		consumer: &f.consumed, producer: &f.produced,
		data: unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), size), mask: uint64(size - 1),
	}
	return f
}

func (f *fakeRing) header(at uint64) *uint32 { return (*uint32)(unsafe.Pointer(&f.data[at])) }

// step advances one thread by one step.
func (k *kernel) step() {
	i := k.rnd.IntN(len(k.threads))
	t := &k.threads[i]
	switch t.state {
	case 0:
		k.clock++
		t.time = k.clock
		t.into = k.events
		if k.rnd.IntN(3) == 0 {
			t.into = k.lifecycle
		}
	case 1:
		t.at = t.into.produced
		next := t.at + uint64(ringHeader+headSize)
		if next > uint64(len(t.into.data)) {
			t.state = 0
			return
		}
		*t.into.header(t.at) = uint32(headSize) | ringBusy
		t.into.produced = next
	case 2:
		h := (*rawHead)(unsafe.Pointer(&t.into.data[t.at+ringHeader]))
		h.time, h.tid, h.cpu = cULong(t.time), cUint(i), cUint(t.made)
		if k.rnd.IntN(20) == 0 {
			*t.into.header(t.at) = uint32(headSize) | ringDiscard
			break
		}
		*t.into.header(t.at) = uint32(headSize)
		t.made++
	}
	t.state = (t.state + 1) % 3
}

// settle lets every thread finish what it has begun.
func (k *kernel) settle() {
	for {
		busy := false
		for i := range k.threads {
			busy = busy || k.threads[i].state == 2
		}
		if !busy {
			return
		}
		k.step()
	}
}

// TestReaderOrder has the kernel do a few steps wherever the reader looks, for
// many histories, and checks that each thread's records come out in order and
// whole.
func TestReaderOrder(t *testing.T) {
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "c"})
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "g"})
	for seed := range uint64(2000) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		k := &kernel{rnd: rnd, events: newFakeRing(400), lifecycle: newFakeRing(200), threads: make([]thread, 1+rnd.IntN(5))}
		pace := 1 + rnd.IntN(6)
		steps := func() {
			for range rnd.IntN(pace) {
				k.step()
			}
		}
		next := make([]uint32, len(k.threads))
		problem := ""
		r := &reader{
			events: &k.events.ring, lifecycle: &k.lifecycle.ring, step: steps,
			handle: func(record []byte) {
				h, _ := cast[rawHead](record)
				if uint32(h.cpu) != next[h.tid] && problem == "" {
					problem = fmt.Sprintf("thread %d: record %d comes where %d belongs", h.tid, h.cpu, next[h.tid])
				}
				next[h.tid] = uint32(h.cpu) + 1
				steps()
			},
			eventsRead: counter, lifecycleRead: counter, eventsPending: gauge, lifecyclePending: gauge,
		}
		for range 60 {
			steps()
			r.round()
		}
		r.step = nil
		k.settle()
		pace = 1
		r.round()
		for i := range k.threads {
			if next[i] != k.threads[i].made && problem == "" {
				problem = fmt.Sprintf("thread %d: %d records of %d came out", i, next[i], k.threads[i].made)
			}
		}
		if problem != "" {
			t.Fatalf("history %d: %s", seed, problem)
		}
	}
}
