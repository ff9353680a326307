package matcher

import "github.com/tripline/tripline/pkg/msg"

// maxOrigins bounds how many hosts (or boots) are remembered in one partition;
// the one heard of longest ago makes room.
const maxOrigins = 1024

// seen remembers which events of a partition were evaluated, so that a batch
// that comes again does not count twice for rules that count.
//
// Events are known by host, boot and sequence number. For each host and boot
// there is one bit for each of the last N sequence numbers. An event older
// than that is taken for new: to hold a rule against it twice is better than
// never, and what a rule finds twice in one event has one id.
//
// A bit is set when the event has been held against all rules. An evaluation
// is not broken off in between, other than by the end of the process, which
// takes the bits with it. What can fail is the storing of the detections; see
// [stream].
type seen struct {
	bits    int
	origins map[hostBoot]*window
	// last is the window used last: nearly always that of the next batch.
	last    *window
	lastKey hostBoot
	turn    uint64
}

type hostBoot struct{ host, boot string }

// window is a ring of bits over sequence numbers (high-len(ring)*64, high].
type window struct {
	high uint64
	ring []uint64
	turn uint64
}

func newSeen(bits int) *seen {
	return &seen{bits: (bits + 63) &^ 63, origins: make(map[hostBoot]*window)}
}

// of returns the window of the batch's host.
func (s *seen) of(b *msg.Batch) *window {
	s.turn++
	key := hostBoot{b.Host, b.BootId}
	if s.last == nil || s.lastKey != key {
		w, ok := s.origins[key]
		if !ok {
			w = s.add(key)
		}
		s.last, s.lastKey = w, key
	}
	s.last.turn = s.turn
	return s.last
}

func (s *seen) add(key hostBoot) *window {
	if len(s.origins) >= maxOrigins {
		var oldest hostBoot
		turn := s.turn
		for k, w := range s.origins {
			if w.turn < turn {
				oldest, turn = k, w.turn
			}
		}
		delete(s.origins, oldest)
	}
	w := &window{ring: make([]uint64, s.bits/64)}
	s.origins[hostBoot{host: clone(key.host), boot: clone(key.boot)}] = w
	return w
}

// mark notes a sequence number and says whether it was noted before.
func (w *window) mark(seq uint64) (before bool) {
	size := uint64(len(w.ring)) * 64
	if seq > w.high {
		w.advance(seq, size)
	} else if w.high-seq >= size {
		return false
	}
	word, bit := &w.ring[seq%size/64], uint64(1)<<(seq%64)
	before = *word&bit != 0
	*word |= bit
	return before
}

// advance clears the bits between the old highest number and the new one.
func (w *window) advance(seq, size uint64) {
	if seq-w.high >= size {
		clear(w.ring)
	} else {
		for n := w.high + 1; n <= seq; {
			if n%64 == 0 && seq-n >= 63 {
				w.ring[n%size/64] = 0
				n += 64
				continue
			}
			w.ring[n%size/64] &^= 1 << (n % 64)
			n++
		}
	}
	w.high = seq
}
