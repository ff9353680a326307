package sensor

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// causeQueue is the cause of drops that are made here.
const causeQueue = "queue"

// queue holds what waits to be published and decides what goes when that is
// too much. Push never waits.
type queue struct {
	cfg Config
	// wake holds a token when there may be something to take.
	wake chan struct{}
	// room holds a token when something was taken.
	room chan struct{}

	mu     sync.Mutex
	items  []item
	events int
	bytes  int
	closed bool
	drops  map[dropKey]uint64
	// counts is scratch space of evict, one number for each event type.
	counts []int
}

type item struct {
	batch *msg.Batch
	bytes int
}

type dropKey struct {
	typ   uint32
	cause string
}

func newQueue(cfg Config) *queue {
	return &queue{
		cfg: cfg, wake: make(chan struct{}, 1), room: make(chan struct{}, 1),
		drops:  make(map[dropKey]uint64),
		counts: make([]int, catalogue.MaxID()+1),
	}
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// push appends a batch and drops what does not fit any more. It returns what
// was dropped, by type, for the metrics.
func (q *queue) push(b *msg.Batch) (dropped []typeCount) {
	it := item{batch: b, bytes: weigh(b)}
	q.mu.Lock()
	q.items = append(q.items, it)
	q.events += len(b.Events)
	q.bytes += it.bytes
	if q.events > q.cfg.QueueEvents || q.bytes > q.cfg.QueueBytes {
		dropped = q.evict()
		for _, d := range dropped {
			q.drops[dropKey{d.typ, causeQueue}] += d.count
		}
	}
	q.mu.Unlock()
	q.signal()
	return dropped
}

// waitForRoom waits until the queue is less than half full.
func (q *queue) waitForRoom(ctx context.Context) {
	for {
		events, bytes := q.size()
		if events < q.cfg.QueueEvents/2 && bytes < q.cfg.QueueBytes/2 {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-q.room:
		}
	}
}

// close says that nothing more will be pushed.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.signal()
}

// pop takes the next batch, with small ones that follow folded into it; nil
// when there is none now. End is true when there will be none any more.
func (q *queue) pop() (b *msg.Batch, end bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		q.items = nil
		return nil, q.closed
	}
	select {
	case q.room <- struct{}{}:
	default:
	}
	first := q.shift()
	b = first.batch
	bytes := first.bytes
	for len(q.items) > 0 {
		next := q.items[0]
		if len(b.Events)+len(next.batch.Events) > q.cfg.BatchEvents ||
			bytes+next.bytes > q.cfg.BatchBytes || !foldable(b, next.batch) {
			break
		}
		bytes += next.bytes
		fold(b, q.shift().batch, func(*msg.Event) bool { return true })
	}
	return b, false
}

func (q *queue) shift() item {
	it := q.items[0]
	q.items[0] = item{}
	q.items = q.items[1:]
	q.events -= len(it.batch.Events)
	q.bytes -= it.bytes
	return it
}

// size says how much waits.
func (q *queue) size() (events, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.events, q.bytes
}

// evict drops events, the least needed first, until a tenth of the queue is
// free, so that it is not called for every batch of a flood.
func (q *queue) evict() (dropped []typeCount) {
	fits := func() bool {
		return q.events <= q.cfg.QueueEvents/10*9 && q.bytes <= q.cfg.QueueBytes/10*9
	}
	for !fits() {
		victim, any := q.victim()
		if !any {
			// Only tables are left, of processes without an event.
			if len(q.items) == 0 {
				break
			}
			q.shift()
			continue
		}
		var n uint64
		for i := range q.items {
			n += q.strip(&q.items[i], victim)
			if fits() {
				break
			}
		}
		q.items = slices.DeleteFunc(q.items, func(it item) bool { return it.batch == nil })
		dropped = append(dropped, typeCount{victim, n})
	}
	return dropped
}

// victim chooses the event type to drop: of the least needed class the most
// frequent.
func (q *queue) victim() (typ uint32, any bool) {
	clear(q.counts)
	last := len(q.counts) - 1
	unknown := uint32(0)
	for _, it := range q.items {
		for _, e := range it.batch.Events {
			if int(e.Type) < last {
				q.counts[e.Type]++
			} else {
				q.counts[last]++
				unknown = e.Type
			}
		}
	}
	best := -1
	for t, n := range q.counts {
		if n == 0 {
			continue
		}
		if best < 0 {
			best = t
			continue
		}
		if c := cmp.Compare(need(uint32(t)), need(uint32(best))); c < 0 || c == 0 && n > q.counts[best] {
			best = t
		}
	}
	if best == last {
		return unknown, true
	}
	return uint32(best), best >= 0
}

// need ranks event types by how much their loss hurts.
func need(typ uint32) int {
	t := catalogue.ByID(catalogue.ID(typ))
	switch {
	case t == nil || t.Class == catalogue.Syscall:
		return 0
	case t.Class == catalogue.Lifecycle:
		return 2
	default:
		return 1
	}
}

// strip drops the events of one type from an item, which loses its batch when
// nothing worth publishing is left. It returns how many.
func (q *queue) strip(it *item, typ uint32) (n uint64) {
	old := it.batch
	kept := 0
	for _, e := range old.Events {
		if e.Type == typ {
			n += weight(e)
		} else {
			kept++
		}
	}
	if n == 0 {
		return 0
	}
	q.events -= len(old.Events)
	q.bytes -= it.bytes
	b := &msg.Batch{
		BootTime: old.BootTime, Source: old.Source, Partition: old.Partition, Enricher: old.Enricher,
		Events: make([]*msg.Event, 0, kept),
	}
	fold(b, old, func(e *msg.Event) bool { return e.Type != typ })
	if len(b.Events) == 0 && len(b.Processes) == 0 && len(b.Drops) == 0 {
		*it = item{}
		return n
	}
	*it = item{batch: b, bytes: weigh(b)}
	q.events += len(b.Events)
	q.bytes += it.bytes
	return n
}

// addDrops counts losses that travel in the next batch.
func (q *queue) addDrops(drops []*msg.Drop) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, d := range drops {
		q.drops[dropKey{d.Type, d.Cause}] += d.Count
	}
}

// takeDrops returns what was lost since the last call, by type and cause.
func (q *queue) takeDrops() []*msg.Drop {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.drops) == 0 {
		return nil
	}
	out := make([]*msg.Drop, 0, len(q.drops))
	for k, n := range q.drops {
		out = append(out, &msg.Drop{Type: k.typ, Cause: k.cause, Count: n})
	}
	clear(q.drops)
	slices.SortFunc(out, func(a, b *msg.Drop) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Cause, b.Cause))
	})
	return out
}

// typeCount is how many events of one type.
type typeCount struct {
	typ   uint32
	count uint64
}

// tally counts events by type. Batches hold few types, so a slice serves.
func tally(events []*msg.Event) []typeCount {
	var out []typeCount
next:
	for _, e := range events {
		for i := range out {
			if out[i].typ == e.Type {
				out[i].count += weight(e)
				continue next
			}
		}
		out = append(out, typeCount{e.Type, weight(e)})
	}
	return out
}

// weight is how many things that happened an event stands for.
func weight(e *msg.Event) uint64 { return uint64(max(e.Count, 1)) }
