package bus_test

import (
	"context"
	"encoding/json"
	"net"
	"sync"
	"testing"

	"github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/internal/bus/bustest"
	"github.com/tripline/tripline/pkg/msg"
)

type tailed struct {
	mu       sync.Mutex
	subjects map[string]int
	last     []byte
}

func (s *tailed) count(subject string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.subjects[subject]
}

func tail(t testing.TB, ctx context.Context, b *bus.Bus, subject string) *tailed {
	t.Helper()
	out := &tailed{subjects: make(map[string]int)}
	go func() {
		_, _ = b.Tail(ctx, subject, func(subject string, data []byte) {
			out.mu.Lock()
			defer out.mu.Unlock()
			out.subjects[subject]++
			out.last = data
		})
	}()
	return out
}

func mixed() *msg.Batch {
	b := batch(1, 3)
	b.Events[1].Type = eventType("openat")
	return b
}

func TestMirror(t *testing.T) {
	const (
		ptrace = "tripline.tail.events.host=2Eexample.ptrace"
		openat = "tripline.tail.events.host=2Eexample.openat"
	)
	join := map[string]func(t *testing.T, s *bus.Server) *bus.Bus{
		"embedded": func(t *testing.T, s *bus.Server) *bus.Bus { return bustest.Join(t, s, nil) },
		"remote":   func(t *testing.T, s *bus.Server) *bus.Bus { return bustest.Dial(t, s.URL(), nil) },
	}
	for name, join := range join {
		t.Run(name, func(t *testing.T) {
			s := bustest.Server(t)
			b := join(t, s)
			m := must(b.Mirror(context30(t), msg.SubjectTailEvents))
			reader := bustest.Dial(t, s.URL(), nil)

			all, stopAll := context.WithCancel(context30(t))
			wide := tail(t, all, reader, "tripline.tail.events.>")
			eventually(t, "both events to be shown", func() bool {
				m.Show(mixed())
				return wide.count(ptrace) > 0 && wide.count(openat) > 0
			})
			var line msg.EventJSON
			wide.mu.Lock()
			err := json.Unmarshal(wide.last, &line)
			wide.mu.Unlock()
			if err != nil || line.Host != host {
				t.Errorf("the line is %+v, %v", line, err)
			}
			stopAll()

			// With a reader of one event only, the other is not even sent.
			narrow := tail(t, context30(t), reader, ptrace)
			eventually(t, "ptrace to be shown", func() bool {
				m.Show(mixed())
				return narrow.count(ptrace) > 0
			})
			eventually(t, "only ptrace to be shown", func() bool {
				before, was := m.Shown(), narrow.count(ptrace)
				for range 10 {
					m.Show(mixed())
				}
				eventually(t, "the mirror to be through", func() bool { return narrow.count(ptrace) >= was+20 })
				return m.Shown() == before+20
			})
			if n := m.Dropped(); n != 0 {
				t.Errorf("%d events dropped", n)
			}
		})
	}
}

// What the mirror cannot show in time it drops, counts, and never waits for.
func TestMirrorDropsAndCounts(t *testing.T) {
	s := bustest.Server(t)
	b := bustest.Join(t, s, func(c *bus.Config) { c.MirrorQueue = 1 })
	m := must(b.Mirror(context30(t), msg.SubjectTailRaw))
	all := tail(t, context30(t), bustest.Dial(t, s.URL(), nil), "tripline.tail.raw.>")
	const subject = "tripline.tail.raw.host=2Eexample.ptrace"
	late := uint64(0) // what may still be on its way when counting begins
	eventually(t, "the mirror to see its reader", func() bool {
		m.Show(batch(1, 1))
		late++
		return all.count(subject) > 0
	})
	before := m.Shown() + m.Dropped()
	const batches, events = 200, 256
	for i := range uint64(batches) {
		m.Show(batch(i*events+1, events))
	}
	eventually(t, "every event to be shown or dropped", func() bool {
		return m.Shown()+m.Dropped() >= before+batches*events
	})
	if n := m.Shown() + m.Dropped() - before; n > batches*events+late {
		t.Errorf("%d events shown or dropped of %d", n, batches*events+late)
	}
	if m.Dropped() == 0 {
		t.Error("nothing was dropped although the queue holds one batch of two hundred")
	}
}

// A reader that subscribes and then stands still holds up neither the streams
// nor other readers.
func TestFrozenReader(t *testing.T) {
	s := bustest.Server(t)
	b := bustest.Join(t, s, nil)
	frozen, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer frozen.Close()
	if _, err := frozen.Write([]byte("CONNECT {\"verbose\":false}\r\nSUB tripline.> 1\r\nPING\r\n")); err != nil {
		t.Fatal(err)
	}
	// It never reads from here on.
	m := must(b.Mirror(context30(t), msg.SubjectTailRaw))
	all := tail(t, context30(t), bustest.Dial(t, s.URL(), nil), "tripline.tail.raw.>")
	p, c := must(b.RawPublisher(host)), b.RawConsumer(host)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range uint64(400) {
			x := batch(i*256+1, 256)
			m.Show(x)
			if err := p.Publish(context30(t), x, func(error) {}); err != nil {
				return
			}
		}
	}()
	for i := range uint64(400) {
		_, got := receive(t, c, 1)
		if want := i*256 + 1; got[0].Value.FirstSeq != want {
			t.Fatalf("received batch %d, want %d", got[0].Value.FirstSeq, want)
		}
		got[0].Ack(nil)
	}
	<-done
	eventually(t, "the other reader to get events", func() bool {
		m.Show(batch(1, 1))
		return all.count("tripline.tail.raw.host=2Eexample.ptrace") > 0
	})
}
