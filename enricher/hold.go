package enricher

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

// debt is the duty to answer for one raw batch: it is paid when all parts are.
type debt struct {
	ack  func(error)
	left atomic.Int64
	once sync.Once
	err  atomic.Pointer[error]
}

func newDebt(ack func(error), parts int) *debt {
	d := &debt{ack: ack}
	d.left.Store(int64(parts))
	return d
}

// pay settles one part. The raw batch is answered for with the last part, so
// that a batch that comes again never overtakes its own first delivery.
func (d *debt) pay(err error) {
	if err != nil {
		d.err.CompareAndSwap(nil, &err)
	}
	if d.left.Add(-1) > 0 {
		return
	}
	d.once.Do(func() {
		if e := d.err.Load(); e != nil {
			d.ack(*e)
			return
		}
		d.ack(nil)
	})
}

// part is an enriched batch on its way, and what is owed for it.
type part struct {
	batch     *msg.Batch
	partition uint32
	debt      *debt
}

// hold is what waits for one container.
type hold struct {
	since  time.Time
	row    *msg.Process // any process of the container
	parts  []part
	events int
	// arriving counts the events of the batch that is being split.
	arriving int
}

// holds are the containers whose events wait, by id.
type holds struct {
	cfg Config
	m   map[string]*hold
	// passed remembers whose wait ended without an answer, so that it does not
	// begin again with the next event.
	passed map[string]time.Time
	events int
}

func newHolds(cfg Config) *holds {
	return &holds{cfg: cfg, m: make(map[string]*hold), passed: make(map[string]time.Time)}
}

// passedFor is how long a container that did not get its answer in time is
// not waited for again, and maxPassed bounds how many such are remembered.
const (
	passedFor = time.Minute
	maxPassed = 8192
)

// of returns the hold that the events of a container join, nil when they may
// go. Waiting says whether more is still expected.
func (h *holds) of(id string, row *msg.Process, waiting func(*msg.Process) bool, now time.Time) *hold {
	if x := h.m[id]; x != nil {
		return x
	}
	if h.cfg.HoldFor <= 0 || h.cfg.HoldEvents == 0 || !waiting(row) {
		return nil
	}
	if t, ok := h.passed[id]; ok && now.Sub(t) < passedFor {
		return nil
	}
	x := &hold{since: now, row: row}
	h.m[id] = x
	return x
}

// fits says whether the events that arrive may wait too.
func (h *holds) fits(x *hold) bool {
	return x.events+x.arriving <= h.cfg.HoldEvents && h.events+x.arriving <= h.cfg.HoldTotal
}

func (h *holds) add(x *hold, p part) {
	x.parts = append(x.parts, p)
	x.events += len(p.batch.Events)
	h.events += len(p.batch.Events)
}

// remove takes a hold out; expired remembers that it got no answer.
func (h *holds) remove(id string, expired bool, now time.Time) *hold {
	x := h.m[id]
	delete(h.m, id)
	h.events -= x.events
	if expired {
		if len(h.passed) >= maxPassed {
			for k, t := range h.passed {
				if now.Sub(t) >= passedFor {
					delete(h.passed, k)
				}
			}
			if len(h.passed) >= maxPassed {
				clear(h.passed) // somebody makes containers as fast as they can
			}
		}
		h.passed[id] = now
	}
	return x
}
