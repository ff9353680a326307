package bus_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/internal/bus/bustest"
	"github.com/tripline/tripline/pkg/msg"
)

// heavy is a batch that a small stream holds few of.
func heavy(seq uint64) *msg.Batch {
	b := batch(seq, 1)
	b.Blobs = [][]byte{make([]byte, 60<<10)}
	return b
}

// TestSlowReaderHoldsThePublisherBack: a reader that lives and is slow has
// nothing discarded before its eyes; the publisher waits instead. A reader that
// is gone is waited for a while only, and then the bounds of the stream hold.
func TestSlowReaderHoldsThePublisherBack(t *testing.T) {
	s := bustest.Server(t)
	small := func(c *bus.Config) {
		c.Streams.Raw.MaxBytes, c.Streams.Events.MaxBytes = 4<<20, 4<<20
		c.Window = 4
	}
	const n = 200 // 12 MB
	for _, c := range []struct {
		name   string
		reader func(t *testing.T, ctx context.Context, b *bus.Bus) func() (uint64, func(error), error)
		pub    func(b *bus.Bus) publishes[*msg.Batch]
	}{
		{"raw", func(_ *testing.T, ctx context.Context, b *bus.Bus) func() (uint64, func(error), error) {
			r := b.RawConsumer(host)
			return func() (uint64, func(error), error) {
				d, err := r.Receive(ctx)
				if err != nil {
					return 0, nil, err
				}
				return d.Value.FirstSeq, d.Ack, nil
			}
		}, func(b *bus.Bus) publishes[*msg.Batch] { return must(b.RawPublisher(host)) }},
		{"events", func(_ *testing.T, ctx context.Context, b *bus.Bus) func() (uint64, func(error), error) {
			r := must(b.PartitionConsumer(ctx, "slow"))
			return func() (uint64, func(error), error) {
				d, err := r.Receive(ctx, 0)
				if err != nil {
					return 0, nil, err
				}
				return d.Value.FirstSeq, d.Ack, nil
			}
		}, func(b *bus.Bus) publishes[*msg.Batch] { return must(b.EventsPublisher(host)) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx := context30(t)
			from, to := bustest.Join(t, s, small), bustest.Join(t, s, small)
			pub := c.pub(from)
			next := c.reader(t, ctx, to)
			publish(t, pub, heavy(1))
			published := make(chan error, 1)
			seq, ack, err := next()
			if err != nil || seq != 1 {
				t.Fatal(seq, err)
			}
			ack(nil)
			time.Sleep(200 * time.Millisecond) // it has said where it is
			go func() {
				var failed error
				for seq := uint64(2); seq <= n; seq++ {
					failed = errors.Join(failed, pub.Publish(ctx, heavy(seq), func(err error) {
						if err != nil {
							t.Errorf("batch %d: %v", seq, err)
						}
					}))
				}
				published <- failed
			}()
			for want := uint64(2); want <= n; want++ {
				seq, ack, err := next()
				if err != nil {
					t.Fatal(err)
				}
				if seq != want {
					t.Fatalf("batch %d, want %d: what lay between was discarded", seq, want)
				}
				time.Sleep(5 * time.Millisecond)
				ack(nil)
			}
			if err := <-published; err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("gone", func(t *testing.T) {
		ctx := context30(t)
		from, to := bustest.Join(t, s, small), bustest.Join(t, s, small)
		pub := must(from.RawPublisher("other"))
		r := to.RawConsumer("other")
		first := heavy(1)
		first.Host = "other"
		publish(t, pub, first)
		if d, err := r.Receive(ctx); err != nil {
			t.Fatal(err)
		} else {
			d.Ack(nil)
		}
		time.Sleep(200 * time.Millisecond)
		to.Close()
		began := time.Now()
		for seq := uint64(2); seq <= 100; seq++ {
			b := heavy(seq)
			b.Host = "other"
			if err := pub.Publish(ctx, b, func(error) {}); err != nil {
				t.Fatalf("batch %d after %v: %v", seq, time.Since(began), err)
			}
		}
		if took := time.Since(began); took < 3*time.Second {
			t.Errorf("6 MB of 4 went out in %v: a reader that is away for a moment is waited for", took)
		}
	})
}
