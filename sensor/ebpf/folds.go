//go:build cgo && linux

package ebpf

import (
	"fmt"
	"math"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	bpf "github.com/aquasecurity/libbpfgo"
)

// folds is what the programs count of floods in place of sending it; see
// bpf/include/flood.h. It belongs to the goroutine that reads the rings.
//
// The programs write the count, this side how much of it was taken. As long as
// the two differ the programs leave the record alone, so it can be read without
// a lock, and nothing is counted twice or not at all.
type folds struct {
	mem    []byte
	slots  []rawFold
	shared shared
	taken  time.Time // when they were last looked at
	seen   uint64    // when the last record was counted of those looked at
	buffer []uint64
}

// foldInterval is how long a count may grow before it is reported.
const foldInterval = 100 * time.Millisecond

// anyProcess takes the counts of all.
const anyProcess = 0

func mapFolds(m *bpf.Module, s shared) (*folds, error) {
	t, err := m.GetMap("folds")
	if err != nil {
		return nil, err
	}
	n := int(t.MaxEntries())
	size := n * int(unsafe.Sizeof(rawFold{}))
	mem, err := syscall.Mmap(t.FileDescriptor(), 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping the table of repeated records: %w", err)
	}
	return &folds{
		mem: mem, slots: unsafe.Slice((*rawFold)(unsafe.Pointer(unsafe.SliceData(mem))), n), shared: s,
		buffer: make([]uint64, unsafe.Sizeof(rawFold{}.record)/8),
	}, nil
}

// forget leaves out what was counted so far.
func (f *folds) forget() {
	for i := range f.slots {
		f.slots[i].taken = f.slots[i].count
	}
}

func (f *folds) close() { _ = syscall.Munmap(f.mem) }

// takeDue takes all counts when it is time.
func (f *folds) takeDue(emit func(record []byte, count uint32)) {
	if f.lastFolded() == f.seen {
		return
	}
	if now := time.Now(); now.Sub(f.taken) >= foldInterval {
		f.taken = now
		f.take(anyProcess, emit)
	}
}

func (f *folds) lastFolded() uint64 {
	return atomic.LoadUint64((*uint64)(unsafe.Pointer(&f.shared.m.folded)))
}

// take hands over the records of a process that were counted since the last
// time, with how many each stands for and the time of the last. A process's
// counts are taken before its end and before it becomes another program, so
// they come out in their place.
func (f *folds) take(pid uint32, emit func(record []byte, count uint32)) {
	last := f.lastFolded()
	if last == f.seen {
		return
	}
	if pid == anyProcess {
		f.seen = last
	}
	for i := range f.slots {
		s := &f.slots[i]
		n := atomic.LoadUint64((*uint64)(unsafe.Pointer(&s.count))) - uint64(s.taken)
		if n == 0 || s.size == 0 || int(s.size) > len(s.record) {
			continue
		}
		h := (*rawHead)(unsafe.Pointer(&s.record))
		if pid != anyProcess && uint32(h.pid) != pid {
			continue
		}
		n = min(n, math.MaxUint32)
		record := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(f.buffer))), int(s.size))
		copy(record, unsafe.Slice((*byte)(unsafe.Pointer(&s.record)), int(s.size)))
		(*rawHead)(unsafe.Pointer(unsafe.SliceData(f.buffer))).time = s.time
		emit(record, uint32(n))
		atomic.AddUint64((*uint64)(unsafe.Pointer(&s.taken)), n)
	}
}
