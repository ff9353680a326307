package bus_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/internal/bus/bustest"
	"github.com/tripline/tripline/pkg/msg"
)

// tally collects what matchers processed, by partition.
type tally struct {
	mu   sync.Mutex
	seqs map[uint32][]uint64
	by   map[uint32]string // who had the partition last
	n    int
}

func (t *tally) add(who string, d msg.Delivery[*msg.Batch]) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := d.Value.Partition
	t.seqs[p] = append(t.seqs[p], d.Value.FirstSeq)
	t.by[p] = who
	t.n++
}

func (t *tally) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n
}

func newTally() *tally { return &tally{seqs: make(map[uint32][]uint64), by: make(map[uint32]string)} }

// match runs a matcher that answers at once, until ctx ends.
func match(t testing.TB, ctx context.Context, who string, b *bus.Bus, into *tally) *bus.PartitionConsumer {
	t.Helper()
	return matchIn(t, ctx, "", who, b, into)
}

// matchIn is match in a group of its own.
func matchIn(t testing.TB, ctx context.Context, group, who string, b *bus.Bus, into *tally) *bus.PartitionConsumer {
	t.Helper()
	c, err := b.GroupConsumer(context30(t), group, who)
	if err != nil {
		t.Fatal(err)
	}
	for p := range c.Partitions() {
		go func() {
			for {
				d, err := c.Receive(ctx, p)
				if err != nil {
					return
				}
				if len(d.Value.Events) > 0 {
					into.add(who, d)
				}
				d.Ack(nil)
			}
		}()
	}
	return c
}

func spread(from, to uint64, partitions uint32) []*msg.Batch {
	var out []*msg.Batch
	for _, b := range batches(from, to) {
		out = append(out, inPartition(b, uint32(b.FirstSeq)%partitions))
	}
	return out
}

func checkOrder(t *testing.T, got *tally, n int) {
	t.Helper()
	got.mu.Lock()
	defer got.mu.Unlock()
	total := 0
	for p, seqs := range got.seqs {
		if !slices.IsSorted(seqs) {
			t.Errorf("partition %d out of order: %v", p, seqs)
		}
		total += len(slices.Compact(slices.Clone(seqs)))
	}
	if total != n {
		t.Errorf("%d different batches, want %d", total, n)
	}
}

func TestPartitionsOneMatcher(t *testing.T) {
	b := bustest.New(t)
	ctx := context30(t)
	got := newTally()
	c := match(t, ctx, "a", b, got)
	if c.Partitions() != bus.DefaultPartitions {
		t.Errorf("%d partitions, want %d", c.Partitions(), bus.DefaultPartitions)
	}
	publish(t, must(b.EventsPublisher(host)), spread(1, 400, 16)...)
	eventually(t, "all batches", func() bool { return got.count() >= 400 })
	checkOrder(t, got, 400)
	if got.count() != 400 {
		t.Errorf("%d deliveries, want 400", got.count())
	}
}

// TestGroups: every group gets every batch from when it joined; those of one
// group share the partitions.
func TestGroups(t *testing.T) {
	s := bustest.Server(t)
	ctx := context30(t)
	pub := must(bustest.Join(t, s, nil).EventsPublisher(host))
	publish(t, pub, spread(1, 50, 16)...)
	matchers, own, other := newTally(), newTally(), newTally()
	var sharing []*bus.PartitionConsumer
	for _, who := range []string{"a", "b"} {
		sharing = append(sharing, matchIn(t, ctx, "my rules", who, bustest.Join(t, s, nil), own))
	}
	match(t, ctx, "m", bustest.Join(t, s, nil), matchers)
	matchIn(t, ctx, "my", "c", bustest.Join(t, s, nil), other)
	eventually(t, "two shares of eight", func() bool { return len(sharing[0].Owned()) == 8 && len(sharing[1].Owned()) == 8 })
	publish(t, pub, spread(51, 250, 16)...)
	for name, g := range map[string]struct {
		got  *tally
		want int
	}{"matchers": {matchers, 250}, "my rules": {own, 200}, "my": {other, 200}} {
		eventually(t, "all batches of "+name, func() bool { return g.got.count() >= g.want })
		checkOrder(t, g.got, g.want)
	}
}

