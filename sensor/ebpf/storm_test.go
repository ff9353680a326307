//go:build cgo && linux && amd64

package ebpf

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
	"github.com/tripline/tripline/sensor"
	"github.com/tripline/tripline/test/storm"
)

// stormVariable makes the storm as long as it says, with five rounds of
// attacks: make bench-storm.
const stormVariable = "TRIPLINE_TEST_STORM"

// slowPublisher takes as long for an event as a pipeline on this machine does,
// and keeps those that anything but the flood has done.
type slowPublisher struct {
	perEvent time.Duration

	mu sync.Mutex
	// flooder's events are counted by type; what others did is kept.
	flooder int32
	events  map[string]uint64 // events
	stand   map[string]uint64 // what they stand for
	kept    []*msg.Batch
	drops   map[string]uint64

	processes int
}

// begun says that the processes which exist have been told of.
func (p *slowPublisher) begun() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.processes > 0
}

func (p *slowPublisher) Publish(_ context.Context, b *msg.Batch, done func(error)) error {
	time.Sleep(time.Duration(len(b.Events)) * p.perEvent)
	p.mu.Lock()
	defer p.mu.Unlock()
	others := false
	for i, e := range b.Events {
		r := b.Record(i)
		if r.Process().GetPid() != p.flooder {
			others = true
		}
		p.events[r.Name()]++
		p.stand[r.Name()] += uint64(max(e.Count, 1))
	}
	for _, d := range b.Drops {
		p.drops[catalogue.ByID(catalogue.ID(d.Type)).Name+" "+d.Cause] += d.Count
	}
	p.processes += len(b.Processes)
	if others {
		p.kept = append(p.kept, b)
	}
	done(nil)
	return nil
}

type fixedDemand []string

func (d fixedDemand) Watch(ctx context.Context, changed func([]msg.Demand)) error {
	var all msg.Demand
	for _, name := range d {
		all.Events = append(all.Events, msg.EventDemand{Name: name})
	}
	changed([]msg.Demand{all})
	<-ctx.Done()
	return nil
}

// TestStorm looks for every attack of a storm in what the sensor publishes,
// through a publisher that is slower than the storm.
func TestStorm(t *testing.T) {
	needRoot(t)
	if _, err := os.Stat(storm.Shadow); err != nil {
		t.Skipf("needs a machine with users: %v", err)
	}
	for _, c := range []struct {
		name  string
		files int
	}{{"one file", 1}, {"many files", 500}} {
		t.Run(c.name, func(t *testing.T) {
			cfg := storm.Config{Dir: t.TempDir(), Duration: 4 * time.Second, Rounds: 1, Files: c.files}
			if v := os.Getenv(stormVariable); v != "" {
				var err error
				if cfg.Duration, err = time.ParseDuration(v); err != nil {
					t.Fatal(err)
				}
				cfg.Rounds = 5
			}
			weather(t, cfg)
		})
	}
}

func weather(t *testing.T, cfg storm.Config) {
	log := slog.New(slog.DiscardHandler)
	ec := testConfig(t)
	ec.Fold = true
	emptyScope(t, ec.loaded.module)
	if os.Getenv(stormVariable) == "" {
		// What others do on the machine would be a storm of its own.
		ec.Scope = Scope{"tree=" + strconv.Itoa(os.Getpid())}
	}
	src, err := New(ec, log, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	pub := &slowPublisher{
		perEvent: 10 * time.Microsecond,
		events:   map[string]uint64{}, stand: map[string]uint64{}, drops: map[string]uint64{},
	}
	// A small queue, so that a short storm fills it, too.
	sc := sensor.DefaultConfig()
	sc.QueueEvents, sc.QueueBytes, sc.StopTimeout = 1<<16, 16<<20, 30*time.Second
	s, err := sensor.New(sc, "here", "boot", src, pub, fixedDemand(storm.Events()), log, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	for s.Ready() != nil || !pub.begun() {
		time.Sleep(time.Millisecond)
	}
	// The processes of the storm are of this executable.
	observeSelf(src)
	r, err := storm.Run(t.Context(), cfg)
	cancel()
	if e := <-done; e != nil {
		t.Error(e)
	}
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, a := range r.Attacks {
		if slices.ContainsFunc(pub.kept, func(b *msg.Batch) bool {
			for i := range b.Events {
				if storm.Shows(a, b.Record(i)) {
					return true
				}
			}
			return false
		}) {
			found++
			continue
		}
		t.Errorf("not seen: %s, round %d, by process %d", a.Kind, a.Round, a.Pid)
	}
	t.Logf("%d of %d attacks seen in %v, while %d pairs of open and close were made, %.0f a second",
		found, len(r.Attacks), r.Took.Round(time.Millisecond), r.Pairs, float64(r.Pairs)/r.Took.Seconds())
	for _, name := range slices.SortedFunc(maps.Keys(pub.events), func(a, b string) int { return cmp.Compare(pub.stand[b], pub.stand[a]) }) {
		if pub.stand[name] > 1000 {
			t.Logf("  %-22s %9d events for %9d; dropped in the ring %d, in the queue %d", name, pub.events[name], pub.stand[name], pub.drops[name+" ring"], pub.drops[name+" queue"])
		}
	}
	for _, name := range []string{"openat", "close"} {
		if n := pub.stand[name] + pub.drops[name+" ring"] + pub.drops[name+" queue"]; n < r.Pairs {
			t.Errorf("%s: %d are accounted for, %d were made", name, n, r.Pairs)
		}
	}
	for e := range catalogue.All() {
		if n := pub.drops[e.Name+" ring"] + pub.drops[e.Name+" queue"]; n > 0 && e.Class == catalogue.Lifecycle {
			t.Errorf("%d of %s were dropped", n, e.Name)
		}
	}
}
