package msg_test

import (
	"testing"

	"github.com/tripline/tripline/pkg/msg"
)

// perEvent reports the cost of one of the batch's 256 events.
func perEvent(b *testing.B, size int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/256, "ns/event")
	b.ReportMetric(float64(size)/256, "B/event")
}

func BenchmarkMarshal(b *testing.B) {
	for _, c := range []struct {
		name string
		how  msg.Compression
	}{{"plain", msg.Plain}, {"s2", msg.S2}} {
		b.Run(c.name, func(b *testing.B) {
			batch := typical(b)
			var frame []byte
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if frame, err = msg.Marshal(frame[:0], batch, c.how); err != nil {
					b.Fatal(err)
				}
			}
			perEvent(b, len(frame))
		})
	}
}

func BenchmarkUnmarshal(b *testing.B) {
	for _, c := range []struct {
		name string
		how  msg.Compression
	}{{"plain", msg.Plain}, {"s2", msg.S2}} {
		b.Run(c.name, func(b *testing.B) {
			frame, err := msg.Marshal(nil, typical(b), c.how)
			if err != nil {
				b.Fatal(err)
			}
			var batch msg.Batch
			b.ReportAllocs()
			for b.Loop() {
				if err := msg.Unmarshal(frame, &batch); err != nil {
					b.Fatal(err)
				}
			}
			perEvent(b, len(frame))
		})
	}
}

func BenchmarkUnmarshalFresh(b *testing.B) {
	frame, err := msg.Marshal(nil, typical(b), msg.Plain)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		var batch msg.Batch
		if err := msg.Unmarshal(frame, &batch); err != nil {
			b.Fatal(err)
		}
	}
	perEvent(b, len(frame))
}

func BenchmarkEventJSON(b *testing.B) {
	batch := typical(b)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, err := batch.Record(i % 256).JSON().MarshalJSONLine(); err != nil {
			b.Fatal(err)
		}
		i++
	}
}