func TestPartitionFirstAndAttempt(t *testing.T) {
	b := bustest.Join(t, bustest.Server(t), func(c *bus.Config) { c.Consumer.RetryMin = time.Millisecond })
	publish(t, must(b.EventsPublisher(host)), inPartition(batch(1, 1), 3), inPartition(batch(2, 1), 3))
	c := must(b.PartitionConsumer(context30(t), "a"))
	ctx := context30(t)
	type seen struct {
		seq, attempt uint64
		first        bool
	}
	var got []seen
	for i := range 3 {
		d, err := c.Receive(ctx, 3)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, seen{d.Value.FirstSeq, d.Attempt, d.First})
		if i == 0 {
			d.Ack(errors.New("not now"))
			continue
		}
		d.Ack(nil)
	}
	want := []seen{{1, 1, true}, {1, 2, false}, {2, 1, false}}
	if !slices.Equal(got, want) {
		t.Errorf("received %v, want %v", got, want)
	}
}

// Matchers come and go under load: nothing is lost or reordered, each holds its
// fair share, and one that leaves hands over at once.
func TestPartitionsAreShared(t *testing.T) {
	s := bustest.Server(t)
	b := bustest.Join(t, s, nil)
	ctx, cancel := context.WithCancel(context30(t))
	defer cancel()
	var sent uint64
	sending := make(chan struct{})
	go func() {
		defer close(sending)
		p := must(b.EventsPublisher(host))
		for ctx.Err() == nil {
			sent++
			if err := p.Publish(context.Background(), inPartition(batch(sent, 1), uint32(sent)%16), func(error) {}); err != nil {
				return
			}
			if sent%5 == 0 {
				time.Sleep(5 * time.Millisecond)
			}
		}
	}()
	got := newTally()
	working := context30(t)
	names := []string{"a", "b", "c"}
	members := make([]*bus.PartitionConsumer, 0, len(names))
	fair := func(live ...*bus.PartitionConsumer) {
		t.Helper()
		most := (16 + len(live) - 1) / len(live)
		eventually(t, "fair shares", func() bool {
			total := 0
			for _, m := range live {
				n := len(m.Owned())
				if n > most {
					return false
				}
				total += n
			}
			return total == 16
		})
		// And each partition is really read by its owner.
		got.mu.Lock()
		clear(got.by)
		got.mu.Unlock()
		eventually(t, "every owner to be busy", func() bool {
			got.mu.Lock()
			defer got.mu.Unlock()
			for i, m := range members {
				if !slices.Contains(live, m) {
					continue
				}
				for _, p := range m.Owned() {
					if got.by[p] != names[i] {
						return false
					}
				}
			}
			return true
		})
	}
	for _, name := range names {
		members = append(members, match(t, working, name, bustest.Join(t, s, nil), got))
		fair(members...)
	}
	if err := members[0].Leave(context30(t)); err != nil {
		t.Fatal(err)
	}
	fair(members[1], members[2])
	cancel()
	<-sending
	eventually(t, "all batches", func() bool {
		got.mu.Lock()
		defer got.mu.Unlock()
		n := 0
		for _, seqs := range got.seqs {
			n += len(slices.Compact(slices.Clone(seqs)))
		}
		return n >= int(sent)
	})
	checkOrder(t, got, int(sent))
}

// Two matchers whose connections are cut now and then lose and reorder nothing.
func TestPartitionsWhileConnectionsAreCut(t *testing.T) {
	const total = 2000
	s := bustest.Server(t)
	proxy := bustest.NewProxy(t, s.Addr())
	ctx := context30(t)
	got := newTally()
	for _, name := range []string{"a", "b"} {
		match(t, ctx, name, bustest.Dial(t, proxy.URL(), nil), got)
	}
	p := must(bustest.Join(t, s, nil).EventsPublisher(host))
	cuts := 0
	for _, b := range spread(1, total, 16) {
		if err := p.Publish(ctx, b, func(error) {}); err != nil {
			t.Fatal(err)
		}
		if b.FirstSeq%(total/5) == 0 {
			proxy.Cut()
			cuts++
		}
		if b.FirstSeq%10 == 0 {
			time.Sleep(10 * time.Millisecond)
		}
	}
	eventually(t, "all batches", func() bool {
		got.mu.Lock()
		defer got.mu.Unlock()
		n := 0
		for _, seqs := range got.seqs {
			n += len(slices.Compact(slices.Clone(seqs)))
		}
		return n >= total
	})
	checkOrder(t, got, total)
	if cuts == 0 {
		t.Error("nothing was cut")
	}
}

