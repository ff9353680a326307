//go:build cgo && linux

package ebpf

import (
	"context"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tripline/tripline/pkg/msg"
)

// patience is how long a test waits for an event before it fails. It is no
// measure: events take some milliseconds.
const patience = 10 * time.Second

// watch is a source at work and what it has emitted so far.
type watch struct {
	*Source
	t *testing.T

	mu      sync.Mutex
	changed *sync.Cond
	batches []*msg.Batch
}

func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: it loads programs into the kernel")
	}
}

// programsOfTests loads the programs for all tests with the default
// configuration; they leave the kernel when the tests' process does. What this
// kernel does not take of them is in the tests' output.
var programsOfTests = sync.OnceValues(func() (*loaded, error) {
	cfg := DefaultConfig()
	return load(&cfg, slog.New(slog.NewTextHandler(os.Stderr, nil)))
})

// start runs a source that reports these events for the length of the test.
// The test's own process counts as any other.
func start(t *testing.T, events ...string) *watch {
	t.Helper()
	return startWith(t, testConfig(t), events...)
}

// testConfig is the default configuration with the programs of all tests, less
// folding: a test that does a thing a thousand times wants a thousand events.
func testConfig(t *testing.T) Config {
	t.Helper()
	needRoot(t)
	cfg := DefaultConfig()
	cfg.Fold = false
	var err error
	if cfg.loaded, err = programsOfTests(); err != nil {
		t.Fatal(err)
	}
	return cfg
}

func startWith(t *testing.T, cfg Config, events ...string) *watch {
	t.Helper()
	needRoot(t)
	s, err := New(cfg, slog.New(slog.NewTextHandler(testWriter{t}, nil)), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	w := &watch{Source: s, t: t}
	w.changed = sync.NewCond(&w.mu)
	var demand []msg.EventDemand
	for _, e := range events {
		demand = append(demand, msg.EventDemand{Name: e})
	}
	if missing := s.Want(demand); len(missing) > 0 {
		t.Fatalf("missing: %v", missing)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, w.emit) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	// The first batches are the processes that exist, after which all is attached.
	w.await("the processes that exist", func(b *msg.Batch) bool { return true })
	w.observeSelf()
	return w
}

// observeSelf makes the programs report this very process.
func (w *watch) observeSelf() { observeSelf(w.Source) }

// observeSelf makes a source that runs report this process, and those that it
// starts of the same executable.
func observeSelf(s *Source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shared.m.self, s.shared.m.self_exe = 0, 0
}

func (w *watch) emit(b *msg.Batch) {
	w.mu.Lock()
	w.batches = append(w.batches, b)
	w.mu.Unlock()
	w.changed.Broadcast()
}

// await returns the first batch that fits.
func (w *watch) await(what string, fits func(*msg.Batch) bool) *msg.Batch {
	w.t.Helper()
	deadline := time.AfterFunc(patience, w.changed.Broadcast)
	defer deadline.Stop()
	end := time.Now().Add(patience)
	w.mu.Lock()
	defer w.mu.Unlock()
	for seen := 0; ; {
		for ; seen < len(w.batches); seen++ {
			if fits(w.batches[seen]) {
				return w.batches[seen]
			}
		}
		if time.Now().After(end) {
			w.t.Fatalf("no %s within %v", what, patience)
		}
		w.changed.Wait()
	}
}

// event returns the first event of that name that fits.
func (w *watch) event(name string, fits func(msg.Record) bool) msg.Record {
	w.t.Helper()
	var found msg.Record
	w.await("event "+name+" that fits", func(b *msg.Batch) bool {
		for i := range b.Events {
			if r := b.Record(i); r.Name() == name && fits(r) {
				found = r
				findings.checked(name)
				return true
			}
		}
		return false
	})
	return found
}

// records returns all events so far, in order.
func (w *watch) records() []msg.Record {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []msg.Record
	for _, b := range w.batches {
		for i := range b.Events {
			out = append(out, b.Record(i))
		}
	}
	return out
}

// onThread pins the caller to a thread and returns its id.
func onThread(t *testing.T) int {
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	return gettid()
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}
