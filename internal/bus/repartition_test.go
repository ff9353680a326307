package bus_test

import (
	"strconv"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/internal/bus/bustest"
)

// TestAnotherNumberOfPartitions follows docs/delivery.md: with everybody
// stopped, the stream is deleted and made anew.
func TestAnotherNumberOfPartitions(t *testing.T) {
	s := bustest.Server(t)
	with := func(n uint32) func(*bus.Config) { return func(c *bus.Config) { c.Streams.Partitions = n } }
	before := bustest.Join(t, s, with(4))
	publish(t, must(before.RawPublisher(host)), batch(1, 1))
	before.Close()

	nc, err := nats.Connect(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js := must(jetstream.New(nc))
	if err := js.DeleteStream(context30(t), bus.StreamEvents); err != nil {
		t.Fatal(err)
	}
	after := bustest.Join(t, s, with(8))
	if n := after.Partitions(); n != 8 {
		t.Errorf("%d partitions, want 8", n)
	}
	ctx := context30(t)
	// The raw events of before are there, and every new partition is read.
	if d, err := after.RawConsumer(host).Receive(ctx); err != nil || d.Value.FirstSeq != 1 {
		t.Errorf("the raw batch of before: %v", err)
	}
	c := must(after.PartitionConsumer(ctx, "m"))
	pub := must(after.EventsPublisher(host))
	for p := range uint32(8) {
		publish(t, pub, inPartition(batch(uint64(p+1), 1), p))
		d, err := c.Receive(ctx, p)
		if err != nil {
			t.Fatalf("partition %s: %v", strconv.Itoa(int(p)), err)
		}
		d.Ack(nil)
	}
}
