//go:build cgo && linux

package ebpf

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/prometheus/client_golang/prometheus"
)

// fakeRing is a ring with the kernel's side played in this process: reserve
// under a lock, commit when it pleases.
type fakeRing struct {
	ring
	mu       sync.Mutex
	consumed uint64
	produced uint64
}

func newFakeRing(size int) *fakeRing {
	f := &fakeRing{}
	words := make([]uint64, size/8)
	f.ring = ring{
		consumer: &f.consumed, producer: &f.produced,
		data: unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), size), mask: uint64(size - 1),
	}
	return f
}

const headSize = int(unsafe.Sizeof(rawHead{}))

// reserve returns the record and what commits it, nil when the ring is full.
func (f *fakeRing) reserve() (*rawHead, func(discard bool)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := f.produced
	n := uint64(ringHeader + headSize)
	if at+n > uint64(len(f.data)) {
		return nil, nil
	}
	h := (*uint32)(unsafe.Pointer(&f.data[at]))
	atomic.StoreUint32(h, uint32(headSize)|ringBusy)
	atomic.StoreUint64(&f.produced, at+n)
	return (*rawHead)(unsafe.Pointer(&f.data[at+ringHeader])), func(discard bool) {
		if discard {
			atomic.StoreUint32(h, uint32(headSize)|ringDiscard)
			return
		}
		atomic.StoreUint32(h, uint32(headSize))
	}
}

// TestReaderOrder lets many threads write to both rings at once, with pauses in
// the worst places, and checks that each thread's records come out in order.
func TestReaderOrder(t *testing.T) {
	const threads, each = 8, 20000
	events, lifecycle := newFakeRing(1<<24), newFakeRing(1<<24)
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "c"})
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "g"})
	var next [threads]uint32
	read, wrong, mixed, lastKind := 0, 0, 0, 0
	r := &reader{
		events: &events.ring, lifecycle: &lifecycle.ring,
		handle: func(record []byte) {
			h, _ := cast[rawHead](record)
			if uint32(h.cpu) != next[h.tid] {
				wrong++
			}
			next[h.tid] = uint32(h.cpu) + 1
			if int(h.kind) != lastKind {
				mixed++
			}
			lastKind = int(h.kind)
			read++
		},
		eventsRead: counter, lifecycleRead: counter, eventsPending: gauge, lifecyclePending: gauge,
	}
	var clock atomic.Uint64
	var writers sync.WaitGroup
	for tid := range threads {
		writers.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(tid), 1))
			pause := func() {
				if rnd.IntN(50) == 0 {
					runtime.Gosched()
				}
			}
			for n := range each {
				into, kind := events, kindSyscall
				if rnd.IntN(4) == 0 {
					into, kind = lifecycle, kindExec
				}
				if rnd.IntN(100) == 0 {
					if _, commit := into.reserve(); commit != nil {
						pause()
						commit(true)
					}
				}
				now := clock.Add(1)
				pause()
				h, commit := into.reserve()
				pause()
				h.time, h.tid, h.cpu, h.kind = cULong(now), cUint(tid), cUint(n), cShort(kind)
				commit(false)
				pause()
			}
		})
	}
	var done atomic.Bool
	go func() { writers.Wait(); done.Store(true) }()
	for {
		last := done.Load()
		r.round()
		if last {
			break
		}
	}
	if read != threads*each {
		t.Errorf("read %d records, want %d", read, threads*each)
	}
	if wrong != 0 {
		t.Errorf("%d records out of their thread's order", wrong)
	}
	if mixed < each/10 {
		t.Errorf("the rings were hardly mixed (%d times): this test shows nothing", mixed)
	}
}
