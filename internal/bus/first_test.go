package bus_test

import (
	"strconv"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/internal/bus/bustest"
	"github.com/tripline/tripline/pkg/msg"
)

// TestFirstOutlivesItsBatch: a matcher that takes a partition over is told so
// with the first batch that it gets, also when the one that it was to get first
// is answered after all by the matcher before.
func TestFirstOutlivesItsBatch(t *testing.T) {
	s := bustest.Server(t)
	proxy := bustest.NewProxy(t, s.Addr())
	pub := must(bustest.Join(t, s, nil).EventsPublisher(host))
	all := spread(1, 16, 16)
	publish(t, pub, all...)
	ctx := context30(t)

	before := must(bustest.Dial(t, proxy.URL(), nil).PartitionConsumer(ctx, "before"))
	held := make(map[uint32]msg.Delivery[*msg.Batch])
	for _, b := range all {
		held[b.Partition] = must(before.Receive(ctx, b.Partition))
	}
	proxy.Down()
	after := must(bustest.Join(t, s, nil).PartitionConsumer(ctx, "after"))
	eventually(t, "all partitions to be the other's", func() bool { return len(after.Owned()) == len(all) })
	proxy.Up()
	eventually(t, "half of the partitions to be given back", func() bool { return len(after.Owned()) == len(all)/2 })
	p := after.Owned()[0]

	nc := must(nats.Connect(s.URL()))
	t.Cleanup(nc.Close)
	name := "matcher-" + strconv.FormatUint(uint64(p), 10)
	cons := must(must(jetstream.New(nc)).Consumer(ctx, bus.StreamEvents, name))
	delivered := func(n uint64) {
		t.Helper()
		eventually(t, "the next delivery", func() bool { return must(cons.Info(ctx)).Delivered.Consumer >= n })
	}
	delivered(2) // the batch that the one before still holds
	held[p].Ack(nil)
	next := inPartition(batch(100, 1), p)
	publish(t, pub, next)
	delivered(3)
	// Nobody came for the one that was delivered first.
	d := must(after.Receive(ctx, p))
	if d.Value.FirstSeq != next.FirstSeq || !d.First {
		t.Errorf("received batch %d, first %v; want batch %d, the first", d.Value.FirstSeq, d.First, next.FirstSeq)
	}
	d.Ack(nil)
}
