package faults

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/internal/bus/bustest"
	"github.com/tripline/tripline/pkg/msg"
)

const (
	matchers = 4
	// plenty is room for what gathers while something is broken.
	plenty = 512 << 20
)

// pipeline is all stages, each a process of its own that reaches the server
// through a proxy of its own.
type pipeline struct {
	t       *testing.T
	host    string
	dir     string
	config  string
	sink    string // the file that the notifier writes to
	server  *stage
	stages  map[string]*stage
	names   []string // of stages, in the order of the stream
	addr    string
	beats   *beats
	metrics string // where the sensor serves them, if it does
}

// config keeps batches in files, so that what is stored outlives the server's
// process, and leaves room for what gathers while something is broken.
const config = `
nats:
  streams:
    raw: {storage: file, max_bytes: %[4]d, max_age: 10m, duplicates: 2m}
    events: {storage: file, max_bytes: %[4]d, max_age: 10m, duplicates: 2m}
  server:
    store_dir: %[1]s
    listen: %[2]s
    max_store: 17179869184
notifier:
  sinks:
    - {name: file, type: file, format: json, path: %[3]s, max_bytes: 0}
`

func needs(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: the sensor loads programs into the kernel")
	}
	if os.Getenv("TRIPLINE_BIN") == "" {
		t.Skip("needs TRIPLINE_BIN: run make test-faults")
	}
}

// start brings the pipeline up. Store is where the server keeps its files, and
// streamBytes how much of raw and of enriched batches.
func start(t *testing.T, run, store, rules string, streamBytes int) *pipeline {
	t.Helper()
	p := &pipeline{t: t, host: run, dir: t.TempDir(), stages: map[string]*stage{}}
	p.addr = freePort(t)
	p.config = filepath.Join(p.dir, "config.yaml")
	p.sink = filepath.Join(p.dir, "detections.json")
	ruleFile := filepath.Join(p.dir, "faults.yaml")
	write(t, p.config, fmt.Sprintf(config, store, p.addr, p.sink, streamBytes))
	write(t, ruleFile, rules)
	t.Cleanup(func() {
		if t.Failed() {
			p.explain()
		}
	})

	p.server = p.stage("nats", nil, "run", "nats")
	p.server.begin()
	p.beats = listen(t, p.addr)
	p.add("sensor", "run", "sensor")
	p.add("enricher", "run", "enricher")
	for i := range matchers {
		p.add(fmt.Sprintf("matcher%d", i+1), "run", "matcher", "--rules-dir", ruleFile)
	}
	p.add("notifier", "run", "notifier")
	return p
}

func (p *pipeline) add(name string, args ...string) {
	proxy := bustest.NewProxy(p.t, p.addr)
	s := p.stage(name, proxy, append(args, "--nats", proxy.URL())...)
	p.stages[name] = s
	p.names = append(p.names, name)
	s.begin()
}

func (p *pipeline) stage(name string, proxy *bustest.Proxy, args ...string) *stage {
	args = append(args, "--config", p.config, "--host", p.host, "--log-format", "json")
	return &stage{t: p.t, name: name, args: args, dir: p.dir, proxy: proxy}
}

// explain shows how the stages' last lives ended.
func (p *pipeline) explain() {
	for _, s := range append([]*stage{p.server}, p.all()...) {
		s.mu.Lock()
		p.t.Logf("%s, life %d:\n%s", s.name, s.lives, tail(s.logFile()))
		s.mu.Unlock()
	}
}

func (p *pipeline) all() (out []*stage) {
	for _, n := range p.names {
		out = append(out, p.stages[n])
	}
	return out
}

// strange lists processes that ended without having been killed.
func (p *pipeline) strange() (out []string) {
	for _, s := range append(p.all(), p.server) {
		s.mu.Lock()
		out = append(out, s.strange...)
		s.mu.Unlock()
	}
	return out
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// beats remembers the last heartbeat of every instance.
type beats struct {
	bus *bus.Bus

	mu   sync.Mutex
	last map[string]msg.Heartbeat
}

func listen(t *testing.T, addr string) *beats {
	t.Helper()
	cfg := bus.DefaultConfig()
	cfg.URL, cfg.Name = "nats://"+addr, "faults"
	b, err := bus.Connect(t.Context(), cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	l := &beats{bus: b, last: map[string]msg.Heartbeat{}}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.WatchHeartbeats(ctx, l.note) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("heartbeats: %v", err)
		}
		b.Close()
	})
	return l
}

func (l *beats) note(h msg.Heartbeat) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last[h.Stage+" "+h.Instance] = h
}

// sum adds up a counter over all instances of a stage there ever were; each
// counts to its last heartbeat.
func (l *beats) sum(stage, counter string) (n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range l.last {
		if h.Stage == stage {
			n += h.Counters[counter]
		}
	}
	return n
}

// lost says what the stages counted as lost.
func (l *beats) lost() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	by := map[string]uint64{}
	for _, h := range l.last {
		for name, n := range h.Counters {
			if h.Stage == "sensor" && strings.HasPrefix(name, "lost_") || h.Stage == "matcher" && (name == "lost" || name == "dropped") {
				by[h.Stage+" "+strings.TrimPrefix(name, "lost_")] += n
			}
		}
	}
	return fmt.Sprint(by)
}

// waitFor the first marker to come through, so that everything is known to
// work before it is broken.
func (p *pipeline) waitFor(rule string) {
	p.t.Helper()
	eventually(p.t, "the first detection of "+rule, func() bool {
		b, err := os.ReadFile(p.sink)
		return err == nil && strings.Contains(string(b), `"`+rule+`"`)
	})
}

// drained waits until nothing much is stored that is not dealt with.
func (p *pipeline) drained() {
	p.t.Helper()
	eventually(p.t, "what is stored to be dealt with", func() bool {
		ctx, cancel := context.WithTimeout(p.t.Context(), 5*time.Second)
		defer cancel()
		left, err := p.beats.bus.Pending(ctx)
		return err == nil && left.Raw+left.Events+left.Detections["file"] <= 20 // the host goes on
	})
}

// settle waits until the stages have dealt with what is stored and the sink's
// file does not grow any more.
func (p *pipeline) settle() {
	p.t.Helper()
	size, still := int64(-1), time.Now()
	eventually(p.t, "the pipeline to be empty", func() bool {
		ctx, cancel := context.WithTimeout(p.t.Context(), 5*time.Second)
		defer cancel()
		left, err := p.beats.bus.Pending(ctx)
		if err != nil || left.Raw+left.Events+left.Detections["file"] > 20 { // the host goes on
			still = time.Now()
			return false
		}
		if info, err := os.Stat(p.sink); err == nil && info.Size() != size {
			size, still = info.Size(), time.Now()
		}
		return time.Since(still) > 4*time.Second
	})
}