// TestPartitionHistory: who takes a partition over reads back what was answered
// before, and nothing from the batch that it was given on.
func TestPartitionHistory(t *testing.T) {
	b := bustest.New(t)
	ctx := context30(t)
	pub := must(b.EventsPublisher(host))
	take := func(c *bus.PartitionConsumer, p uint32, want uint64) msg.Delivery[*msg.Batch] {
		t.Helper()
		d, err := c.Receive(ctx, p)
		if err != nil {
			t.Fatal(err)
		}
		if d.Value.FirstSeq != want {
			t.Fatalf("batch %d, want %d", d.Value.FirstSeq, want)
		}
		return d
	}
	for seq := uint64(1); seq <= 200; seq++ {
		publish(t, pub, inPartition(batch(seq, 1), uint32(seq%2)))
	}
	c := must(b.PartitionConsumer(ctx, "first"))
	for seq := uint64(2); seq < 200; seq += 2 {
		take(c, 0, seq).Ack(nil)
	}
	d := take(c, 0, 200)
	var seqs []uint64
	read := func(b *msg.Batch) error { seqs = append(seqs, b.FirstSeq); return nil }
	since := time.Now().Add(-time.Minute)
	if err := c.History(ctx, 0, since, read); err != nil {
		t.Fatal(err)
	}
	if len(seqs) != 99 || seqs[0] != 2 || seqs[98] != 198 || !slices.IsSorted(seqs) {
		t.Errorf("read back %v, want 2, 4, … 198", seqs)
	}
	seqs = nil
	if err := c.History(ctx, 0, time.Now(), read); err != nil || len(seqs) != 0 {
		t.Errorf("read back %v from now, %v", seqs, err)
	}
	if err := c.History(ctx, 1, since, read); err != nil || len(seqs) != 0 {
		t.Errorf("read back %v of a partition of which nothing was received, %v", seqs, err)
	}
	if stop := errors.New("enough"); !errors.Is(c.History(ctx, 0, since, func(*msg.Batch) error { return stop }), stop) {
		t.Error("the error of the reader is not returned")
	}
	d.Ack(nil)

	found := must(b.DetectionPublisher())
	other := detection("b")
	other.Rule.ID = "another rule"
	publish(t, found, detection("a"), other, detection("c"))
	ids, err := c.Found(ctx, since, []string{"TRC-2", "not there", "TRC-2"})
	if err != nil || len(ids) != 2 || !ids["a"] || !ids["c"] {
		t.Errorf("found %v, %v, want a and c", ids, err)
	}
	if ids, err := c.Found(ctx, since, []string{"not there"}); err != nil || len(ids) != 0 {
		t.Errorf("found %v, %v, want nothing", ids, err)
	}
}

// A partition changes hands while nothing comes: the new owner is told so, and
// can read back what the one before has dealt with, and nothing else.
func TestPartitionChangesHandsInSilence(t *testing.T) {
	s := bustest.Server(t)
	ctx := context30(t)
	old := bustest.Join(t, s, nil)
	before := newTally()
	c := match(t, ctx, "old", old, before)
	publish(t, must(old.EventsPublisher(host)), inPartition(batch(1, 1), 3), inPartition(batch(2, 1), 3))
	eventually(t, "the first owner to have both", func() bool { return before.count() == 2 })
	if err := c.Leave(ctx); err != nil {
		t.Fatal(err)
	}
	heir := bustest.Join(t, s, nil)
	next := must(heir.PartitionConsumer(ctx, "heir"))
	d, err := next.Receive(ctx, 3)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Value.Events) != 0 || !d.First || d.Value.Partition != 3 {
		t.Fatalf("received %v, first %v; want an empty batch that is the first", d.Value, d.First)
	}
	var past []uint64
	if err := next.History(ctx, 3, time.Now().Add(-time.Minute), func(b *msg.Batch) error {
		past = append(past, b.FirstSeq)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	d.Ack(nil)
	if !slices.Equal(past, []uint64{1, 2}) {
		t.Errorf("read back %v, want 1 and 2", past)
	}
	// What comes next is the first of its owner, too.
	publish(t, must(heir.EventsPublisher(host)), inPartition(batch(3, 1), 3))
	if d, err = next.Receive(ctx, 3); err != nil {
		t.Fatal(err)
	}
	if d.Value.FirstSeq != 3 || !d.First {
		t.Errorf("received batch %d, first %v; want 3, first", d.Value.FirstSeq, d.First)
	}
	d.Ack(nil)
}
