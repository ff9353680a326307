package sensor

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tripline/tripline/pkg/msg"
)

// start runs a sensor over a source and returns its Run's result.
func start(t *testing.T, ctx context.Context, cfg Config, src Source, pub Publisher) (*Sensor, <-chan error) {
	t.Helper()
	s, err := New(cfg, "host-1", "boot-1", src, pub, nil, discard(), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	end := make(chan error, 1)
	go func() { end <- s.Run(ctx) }()
	return s, end
}

// emits is a source that emits batches and ends.
func emits(batches ...*msg.Batch) *script {
	return &script{run: func(_ context.Context, emit func(*msg.Batch)) error {
		for _, b := range batches {
			emit(b)
		}
		return nil
	}}
}

func TestNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &tape{}
		s, end := start(t, t.Context(), DefaultConfig(), emits(
			batchOf(t, repeat("openat", 200)...), batchOf(t, repeat("ptrace", 100)...), batchOf(t, repeat("openat", 7)...)), p)
		if err := <-end; err != nil {
			t.Fatal(err)
		}
		got := p.all()
		marker := got[0]
		if len(marker.Events)+len(marker.Drops) != 0 || marker.LastSeq != marker.FirstSeq-1 {
			t.Errorf("the first batch is no marker: %v", marker)
		}
		next := marker.FirstSeq
		for i, b := range got {
			if b.Host != "host-1" || b.BootId != "boot-1" {
				t.Errorf("batch %d is of %s/%s", i, b.Host, b.BootId)
			}
			if b.FirstSeq != next || b.LastSeq != next+uint64(len(b.Events))-1 {
				t.Errorf("batch %d has %d to %d with %d events, want it to begin at %d", i, b.FirstSeq, b.LastSeq, len(b.Events), next)
			}
			for _, e := range b.Events {
				if e.Seq != next {
					t.Fatalf("event %d follows %d", e.Seq, next-1)
				}
				next++
			}
		}
		if n := next - marker.FirstSeq; n != 307 {
			t.Errorf("%d numbers for 307 events", n)
		}
		counters, _ := s.Health()
		if counters["events"] != 307 || counters["stored"] != 307 || counters["lost"] != 0 {
			t.Errorf("counters %v", counters)
		}
	})
}

func TestNumbersGrowAcrossRestarts(t *testing.T) {
	var last uint64
	for range 5 {
		p := &tape{}
		_, end := start(t, t.Context(), DefaultConfig(), emits(batchOf(t, repeat("openat", 3)...)), p)
		if err := <-end; err != nil {
			t.Fatal(err)
		}
		got := p.all()
		if first := got[0].FirstSeq; first <= last {
			t.Fatalf("begins at %d again, after %d", first, last)
		}
		last = got[len(got)-1].LastSeq
	}
}

func TestStalledPublisherLosesTheFloodOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := small()
		p := &tape{gate: make(chan struct{})}
		src := &script{run: func(_ context.Context, emit func(*msg.Batch)) error {
			for range 50 {
				emit(batchOf(t, append(repeat("openat", 99), "ptrace")...))
			}
			return nil
		}}
		s, end := start(t, t.Context(), cfg, src, p)
		synctest.Wait() // the source never waits
		close(p.gate)
		if err := <-end; err != nil {
			t.Fatal(err)
		}
		count := map[string]uint64{}
		for _, n := range p.names() {
			count[n]++
		}
		if count["ptrace"] != 50 {
			t.Errorf("%d of 50 rare events arrived", count["ptrace"])
		}
		lost := p.dropped()["openat queue"]
		if lost == 0 || lost+count["openat"] != 50*99 {
			t.Errorf("%d arrived and %d dropped of %d", count["openat"], lost, 50*99)
		}
		counters, detail := s.Health()
		if counters["lost"] != lost || counters["lost_queue"] != lost {
			t.Errorf("counters %v, want %d lost", counters, lost)
		}
		if d := cmp.Diff(map[string]uint64{"openat": lost}, detail["lost"]); d != "" {
			t.Error(d)
		}
	})
}

type patient struct{ *script }

func (patient) Patient() bool { return true }

func TestPatientSourceLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &tape{gate: make(chan struct{})}
		src := patient{&script{run: func(_ context.Context, emit func(*msg.Batch)) error {
			for range 50 {
				emit(batchOf(t, repeat("openat", 100)...))
			}
			return nil
		}}}
		_, end := start(t, t.Context(), small(), src, p)
		synctest.Wait()
		close(p.gate)
		if err := <-end; err != nil {
			t.Fatal(err)
		}
		if n := len(p.names()); n != 5000 {
			t.Errorf("%d of 5000 events arrived", n)
		}
	})
}

func TestDropsOfTheSourceTravel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &tape{}
		src := &script{run: func(ctx context.Context, _ func(*msg.Batch)) error { <-ctx.Done(); return nil }}
		ctx, cancel := context.WithCancel(t.Context())
		s, end := start(t, ctx, DefaultConfig(), src, p)
		set := func(n uint64) {
			src.mu.Lock()
			src.drops = []*msg.Drop{{Type: id(t, "openat"), Cause: "ring", Count: n}}
			src.mu.Unlock()
		}
		set(5)
		time.Sleep(3 * time.Second)
		set(12)
		time.Sleep(3 * time.Second)
		set(2) // began to count again
		cancel()
		if err := <-end; err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(map[string]uint64{"openat ring": 14}, p.dropped()); d != "" {
			t.Error(d)
		}
		var next uint64
		for i, b := range p.all() {
			if i > 0 && (b.FirstSeq != next || b.LastSeq != next-1) {
				t.Errorf("batch of drops %d has %d to %d, want the empty range at %d", i, b.FirstSeq, b.LastSeq, next)
			}
			next = b.LastSeq + 1
		}
		if counters, _ := s.Health(); counters["lost_ring"] != 14 {
			t.Errorf("counters %v", counters)
		}
	})
}

func TestPublisherRefusesForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		p := &tape{refuse: func(*msg.Batch) error {
			if tries++; tries < 6 {
				return errors.New("no server")
			}
			return nil
		}}
		s, end := start(t, t.Context(), DefaultConfig(), emits(batchOf(t, "openat", "ptrace")), p)
		if err := <-end; err != nil {
			t.Fatal(err)
		}
		if got, want := p.names(), []string{"openat", "ptrace"}; !slices.Equal(got, want) {
			t.Errorf("published %v, want %v", got, want)
		}
		if counters, _ := s.Health(); counters["lost"] != 0 {
			t.Errorf("counters %v", counters)
		}
	})
}

func TestLostBatchLeavesAGap(t *testing.T) {
	for _, c := range []struct {
		name string
		fail func(p *tape, f func(*msg.Batch) error)
	}{
		{"refused for good", func(p *tape, f func(*msg.Batch) error) { p.refuse = f }},
		{"not stored", func(p *tape, f func(*msg.Batch) error) { p.outcome = f }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &tape{}
				c.fail(p, func(b *msg.Batch) error {
					if len(b.Events) == 3 {
						return errors.New("no room in the stream")
					}
					return nil
				})
				src := &script{run: func(ctx context.Context, emit func(*msg.Batch)) error {
					for _, n := range []int{2, 3, 4} {
						emit(batchOf(t, repeat("openat", n)...))
						time.Sleep(time.Minute)
					}
					return nil
				}, drops: []*msg.Drop{{Type: id(t, "ptrace"), Cause: "ring", Count: 9}}}
				s, end := start(t, t.Context(), DefaultConfig(), src, p)
				if err := <-end; err != nil {
					t.Fatal(err)
				}
				var gap, next uint64
				for i, b := range p.all() {
					if i > 0 {
						gap += b.FirstSeq - next
					}
					next = b.LastSeq + 1
				}
				if gap != 3 {
					t.Errorf("readers see a gap of %d, want 3", gap)
				}
				counters, _ := s.Health()
				if counters["lost_publish"] != 3 || counters["stored"] != 6 {
					t.Errorf("counters %v", counters)
				}
				if d := cmp.Diff(map[string]uint64{"ptrace ring": 9}, p.dropped()); d != "" {
					t.Errorf("drops: %s", d)
				}
			})
		})
	}
}

func TestStopPublishesWhatIsQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &tape{gate: make(chan struct{})}
		ctx, cancel := context.WithCancel(t.Context())
		src := &script{run: func(ctx context.Context, emit func(*msg.Batch)) error {
			<-ctx.Done()
			for range 9 {
				emit(batchOf(t, repeat("openat", 100)...))
			}
			return nil
		}}
		_, end := start(t, ctx, small(), src, p)
		cancel()
		time.AfterFunc(time.Second, func() { close(p.gate) })
		if err := <-end; err != nil {
			t.Fatal(err)
		}
		if n := len(p.names()); n != 900 {
			t.Errorf("%d of 900 events arrived", n)
		}
	})
}

func TestStopIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &tape{gate: make(chan struct{})}
		ctx, cancel := context.WithCancel(t.Context())
		src := &script{run: func(ctx context.Context, emit func(*msg.Batch)) error {
			for range 9 {
				emit(batchOf(t, repeat("openat", 100)...))
			}
			<-ctx.Done()
			return nil
		}}
		s, end := start(t, ctx, small(), src, p)
		synctest.Wait()
		cancel()
		if err := <-end; err != nil {
			t.Fatal(err)
		}
		if counters, _ := s.Health(); counters["lost_publish"] != 900 {
			t.Errorf("what was left is not counted: %v", counters)
		}
	})
}

func TestFailingSource(t *testing.T) {
	for _, c := range []struct {
		name string
		run  func(context.Context, func(*msg.Batch)) error
		want string
	}{
		{"error", func(context.Context, func(*msg.Batch)) error { return errors.New("no BTF") }, "source: no BTF"},
		{"panic", func(context.Context, func(*msg.Batch)) error { panic("oh") }, "source: panic: oh"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, end := start(t, t.Context(), DefaultConfig(), &script{run: c.run}, &tape{})
				if err := <-end; err == nil || err.Error() != c.want {
					t.Errorf("Run = %v, want %s", err, c.want)
				}
				if err := s.Ready(); !errors.Is(err, errNotRunning) {
					t.Errorf("Ready = %v", err)
				}
			})
		})
	}
}

func TestConfigValidate(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Errorf("the defaults are refused: %v", err)
	}
	err := Config{}.Validate()
	if err == nil {
		t.Fatal("an empty configuration is accepted")
	}
	for _, field := range []string{"queue_events", "queue_bytes", "batch_events", "batch_bytes", "demand_delay", "drop_interval", "publish_timeout", "stop_timeout"} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("%s is not refused: %v", field, err)
		}
	}
}

func TestBootID(t *testing.T) {
	a, err := BootID()
	if err != nil {
		t.Fatal(err)
	}
	b, err := BootID()
	if err != nil || a != b || len(a) != 36 {
		t.Errorf("boot ids %q and %q, %v", a, b, err)
	}
}
