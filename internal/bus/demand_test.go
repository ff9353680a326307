package bus_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/internal/bus/bustest"
	"github.com/tripline/tripline/pkg/msg"
)

// watcher keeps the newest demands, as "who:event,event".
type watcher struct {
	mu    sync.Mutex
	calls int
	now   []string
}

func watch(t testing.TB, b *bus.Bus) *watcher {
	t.Helper()
	w := &watcher{}
	ctx := context30(t)
	go func() {
		_ = b.Demand("sensor").Watch(ctx, func(demands []msg.Demand) {
			var now []string
			for _, d := range demands {
				s := d.Who + ":"
				for _, e := range d.Events {
					s += e.Name + ","
				}
				now = append(now, s)
			}
			slices.Sort(now)
			w.mu.Lock()
			defer w.mu.Unlock()
			w.now = now
			w.calls++
		})
	}()
	return w
}

func (w *watcher) wait(t testing.TB, want ...string) {
	t.Helper()
	eventually(t, "the demands to be as announced", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.calls > 0 && slices.Equal(w.now, want)
	})
}

func demand(who string, events ...string) msg.Demand {
	d := msg.Demand{Who: who}
	for _, e := range events {
		d.Events = append(d.Events, msg.EventDemand{Name: e})
	}
	return d
}

func TestDemand(t *testing.T) {
	s := bustest.Server(t)
	b := bustest.Join(t, s, nil)
	w := watch(t, b)
	w.wait(t) // told at once that nobody needs anything

	matcher := bustest.Join(t, s, nil)
	d := matcher.Demand("matcher")
	if err := d.Announce(context30(t), demand("matcher", "ptrace")); err != nil {
		t.Fatal(err)
	}
	w.wait(t, "matcher:ptrace,")
	tail := b.Demand("tail")
	if err := tail.Announce(context30(t), demand("tail", "openat")); err != nil {
		t.Fatal(err)
	}
	w.wait(t, "matcher:ptrace,", "tail:openat,")
	if err := d.Announce(context30(t), demand("matcher", "ptrace", "execve")); err != nil {
		t.Fatal(err)
	}
	w.wait(t, "matcher:ptrace,execve,", "tail:openat,")
	late := watch(t, matcher)
	late.wait(t, "matcher:ptrace,execve,", "tail:openat,")
	if got, err := b.Demands(context30(t)); err != nil || len(got) != 2 {
		t.Errorf("demands are %v, %v; want two", got, err)
	}
	if err := tail.Withdraw(context30(t)); err != nil {
		t.Fatal(err)
	}
	w.wait(t, "matcher:ptrace,execve,")
	matcher.Close() // withdraws
	w.wait(t)
	if got, err := b.Demands(context30(t)); err != nil || len(got) != 0 {
		t.Errorf("demands are %v, %v; want none", got, err)
	}
}

// One who dies without a word stops asking after DemandTTL; one who lives goes
// on for longer than that.
func TestDemandExpires(t *testing.T) {
	s := bustest.Server(t)
	short := func(c *bus.Config) { c.DemandTTL = time.Second }
	b := bustest.Join(t, s, short)
	w := watch(t, b)
	if err := b.Demand("matcher").Announce(context30(t), demand("alive", "ptrace")); err != nil {
		t.Fatal(err)
	}
	proxy := bustest.NewProxy(t, s.Addr())
	dead := bustest.Dial(t, proxy.URL(), short)
	if err := dead.Demand("matcher").Announce(context30(t), demand("dead", "openat")); err != nil {
		t.Fatal(err)
	}
	w.wait(t, "alive:ptrace,", "dead:openat,")
	proxy.Down()
	w.wait(t, "alive:ptrace,")
	time.Sleep(2 * time.Second)
	w.wait(t, "alive:ptrace,")
	proxy.Up()
	w.wait(t, "alive:ptrace,", "dead:openat,")
}

func TestHeartbeats(t *testing.T) {
	b := bustest.New(t)
	ctx, cancel := context.WithCancel(context30(t))
	got := make(chan msg.Heartbeat, 100)
	ended := make(chan error)
	go func() { ended <- b.WatchHeartbeats(ctx, func(h msg.Heartbeat) { got <- h }) }()
	h := msg.Heartbeat{Stage: "sensor", Instance: "a.b", Ready: true, Counters: map[string]uint64{"events": 7}}
	eventually(t, "a heartbeat", func() bool {
		if err := b.PublishHeartbeat(ctx, h); err != nil {
			t.Fatal(err)
		}
		return len(got) > 0
	})
	if seen := <-got; seen.Instance != "a.b" || seen.Counters["events"] != 7 || !seen.Ready {
		t.Errorf("heartbeat is %+v", seen)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("watching ended with %v", err)
	}
}
