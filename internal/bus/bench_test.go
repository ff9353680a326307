package bus_test

import (
	"context"
	"testing"

	"github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/internal/bus/bustest"
)

// One operation is a batch of 256 events, encoded, stored, received, decoded
// and answered.
func BenchmarkBatch(b *testing.B) {
	const events = 256
	join := map[string]func(s *bus.Server, change func(*bus.Config)) *bus.Bus{
		"inprocess": func(s *bus.Server, change func(*bus.Config)) *bus.Bus { return bustest.Join(b, s, change) },
		"tcp":       func(s *bus.Server, change func(*bus.Config)) *bus.Bus { return bustest.Dial(b, s.URL(), change) },
	}
	for _, where := range []string{"inprocess", "tcp"} {
		for _, compression := range []string{"none", "s2"} {
			b.Run("raw/"+where+"/"+compression, func(b *testing.B) {
				c := join[where](bustest.Server(b), func(c *bus.Config) { c.Compression = compression })
				p, in := must(c.RawPublisher(host)), c.RawConsumer(host)
				ctx := context.Background()
				room := make(chan struct{}, 512) // less than the stream holds
				b.ResetTimer()
				go func() {
					for i := range b.N {
						room <- struct{}{}
						if err := p.Publish(ctx, batch(uint64(i*events+1), events), func(error) {}); err != nil {
							return
						}
					}
				}()
				for range b.N {
					d, err := in.Receive(ctx)
					if err != nil {
						b.Fatal(err)
					}
					d.Ack(nil)
					<-room
				}
				b.ReportMetric(float64(b.N*events)/b.Elapsed().Seconds(), "events/s")
			})
		}
		b.Run("partitions/"+where, func(b *testing.B) {
			c := join[where](bustest.Server(b), nil)
			p := must(c.EventsPublisher(host))
			in := must(c.PartitionConsumer(context30(b), "bench"))
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			done := make(chan struct{}, 64)
			for i := range in.Partitions() {
				go func() {
					for {
						d, err := in.Receive(ctx, i)
						if err != nil {
							return
						}
						d.Ack(nil)
						done <- struct{}{}
					}
				}()
			}
			room := make(chan struct{}, 512)
			b.ResetTimer()
			go func() {
				for i := range b.N {
					room <- struct{}{}
					if err := p.Publish(ctx, inPartition(batch(uint64(i*events+1), events), uint32(i)%in.Partitions()), func(error) {}); err != nil {
						return
					}
				}
			}()
			for range b.N {
				<-done
				<-room
			}
			b.ReportMetric(float64(b.N*events)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// One operation is a detection stored and acknowledged by a sink.
func BenchmarkDetection(b *testing.B) {
	c := bustest.New(b)
	p, in := must(c.DetectionPublisher()), c.SinkConsumer()
	found, _ := detections(1, b.N)
	ctx := context.Background()
	b.ResetTimer()
	go func() {
		for _, d := range found {
			if err := p.Publish(ctx, d, func(error) {}); err != nil {
				return
			}
		}
	}()
	for n := 0; n < b.N; {
		ds, err := in.Receive(ctx, "bench", 512)
		if err != nil {
			b.Fatal(err)
		}
		for _, d := range ds {
			d.Ack(nil)
		}
		n += len(ds)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "detections/s")
}

// The cost of the mirror while nobody listens.
func BenchmarkMirrorIdle(b *testing.B) {
	c := bustest.New(b)
	m := must(c.Mirror(context30(b), "tripline.tail.raw"))
	x := batch(1, 256)
	for i := range x.Events {
		if i%2 == 0 {
			x.Events[i].Type = eventType("openat")
		}
	}
	b.ResetTimer()
	for range b.N {
		m.Show(x)
	}
}
