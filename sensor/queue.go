package sensor

import (
	"cmp"
	"context"
	"errors"
	"maps"
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
	spill  *spill // what is older than items; nil without
	broken error  // why the spill takes nothing
	items  []item
	events int
	bytes  int
	closed bool
	drops  map[dropKey]uint64
}

type item struct {
	batch *msg.Batch
	bytes int
	kinds []kindCount
}

func newItem(b *msg.Batch) item { return item{batch: b, bytes: weigh(b), kinds: kindsOf(b)} }

type dropKey struct {
	typ   uint32
	cause string
}

func newQueue(cfg Config) *queue {
	return &queue{
		cfg: cfg, wake: make(chan struct{}, 1), room: make(chan struct{}, 1),
		drops: make(map[dropKey]uint64),
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
	it := newItem(b)
	q.mu.Lock()
	q.items = append(q.items, it)
	q.events += len(b.Events)
	q.bytes += it.bytes
	if q.over() {
		q.toDisk(q.cfg.QueueEvents/8*7, q.cfg.QueueBytes/8*7)
	}
	if q.over() {
		dropped = q.evict()
		for _, d := range dropped {
			q.drops[dropKey{d.typ, causeQueue}] += d.count
		}
	}
	q.mu.Unlock()
	q.signal()
	return dropped
}

func (q *queue) over() bool {
	return q.events > q.cfg.QueueEvents || q.bytes > q.cfg.QueueBytes
}

// toDisk moves the oldest batches from memory to files until no more than this
// is left, or the files are full.
func (q *queue) toDisk(events, bytes int) {
	if q.spill == nil {
		return
	}
	for (q.events > events || q.bytes > bytes) && len(q.items) > 0 && !q.spill.full() {
		// Its events stay in the batch, should it have to stay here.
		if q.broken = q.spill.put(q.items[0].batch); q.broken != nil {
			return
		}
		q.shift()
	}
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
	if q.spill != nil && !q.spill.empty() {
		old, err := q.spill.take()
		q.broken = err
		if old != nil {
			return old, false
		}
	}
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

// onDisk says how much waits in files, and why nothing can be put there.
func (q *queue) onDisk() (events int, bytes int64, broken error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.spill == nil {
		return 0, 0, nil
	}
	return q.spill.events, q.spill.bytes, q.broken
}

// leave moves everything to files, for the next sensor, and closes them. What
// does not fit stays in memory.
func (q *queue) leave() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.spill == nil {
		return nil
	}
	q.toDisk(-1, -1)
	err := errors.Join(q.broken, q.spill.close())
	q.spill = nil
	return err
}

// evict drops events, the least needed first, until a tenth of the queue is
// free, so that it is not called for every batch of a flood.
func (q *queue) evict() (dropped []typeCount) {
	fits := func() bool {
		return q.events <= q.cfg.QueueEvents/10*9 && q.bytes <= q.cfg.QueueBytes/10*9
	}
	for !fits() {
		gone := q.victims(max(q.events-q.cfg.QueueEvents/10*9, 1))
		if gone == nil {
			// Only tables are left, of processes without an event.
			if len(q.items) == 0 {
				break
			}
			q.shift()
			continue
		}
		for i := range q.items {
			for _, d := range q.strip(&q.items[i], gone) {
				dropped = tallied(dropped, d)
			}
			if fits() {
				break
			}
		}
		q.items = slices.DeleteFunc(q.items, func(it item) bool { return it.batch == nil })
	}
	return dropped
}

// floodShare is the part of the queue above which what one process does of one
// type is a flood.
const floodShare = 64

// victims chooses what to drop, so much of it that so many events go, if they
// can. Floods go first, unless they are of lifecycle events: of several the
// least needed, then the largest. Where there are none, it is the most frequent
// type of the least needed class. Nil means that there are no events at all.
func (q *queue) victims(events int) map[kind]bool {
	byKind, byType := make(map[kind]int), make(map[uint32]int)
	for i := range q.items {
		for _, k := range q.items[i].kinds {
			byKind[k.kind] += k.events
			byType[k.typ] += k.events
		}
	}
	gone := make(map[kind]bool)
	floods := slices.DeleteFunc(slices.Collect(maps.Keys(byKind)), func(k kind) bool {
		return k.pid == 0 || need(k.typ) == needMost || byKind[k] <= q.events/floodShare
	})
	slices.SortFunc(floods, func(a, b kind) int {
		return cmp.Or(cmp.Compare(need(a.typ), need(b.typ)), cmp.Compare(byKind[b], byKind[a]))
	})
	for _, k := range floods {
		if gone[k] = true; byKind[k] >= events {
			return gone
		}
		events -= byKind[k]
	}
	if len(gone) > 0 {
		return gone
	}
	types := slices.Collect(maps.Keys(byType))
	if len(types) == 0 {
		return nil
	}
	typ := slices.MinFunc(types, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(need(a), need(b)), cmp.Compare(byType[b], byType[a]))
	})
	for k := range byKind {
		if k.typ == typ {
			gone[k] = true
		}
	}
	return gone
}

// needMost is the rank of lifecycle events.
const needMost = 2

// need ranks event types by how much their loss hurts.
func need(typ uint32) int {
	t := catalogue.ByID(catalogue.ID(typ))
	switch {
	case t == nil || t.Class == catalogue.Syscall:
		return 0
	case t.Class == catalogue.Lifecycle:
		return needMost
	default:
		return 1
	}
}

// strip drops events from an item, which loses its batch when nothing worth
// publishing is left. It returns what went.
func (q *queue) strip(it *item, gone map[kind]bool) (dropped []typeCount) {
	kept := 0
	for _, k := range it.kinds {
		if gone[k.kind] {
			dropped = append(dropped, typeCount{k.typ, k.weight})
		} else {
			kept += k.events
		}
	}
	if dropped == nil {
		return nil
	}
	old := it.batch
	q.events -= len(old.Events)
	q.bytes -= it.bytes
	b := &msg.Batch{
		BootTime: old.BootTime, Source: old.Source, Partition: old.Partition, Enricher: old.Enricher,
		Events: make([]*msg.Event, 0, kept),
	}
	if kept == 0 {
		fold(b, old, func(*msg.Event) bool { return false })
	} else {
		fold(b, old, func(e *msg.Event) bool { return !gone[kindOf(old, e)] })
	}
	if len(b.Events) == 0 && len(b.Processes) == 0 && len(b.Drops) == 0 {
		*it = item{}
		return dropped
	}
	*it = newItem(b)
	q.events += len(b.Events)
	q.bytes += it.bytes
	return dropped
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
	for _, e := range events {
		out = tallied(out, typeCount{e.Type, weight(e)})
	}
	return out
}

func tallied(out []typeCount, c typeCount) []typeCount {
	for i := range out {
		if out[i].typ == c.typ {
			out[i].count += c.count
			return out
		}
	}
	return append(out, c)
}

// weight is how many things that happened an event stands for.
func weight(e *msg.Event) uint64 { return uint64(max(e.Count, 1)) }
