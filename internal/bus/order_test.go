package bus_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/internal/bus/bustest"
	"github.com/tripline/tripline/pkg/msg"
)

// The connection is cut again and again while a publisher and a receiver are
// busy: everything is stored once and in order, and received in order.
func TestOrderWhileConnectionsAreCut(t *testing.T) {
	const total = 3000
	s := bustest.Server(t)
	proxy := bustest.NewProxy(t, s.Addr())
	sender := bustest.Dial(t, proxy.URL(), nil)
	receiver := bustest.Dial(t, proxy.URL(), nil)
	ctx := context30(t)

	var confirmed atomic.Int64
	go func() {
		p := must(sender.RawPublisher(host))
		for _, b := range batches(1, total) {
			if err := p.Publish(ctx, b, func(err error) {
				if err == nil {
					confirmed.Add(1)
				}
			}); err != nil {
				return
			}
			if b.FirstSeq%20 == 0 {
				time.Sleep(5 * time.Millisecond)
			}
		}
	}()
	cutting, stopCutting := context.WithCancel(ctx)
	go func() {
		random := rand.New(rand.NewPCG(1, 2))
		for cutting.Err() == nil {
			time.Sleep(time.Duration(50+random.IntN(400)) * time.Millisecond)
			proxy.Cut()
		}
	}()
	c := receiver.RawConsumer(host)
	for want := uint64(1); want <= total; want++ {
		d, err := c.Receive(ctx)
		if err != nil {
			t.Fatalf("waiting for batch %d, %d stored: %v", want, confirmed.Load(), err)
		}
		if d.Value.FirstSeq != want {
			t.Fatalf("received batch %d, want %d; the stream holds %v", d.Value.FirstSeq, want, around(stored(t, s.URL()), want))
		}
		d.Ack(nil)
	}
	stopCutting()
	eventually(t, "the publisher to hear of everything", func() bool { return confirmed.Load() == total })

	if seqs := stored(t, s.URL()); !slices.Equal(seqs, sequence(1, total)) {
		t.Errorf("the stream holds %v, want 1 to %d", seqs, total)
	}
}

// A message goes down with its connection, and the next is published before
// anybody has looked at the fate of that one: it must not be stored first.
func TestOrderWhenNobodyHasNoticedAReconnection(t *testing.T) {
	s := bustest.Server(t)
	proxy := bustest.NewProxy(t, s.Addr())
	b := bustest.Dial(t, proxy.URL(), nil)
	p := must(b.RawPublisher(host))
	ctx := context30(t)
	// What is called when a batch is stored runs where fates are looked at.
	busy, goOn := make(chan struct{}), make(chan struct{})
	if err := p.Publish(ctx, batch(1, 1), func(error) {
		close(busy)
		<-goOn
	}); err != nil {
		t.Fatal(err)
	}
	<-busy
	var all sync.WaitGroup
	later := func(seq uint64) {
		all.Add(1)
		if err := p.Publish(ctx, batch(seq, 1), func(err error) {
			if err != nil {
				t.Errorf("batch %d is not stored: %v", seq, err)
			}
			all.Done()
		}); err != nil {
			t.Fatal(err)
		}
	}
	proxy.Hold()
	later(2)
	proxy.Cut()
	proxy.Release()
	eventually(t, "a new connection", func() bool {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		_, err := b.Pending(ctx)
		return err == nil
	})
	later(3)
	later(4)
	// Had they been sent, they would be there by now.
	if _, err := b.Pending(ctx); err != nil {
		t.Fatal(err)
	}
	close(goOn)
	all.Wait()
	if seqs := stored(t, s.URL()); !slices.Equal(seqs, sequence(1, 4)) {
		t.Errorf("the stream holds %v, want 1 to 4", seqs)
	}
}

// stored reads the raw stream as it is, without the code under test.
func stored(t testing.TB, url string) (seqs []uint64) {
	t.Helper()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	ctx := context30(t)
	js := must(jetstream.New(nc))
	c := must(js.OrderedConsumer(ctx, bus.StreamRaw, jetstream.OrderedConsumerConfig{}))
	for {
		m, err := c.Next(jetstream.FetchMaxWait(time.Second))
		if err != nil {
			return seqs
		}
		var b msg.Batch
		if err := msg.Unmarshal(m.Data(), &b); err != nil {
			t.Fatal(err)
		}
		seqs = append(seqs, b.FirstSeq)
		if meta, err := m.Metadata(); err == nil && meta.NumPending == 0 {
			return seqs
		}
	}
}

// around is what stands near n.
func around(seqs []uint64, n uint64) []uint64 {
	i := slices.Index(seqs, n)
	return seqs[max(0, i-10):min(len(seqs), i+30)]
}

// While NATS is away the publisher blocks instead of losing or buffering, and
// goes on where it was.
func TestPublishBlocksWhileNATSIsAway(t *testing.T) {
	s := bustest.Server(t)
	proxy := bustest.NewProxy(t, s.Addr())
	b := bustest.Dial(t, proxy.URL(), func(c *bus.Config) { c.Window = 8 })
	p := must(b.RawPublisher(host))
	publish(t, p, batch(1, 1))
	proxy.Down()
	var stored atomic.Int64
	sent := uint64(1)
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		err := p.Publish(ctx, batch(sent+1, 1), func(err error) {
			if err == nil {
				stored.Add(1)
			}
		})
		cancel()
		if err != nil {
			break // full
		}
		if sent++; sent > 100 {
			t.Fatal("a hundred batches were taken although nothing could be stored")
		}
	}
	if n := stored.Load(); n != 0 {
		t.Errorf("%d batches stored while NATS was away", n)
	}
	proxy.Up()
	eventually(t, "what was taken to be stored", func() bool { return stored.Load() == int64(sent-1) })
	seqs, _ := receive(t, b.RawConsumer(host), int(sent))
	if !slices.Equal(seqs, sequence(1, sent)) {
		t.Errorf("received %v, want 1 to %d", seqs, sent)
	}
}

func TestPublishTooLarge(t *testing.T) {
	cfg := bus.DefaultServerConfig()
	cfg.Listen, cfg.StoreDir, cfg.MaxPayload = "", t.TempDir(), 4096
	b := bustest.Join(t, bustest.Embed(t, cfg), nil)
	p := must(b.RawPublisher(host))
	err := p.Publish(context30(t), batch(1, 1000), func(error) { t.Error("done was called") })
	if err == nil || !strings.Contains(err.Error(), "max_payload 4096") {
		t.Errorf("error %v, want one that names the limit", err)
	}
	publish(t, p, batch(2, 1))
}

// Closing fails what was not stored, once each.
func TestCloseFailsWhatIsUnderWay(t *testing.T) {
	s := bustest.Server(t)
	proxy := bustest.NewProxy(t, s.Addr())
	b := bustest.Dial(t, proxy.URL(), nil)
	p := must(b.RawPublisher(host))
	proxy.Down()
	var taken, failed, stored atomic.Int64
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	for _, x := range batches(1, 10) {
		if err := p.Publish(ctx, x, func(err error) {
			if err != nil {
				failed.Add(1)
			} else {
				stored.Add(1)
			}
		}); err != nil {
			break
		}
		taken.Add(1)
	}
	b.Close()
	if taken.Load() == 0 || failed.Load() != taken.Load() || stored.Load() != 0 {
		t.Errorf("%d taken, %d failed, %d stored; want all taken to have failed", taken.Load(), failed.Load(), stored.Load())
	}
	if err := p.Publish(context30(t), batch(11, 1), func(error) { t.Error("done was called") }); err == nil {
		t.Error("publishing after Close succeeds")
	}
}
