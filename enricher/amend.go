package enricher

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

// amends are the containers of which events went on with less than everything.
// When more becomes known, an amendment follows in the same partition.
type amends struct {
	max int
	m   map[string]*amend
	// again holds those whose amendment could not be stored; filled by whoever
	// publishes, from any goroutine.
	mu       sync.Mutex
	again    []*amend
	underway int // not yet answered for
}

type amend struct {
	host, boot string
	told       *msg.Container // as the events carried it
	since      time.Time
}

func newAmends(max int) *amends { return &amends{max: max, m: make(map[string]*amend)} }

// amendEvery is how often it is looked whether more is known, and amendFor how
// long that is expected: past it a container that its runtime does not know
// will hardly become known.
const (
	amendEvery = 100 * time.Millisecond
	amendFor   = 10 * time.Minute
)

// owe notes what the events of a batch that is about to go say of containers.
func (e *Enricher) owe(b *msg.Batch, now time.Time) {
	a := e.amends
	if a.max == 0 || len(e.waiters) == 0 {
		return
	}
	for _, c := range b.Containers {
		if c.Completeness == msg.Completeness_COMPLETENESS_COMPLETE {
			continue
		}
		if x := a.m[c.Id]; x != nil {
			if x.told.Completeness > c.Completeness {
				x.told = c
			}
			continue
		}
		if len(a.m) >= a.max {
			e.metrics.amendsRefused.Inc()
			continue
		}
		a.m[strings.Clone(c.Id)] = &amend{host: strings.Clone(b.Host), boot: strings.Clone(b.BootId), told: c, since: now}
	}
}

// amend publishes what has become known of containers since their events went.
func (e *Enricher) amend(ctx context.Context, now time.Time) {
	a := e.amends
	a.mu.Lock()
	again := a.again
	a.again = nil
	a.mu.Unlock()
	for _, x := range again {
		if a.m[x.told.Id] == nil && len(a.m) < a.max {
			a.m[x.told.Id] = x
		}
	}
	for id, x := range a.m {
		b := &msg.Batch{Containers: []*msg.Container{x.told}}
		for _, w := range e.waiters {
			w.Late(b)
		}
		c := b.Containers[0]
		if c.Completeness <= x.told.Completeness {
			if now.Sub(x.since) >= amendFor {
				delete(a.m, id)
			}
			continue
		}
		delete(a.m, id)
		before := *x
		if c.Completeness != msg.Completeness_COMPLETENESS_COMPLETE {
			x.told = c
			a.m[id] = x // more may follow
		}
		e.metrics.amended.Inc()
		e.counts.amended.Add(1)
		out := &msg.Batch{
			Host: x.host, BootId: x.boot, Source: "enricher",
			Amendments: []*msg.Amendment{{Container: c, Time: now.UnixNano()}},
		}
		a.mu.Lock()
		a.underway++
		a.mu.Unlock()
		d := newDebt(func(err error) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.underway--
			if err != nil && len(a.again) < a.max {
				a.again = append(a.again, &before)
			}
		}, 1)
		e.publish(ctx, part{batch: out, partition: Partition(&msg.Process{}, c, e.cfg.Partitions), debt: d})
	}
	e.metrics.amendsOpen.Set(float64(len(a.m)))
}

// open says whether there is anything to look after: what is under way may come
// back.
func (a *amends) open() bool {
	if len(a.m) > 0 {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.again)+a.underway > 0
}
