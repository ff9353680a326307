//go:build cgo && linux

package ebpf

import (
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// The header in front of each record of a ring (linux/bpf.h).
const (
	ringHeader  = 8
	ringBusy    = 1 << 31
	ringDiscard = 1 << 30
)

// ring reads a BPF ring buffer straight from the memory it shares with the
// kernel: nothing is copied and no call is made.
type ring struct {
	control, mapping []byte
	consumer         *uint64
	producer         *uint64
	data             []byte
	mask             uint64
	pos              uint64 // of the next record to look at
}

func openRing(fd, size int) (*ring, error) {
	page := os.Getpagesize()
	control, err := syscall.Mmap(fd, 0, page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping a ring's position: %w", err)
	}
	// The data are mapped twice in a row, so a record never wraps.
	mapping, err := syscall.Mmap(fd, int64(page), page+2*size, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		_ = syscall.Munmap(control)
		return nil, fmt.Errorf("mapping a ring: %w", err)
	}
	r := &ring{
		control:  control,
		mapping:  mapping,
		consumer: (*uint64)(unsafe.Pointer(&control[0])),
		producer: (*uint64)(unsafe.Pointer(&mapping[0])),
		data:     mapping[page:],
		mask:     uint64(size - 1),
	}
	r.pos = atomic.LoadUint64(r.consumer)
	return r, nil
}

func (r *ring) close() {
	_ = syscall.Munmap(r.control)
	_ = syscall.Munmap(r.mapping)
}

// end is where the kernel will put the next record.
func (r *ring) end() uint64 { return atomic.LoadUint64(r.producer) }

// peek returns the next record before end without consuming it. Ok is false
// when there is none; busy then says that one is still being written.
func (r *ring) peek(end uint64) (record []byte, ok, busy bool) {
	for r.pos < end {
		at := r.pos & r.mask
		h := atomic.LoadUint32((*uint32)(unsafe.Pointer(&r.data[at])))
		if h&ringBusy != 0 {
			return nil, false, true
		}
		n := uint64(h &^ (ringBusy | ringDiscard))
		if h&ringDiscard == 0 {
			return r.data[at+ringHeader : at+ringHeader+n : at+ringHeader+n], true, false
		}
		r.skip(int(n))
	}
	return nil, false, false
}

// skip moves past a record of n bytes; its memory stays until release.
func (r *ring) skip(n int) { r.pos += (uint64(n) + ringHeader + 7) &^ 7 }

// release gives the memory of all records skipped so far back to the kernel.
func (r *ring) release() { atomic.StoreUint64(r.consumer, r.pos) }
