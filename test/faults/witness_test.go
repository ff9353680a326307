package faults

import (
	"context"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// witness is a program of one's own beside the matchers: it gets every enriched
// event as they do, and counts rare calls by process, and what the batches say
// was lost before them.
type witness struct {
	t    *testing.T
	ids  map[uint32]string
	once map[uint64]uint64 // numbers of events, 64 a word: what comes again counts once

	mu    sync.Mutex
	seen  map[int32]map[string]int // by the process's number in its own namespace
	drops map[string]map[string]int
	next  map[uint32]uint64 // by partition
	last  time.Time         // when the last rare call came
}

// watch begins to count; what follows a moment after it returned is counted.
func (p *pipeline) watch() *witness {
	p.t.Helper()
	c, err := p.beats.bus.GroupConsumer(p.t.Context(), "witness", "witness")
	if err != nil {
		p.t.Fatal(err)
	}
	w := &witness{t: p.t, ids: map[uint32]string{}, once: map[uint64]uint64{}, seen: map[int32]map[string]int{}, drops: map[string]map[string]int{}, next: map[uint32]uint64{}}
	for _, call := range rareCalls {
		e, ok := catalogue.Lookup(call.name)
		if !ok {
			p.t.Fatalf("no event %s", call.name)
		}
		w.ids[uint32(e.ID)] = call.name
	}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	p.t.Cleanup(func() {
		cancel()
		all.Wait()
	})
	for partition := range c.Partitions() {
		all.Go(func() { w.read(ctx, c, partition) })
	}
	return w
}

func (w *witness) read(ctx context.Context, c *bus.PartitionConsumer, partition uint32) {
	for {
		d, err := c.Receive(ctx, partition)
		if err != nil {
			return
		}
		w.count(partition, d.Value)
		d.Ack(nil)
	}
}

func (w *witness) count(partition uint32, b *msg.Batch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if next, ok := w.next[partition]; ok && b.PartitionSeq > next {
		w.t.Errorf("the witness has missed %d events of partition %d", b.PartitionSeq-next, partition)
	}
	w.next[partition] = max(w.next[partition], b.PartitionSeq+uint64(len(b.Events)))
	for _, d := range b.Drops {
		name := d.Cause
		if e := catalogue.ByID(catalogue.ID(d.Type)); e != nil {
			name = e.Name
		}
		add(w.drops, name, d.Cause, int(d.Count))
	}
	for _, e := range b.Events {
		name := w.ids[e.Type]
		if name == "" || int(e.Process) >= len(b.Processes) {
			continue
		}
		if bit := uint64(1) << (e.Seq % 64); w.once[e.Seq/64]&bit == 0 {
			w.once[e.Seq/64] |= bit
			add(w.seen, b.Processes[e.Process].NsPid, name, int(max(e.Count, 1)))
			w.last = time.Now()
		}
	}
}

func add[K comparable](to map[K]map[string]int, a K, b string, n int) {
	if to[a] == nil {
		to[a] = map[string]int{}
	}
	to[a][b] += n
}

// of is what was seen of a process, once nothing more of it comes.
func (w *witness) of(pid int32) map[string]int {
	w.t.Helper()
	var out map[string]int
	eventually(w.t, "the last of the load to be seen", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		out = maps.Clone(w.seen[pid])
		return time.Since(w.last) > 5*time.Second
	})
	return out
}

// told is how many of an event the batches said were lost, by where.
func (w *witness) told(event string) map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.drops[event])
}
