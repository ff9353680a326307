package enricher

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

// slow is a step whose containers become known when the test says so.
type slow struct {
	mu    sync.Mutex
	known map[string]bool
}

func (*slow) Name() string { return "slow" }

func (s *slow) Enrich(_ context.Context, b *msg.Batch, _ bool) {
	at := map[string]uint32{}
	for _, p := range b.Processes {
		if p.Cgroup == "/host" {
			continue
		}
		if at[p.Cgroup] == 0 {
			b.Containers = append(b.Containers, s.container(p.Cgroup))
			at[p.Cgroup] = uint32(len(b.Containers))
		}
		p.Container = at[p.Cgroup]
	}
}

func (s *slow) container(id string) *msg.Container {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known[id] {
		return &msg.Container{Id: id, Name: "name of " + id, Completeness: msg.Completeness_COMPLETENESS_COMPLETE}
	}
	return &msg.Container{Id: id}
}

func (s *slow) Pending(p *msg.Process) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.known[p.Cgroup]
}

func (s *slow) Late(b *msg.Batch) {
	for i, c := range b.Containers {
		b.Containers[i] = s.container(c.Id)
	}
}

func (s *slow) learn(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[id] = true
}

// seqs lists the events published so far of a container, "" for the host, with
// what was known of it.
func seqs(pub *fakePublisher, id string) (out []string) {
	for _, b := range pub.batches() {
		for i := range b.Events {
			r := b.Record(i)
			c := r.Container()
			if c == nil && id == "" || c != nil && c.Id == id {
				out = append(out, fmt.Sprintf("%d %s", r.Event.Seq, c.GetName()))
			}
		}
	}
	return out
}

func TestOnlyTheContainerWaits(t *testing.T) {
	step := &slow{known: map[string]bool{"/known": true}}
	cfg := DefaultConfig()
	cfg.HoldFor = 10 * time.Second
	src := newFakeSource(raw(1, "/new", "/host", "/known", "/new"), raw(5, "/new", "/host"))
	pub := &fakePublisher{}
	e, _ := start(t, cfg, src, pub, step)
	<-src.idle
	eventually(t, "the host's events published", func() bool { return len(seqs(pub, "")) == 2 })
	if got := seqs(pub, "/new"); len(got) != 0 {
		t.Fatalf("went without waiting: %q", got)
	}
	if got := fmt.Sprint(seqs(pub, "/known")); got != "[3 name of /known]" {
		t.Errorf("the known container's events are %s", got)
	}
	if !errors.Is(src.ack(0), errPending) || !errors.Is(src.ack(1), errPending) {
		t.Error("acknowledged while events wait")
	}
	if _, d := e.Health(); d["held_now"] != uint64(3) {
		t.Errorf("health says %v events wait, want 3", d["held_now"])
	}
	step.learn("/new")
	eventually(t, "acknowledged", func() bool { return src.ack(0) == nil && src.ack(1) == nil })
	want := "[1 name of /new 4 name of /new 5 name of /new]"
	if got := fmt.Sprint(seqs(pub, "/new")); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// answered is a step that gets its answer just before it is asked whether one
// is expected.
type answered struct{ slow }

func (s *answered) Pending(p *msg.Process) bool {
	s.learn(p.Cgroup)
	return s.slow.Pending(p)
}

func TestAnswerWhileTheBatchIsHandled(t *testing.T) {
	src := newFakeSource(raw(1, "/new", "/host"))
	pub := &fakePublisher{}
	_, _ = start(t, DefaultConfig(), src, pub, &answered{slow{known: map[string]bool{}}})
	<-src.idle
	eventually(t, "acknowledged", func() bool { return src.ack(0) == nil })
	if got := fmt.Sprint(seqs(pub, "/new")); got != "[1 name of /new]" {
		t.Errorf("got %s", got)
	}
}

func TestWaitingIsBounded(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*Config)
	}{
		{"in time", func(c *Config) { c.HoldFor = 20 * time.Millisecond }},
		{"in events", func(c *Config) { c.HoldFor, c.HoldEvents = 10*time.Second, 2 }},
		{"in total", func(c *Config) { c.HoldFor, c.HoldEvents, c.HoldTotal = 10*time.Second, 2, 2 }},
		{"to nothing", func(c *Config) { c.HoldFor = 0 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := DefaultConfig()
			c.set(&cfg)
			src := newFakeSource(raw(1, "/new"), raw(2, "/new"), raw(3, "/new", "/host"), raw(5, "/new"))
			pub := &fakePublisher{}
			_, _ = start(t, cfg, src, pub, &slow{known: map[string]bool{}})
			<-src.idle
			eventually(t, "all acknowledged", func() bool {
				return src.ack(0) == nil && src.ack(1) == nil && src.ack(2) == nil && src.ack(3) == nil
			})
			if got := fmt.Sprint(seqs(pub, "/new")); got != "[1  2  3  5 ]" {
				t.Errorf("got %s, want all four in order", got)
			}
		})
	}
}

func TestStopLetsWaitingEventsGo(t *testing.T) {
	cfg := DefaultConfig()
	cfg.HoldFor = 10 * time.Second
	src := newFakeSource(raw(1, "/new"))
	pub := &fakePublisher{}
	e, stop := start(t, cfg, src, pub, &slow{known: map[string]bool{}})
	<-src.idle
	eventually(t, "an event waits", func() bool { _, d := e.Health(); return d["held_now"] == uint64(1) })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if err := src.ack(0); err != nil {
		t.Fatalf("not acknowledged: %v", err)
	}
	if got := len(seqs(pub, "/new")); got != 1 {
		t.Fatalf("%d events published", got)
	}
}

func TestThoseThatGotNoAnswerAreBounded(t *testing.T) {
	h := newHolds(DefaultConfig())
	now := time.Now()
	for i := range 3 * maxPassed {
		id := fmt.Sprint(i)
		h.of(id, nil, func(*msg.Process) bool { return true }, now)
		h.remove(id, true, now)
	}
	if len(h.passed) > maxPassed {
		t.Errorf("%d are remembered, the bound is %d", len(h.passed), maxPassed)
	}
	last := fmt.Sprint(3*maxPassed - 1)
	if h.of(last, nil, func(*msg.Process) bool { return true }, now) != nil {
		t.Error("one that just got no answer is waited for again")
	}
}
