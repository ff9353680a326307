package notify_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/internal/bus/bustest"
	"github.com/tripline/tripline/pkg/msg"
)

// drained is how many detections one round stores and then tells.
const drained = 200_000

// BenchmarkToFile measures how many stored detections a second go from the
// stream in a file to a sink's file, through the whole notifier: received,
// checked, rendered, written, acknowledged. They are stored before the clock
// starts, so nothing of it is on the matchers' path. The server is in the same
// process, as it is with `tripline run`.
func BenchmarkToFile(b *testing.B) {
	data, err := json.Marshal(found(1))
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct{ name, sink string }{
		{"json", "format: json"},
		{"falco", "format: falco"},
		{"classic", "format: classic"},
		{"template", "format: template, template: \"{{.Time | rfc3339}} {{.Host}} {{.Output}}\\n\""},
	} {
		b.Run(c.name, func(b *testing.B) {
			for range b.N {
				b.StopTimer()
				bs := bustest.Join(b, bustest.Server(b), func(c *bus.Config) { c.Window = 1024 })
				publish(b, bs, drained, 0)
				file := filepath.Join(b.TempDir(), "out")
				cfg := config(b, fmt.Sprintf("sinks: [{name: file, type: file, path: %q, max_bytes: 0, %s}]", file, c.sink))
				b.StartTimer()
				began := time.Now()
				nt, stop := start(b, cfg, bs.SinkConsumer())
				for {
					if c, _ := nt.Health(); c["delivered"] == drained {
						break
					}
					time.Sleep(time.Millisecond)
				}
				took := time.Since(began)
				b.StopTimer()
				stop()
				info, err := os.Stat(file)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(drained/took.Seconds(), "detections/s")
				b.ReportMetric(float64(info.Size())/drained, "written-B/detection")
				b.ReportMetric(float64(len(data)), "stored-B/detection")
			}
		})
	}
}

// memory is a source without a server.
type memory struct {
	data []byte
	left int
}

func (m *memory) Receive(ctx context.Context, _ string, max int) ([]msg.Delivery[*msg.Stored], error) {
	if m.left == 0 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	n := min(max, m.left)
	out := make([]msg.Delivery[*msg.Stored], n)
	for i := range out {
		d := append([]byte(fmt.Sprintf(`{"id":"%06d"`, m.left-i)), m.data...)
		s, err := msg.OpenDetection(d)
		if err != nil {
			return nil, err
		}
		out[i] = msg.Delivery[*msg.Stored]{Value: s, Attempt: 1, Ack: func(error) {}}
	}
	m.left -= n
	return out, nil
}

func (m *memory) Bury(context.Context, msg.DeadLetter) error { return nil }

// BenchmarkStage is the same without the server: the stage alone.
func BenchmarkStage(b *testing.B) {
	d := found(1)
	d.ID = ""
	data, err := json.Marshal(d)
	if err != nil {
		b.Fatal(err)
	}
	data = data[len(`{"id":""`):]
	for range b.N {
		b.StopTimer()
		cfg := config(b, fmt.Sprintf("sinks: [{name: file, type: file, path: %q, max_bytes: 0}]", filepath.Join(b.TempDir(), "out")))
		b.StartTimer()
		began := time.Now()
		nt, stop := start(b, cfg, &memory{data: data, left: drained})
		for {
			if c, _ := nt.Health(); c["delivered"] == drained {
				break
			}
			time.Sleep(time.Millisecond)
		}
		b.ReportMetric(drained/time.Since(began).Seconds(), "detections/s")
		stop()
	}
}
