package bus_test

import (
	"context"
	"encoding/json"
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
