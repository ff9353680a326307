package enricher

import (
	"context"
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

// rowFate is where the events of one row of the process table go.
type rowFate struct {
	known     bool
	partition uint32
	container string
	hold      *hold
}

// sort splits the events of b into those that may go, by partition, and those
// that wait, by container.
func (e *Enricher) sort(ctx context.Context, b *msg.Batch, now time.Time) (ready []part, waiting map[string]part) {
	if len(b.Events) == 0 {
		return nil, nil
	}
	e.rows = append(e.rows[:0], make([]rowFate, len(b.Processes))...)
	single, first := true, e.fate(b, b.Events[0].Process, now).partition
	wait := false
	for _, ev := range b.Events {
		f := e.fate(b, ev.Process, now)
		if f.partition != first {
			single = false
		}
		if f.hold != nil {
			f.hold.arriving++
			wait = true
		}
	}
	if wait {
		wait = e.overflow(ctx, now)
	}
	e.split.begin(b)
	if single && !wait {
		return []part{{batch: e.split.part(b, b.Events), partition: first}}, nil
	}
	byPartition := make(map[uint32][]*msg.Event, 4)
	var order []uint32
	byContainer := map[string][]*msg.Event{}
	partitionOf := map[string]uint32{}
	for _, ev := range b.Events {
		f := &e.rows[ev.Process]
		if f.hold != nil {
			byContainer[f.container] = append(byContainer[f.container], ev)
			partitionOf[f.container] = f.partition
			continue
		}
		if byPartition[f.partition] == nil {
			order = append(order, f.partition)
		}
		byPartition[f.partition] = append(byPartition[f.partition], ev)
	}
	for _, p := range order {
		ready = append(ready, part{batch: e.split.part(b, byPartition[p]), partition: p})
	}
	waiting = make(map[string]part, len(byContainer))
	for id, events := range byContainer {
		waiting[id] = part{batch: e.split.part(b, events), partition: partitionOf[id]}
	}
	return ready, waiting
}

func (e *Enricher) fate(b *msg.Batch, row uint32, now time.Time) *rowFate {
	f := &e.rows[row]
	if f.known {
		return f
	}
	p := b.Processes[row]
	var c *msg.Container
	if p.Container != 0 {
		c = b.Containers[p.Container-1]
		f.container = c.Id
		f.hold = e.holds.of(c.Id, p, e.pending, now)
	}
	f.known, f.partition = true, Partition(p, c, e.cfg.Partitions)
	return f
}

func (e *Enricher) pending(p *msg.Process) bool {
	for _, w := range e.waiters {
		if w.Pending(p) {
			return true
		}
	}
	return false
}

// overflow lets those go that have too many events to wait, and says whether
// any others wait.
func (e *Enricher) overflow(ctx context.Context, now time.Time) (wait bool) {
	for id, x := range e.holds.m {
		if x.arriving > 0 && !e.holds.fits(x) {
			e.metrics.heldExpired.WithLabelValues("events").Inc()
			e.counts.expired.Add(1)
			e.letGo(ctx, e.holds.remove(id, true, now))
			for i := range e.rows {
				if e.rows[i].hold == x {
					e.rows[i].hold = nil
				}
			}
			continue
		}
		wait = wait || x.arriving > 0
		x.arriving = 0
	}
	return wait
}

// release lets those go that need wait no longer.
func (e *Enricher) release(ctx context.Context, now time.Time) {
	for id, x := range e.holds.m {
		switch {
		case !e.pending(x.row):
			e.letGo(ctx, e.holds.remove(id, false, now))
		case now.Sub(x.since) >= e.cfg.HoldFor:
			e.metrics.heldExpired.WithLabelValues("time").Inc()
			e.counts.expired.Add(1)
			e.letGo(ctx, e.holds.remove(id, true, now))
		}
	}
	e.metrics.heldNow.Set(float64(e.holds.events))
	e.counts.heldNow.Store(uint64(e.holds.events))
}

func (e *Enricher) letGo(ctx context.Context, x *hold) {
	for _, p := range x.parts {
		e.late(p.batch)
		e.publish(ctx, p)
	}
}

// late completes the containers of a batch that is about to go: an answer may
// have come since its rows were enriched, also between that and the question
// whether it is worth waiting for.
func (e *Enricher) late(b *msg.Batch) {
	for _, c := range b.Containers {
		if c.Completeness != msg.Completeness_COMPLETENESS_COMPLETE {
			for _, w := range e.waiters {
				w.Late(b)
			}
			return
		}
	}
}
