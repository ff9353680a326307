package notify_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v4"

	"github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/internal/bus/bustest"
	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/builtin"
	"github.com/tripline/tripline/pkg/msg"
)

// ids is a receiver that remembers the ids of what it took, in order.
type ids struct {
	mu  sync.Mutex
	got []string
	// pause is how long it takes for each.
	pause time.Duration
}

func (r *ids) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	var d msg.Detection
	if err := json.NewDecoder(req.Body).Decode(&d); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	time.Sleep(r.pause)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, d.ID)
}

func (r *ids) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL
}

func config(t testing.TB, text string) builtin.Config {
	t.Helper()
	cfg := builtin.DefaultConfig()
	if err := yaml.Load([]byte(text), &cfg, yaml.WithKnownFields()); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// source is where a notifier reads and buries.
type source interface {
	notifier.Source
	notifier.DeadLetters
}

// start runs a notifier as the command does; stop ends it and waits.
func start(t testing.TB, cfg builtin.Config, src source) (n *notifier.Notifier, stop func()) {
	t.Helper()
	rules, err := cfg.Rules(builtin.Env{})
	if err != nil {
		t.Fatal(err)
	}
	sinks, err := builtin.Sinks(cfg, builtin.Env{Stdout: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	n, err = notifier.New(cfg.Config, rules, src, src, sinks, bustest.Logger(t), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return n, stop
}

func found(i int) *msg.Detection {
	uid := uint32(0)
	now := time.Now().UTC()
	return &msg.Detection{
		ID: fmt.Sprintf("d%06d", i), Time: now, Host: "web-1", Priority: msg.Warning, Severity: 2,
		Rule:   msg.RuleInfo{ID: "terminal-shell", Name: "Terminal shell in container", Language: "expr", Tags: []string{"container", "shell"}, Description: "A shell was started in a container"},
		Output: "A shell was spawned in a container (user=root shell=sh parent=runc cmdline=sh -c id)",
		Event: &msg.EventJSON{
			Host: "web-1", BootID: "2f2ba3b1-0b1c-4a6e-9d43-2f1f1a5a0b1c", Seq: uint64(i), Time: now, Name: "sched_process_exec", CPU: 1, TID: 4243, Comm: "sh",
			Args: []msg.ArgJSON{{Name: "pathname", Type: "const char*", Value: "/bin/sh"}},
			Process: &msg.ProcessJSON{
				PID: 4242, PPID: 4000, NSPID: 7, Comm: "sh", Exe: "/bin/sh", Args: []string{"sh", "-c", "id"}, UID: &uid, GID: &uid, EUID: &uid, User: "root",
				Ancestors: []msg.AncestorJSON{{PID: 4000, Comm: "runc", Exe: "/usr/bin/runc"}, {PID: 1, Comm: "systemd", Exe: "/sbin/init"}}, Knowledge: "kernel",
			},
			Container: &msg.ContainerJSON{
				ID: strings.Repeat("0123456789abcdef", 4), Runtime: "docker", Name: "shop", Image: "registry:5000/team/shop:1.2",
				Labels: map[string]string{"app": "shop"}, Completeness: "complete",
			},
		},
		Values: map[string]any{"proc.name": "sh", "proc.pname": "runc", "user.name": "root"}, Detected: now,
	}
}

// publish stores n detections within a time, evenly.
func publish(t testing.TB, b *bus.Bus, n int, within time.Duration) (want []string) {
	t.Helper()
	p, err := b.DetectionPublisher()
	if err != nil {
		t.Fatal(err)
	}
	stored := make(chan error, n)
	began := time.Now()
	for i := range n {
		if err := p.Publish(context.Background(), found(i), func(err error) { stored <- err }); err != nil {
			t.Fatal(err)
		}
		want = append(want, fmt.Sprintf("d%06d", i))
		if within > 0 && i%100 == 99 {
			time.Sleep(time.Until(began.Add(within * time.Duration(i) / time.Duration(n))))
		}
	}
	for range n {
		if err := <-stored; err != nil {
			t.Fatal(err)
		}
	}
	return want
}

func eventually(t testing.TB, what string, within time.Duration, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("waited %v for %s", within, what)
}

// lines reads the ids in a file of JSON lines.
func lines(t *testing.T, file string) (out []string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var d msg.Detection
		if err := json.Unmarshal(in.Bytes(), &d); err != nil {
			t.Fatal(err)
		}
		out = append(out, d.ID)
	}
	return out
}

// slackish counts messages and what they stand for.
type slackish struct {
	mu       sync.Mutex
	messages int
	stands   int
}

func (s *slackish) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var m struct{ Text string }
	if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	n := 1
	if at := strings.LastIndex(m.Text, " ("); at >= 0 {
		_, _ = fmt.Sscanf(m.Text[at:], " (%d times)", &n)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages++
	s.stands += n
}

func (s *slackish) count() (messages, stands int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.messages, s.stands
}

// TestStorm: 10,000 detections while one sink is dead and one is slow. With
// TRIPLINE_STORM=1m they come within a minute, otherwise within a few seconds.
func TestStorm(t *testing.T) {
	const n = 10_000
	within := 5 * time.Second
	if v := os.Getenv("TRIPLINE_STORM"); v != "" {
		var err error
		if within, err = time.ParseDuration(v); err != nil {
			t.Fatal(err)
		}
	}
	b := bustest.New(t)
	good, slow, chat := &ids{}, &ids{pause: time.Millisecond}, &slackish{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := l.Addr().String()
	l.Close()
	file := filepath.Join(t.TempDir(), "d.json")
	text := fmt.Sprintf(`
retry_initial: 50ms
retry_max: 200ms
give_up: 1s
sinks:
  - {name: good, type: webhook, url: %q}
  - {name: slow, type: webhook, url: %q}
  - {name: dead, type: webhook, url: "http://%s/"}
  - {name: slack, type: slack, url: %q}
  - {name: file, type: file, path: %q}
route:
  routes:
    - {sinks: [slack], group: {by: [rule, host], interval: 1s, max: 4000}, continue: true}
    - {sinks: [good, slow, dead, file]}
`, serve(t, good), serve(t, slow), dead, serve(t, chat), file)
	cfg := config(t, text)
	src := b.SinkConsumer()
	nt, stop := start(t, cfg, src)
	want := publish(t, b, n, within)

	began := time.Now()
	eventually(t, "the good sinks", 2*time.Minute, func() bool { return len(good.all()) >= n })
	t.Logf("good: all %v after the last was stored; slow has %d", time.Since(began).Round(time.Millisecond), len(slow.all()))
	health := func(name string) notifier.SinkHealth {
		_, detail := nt.Health()
		for _, h := range detail["sinks"].([]notifier.SinkHealth) {
			if h.Name == name {
				return h
			}
		}
		t.Fatalf("no sink %s", name)
		return notifier.SinkHealth{}
	}
	eventually(t, "the file", time.Minute, func() bool { return health("file").Delivered == n })
	eventually(t, "the dead one's burials", 2*time.Minute, func() bool { return health("dead").Dead == n })
	eventually(t, "Slack's roll-ups", time.Minute, func() bool { _, stands := chat.count(); return stands >= n })
	eventually(t, "the slow sink", 4*time.Minute, func() bool { return len(slow.all()) >= n })
	for name, got := range map[string][]string{"good": good.all(), "slow": slow.all(), "file": lines(t, file)} {
		if !slices.Equal(got, want) {
			t.Errorf("%s has %d, or in another order", name, len(got))
		}
	}
	messages, stands := chat.count()
	t.Logf("Slack got %d messages for %d detections", messages, stands)
	if limit := 5 + int(within/time.Second)*2 + n/4000; messages > limit || messages < 2 || stands != n {
		t.Errorf("Slack got %d messages (at most %d) for %d detections", messages, limit, stands)
	}
	if h := health("dead"); !h.Open || h.Delivered != 0 {
		t.Errorf("the dead one: %+v", h)
	}
	eventually(t, "all answers to arrive", time.Minute, func() bool { p, err := src.Pending(context.Background()); return err == nil && p == 0 })
	stop()

	// It comes back, and is sent what it missed.
	again := &ids{}
	if l, err = net.Listen("tcp", dead); err != nil {
		t.Skipf("somebody took the port of the dead one meanwhile: %v", err)
	}
	srv := &http.Server{Handler: again, ReadHeaderTimeout: time.Minute}
	go func() { _ = srv.Serve(l) }()
	defer srv.Close()
	letters, err := b.DeadSource(context.Background(), "dead", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer letters.Close()
	one := config(t, fmt.Sprintf(`sinks: [{name: dead, type: webhook, url: "http://%s/"}]`, dead))
	_, stop = start(t, one, letters)
	select {
	case <-letters.Done():
	case <-time.After(4 * time.Minute):
		t.Errorf("only %d arrived", len(again.all()))
	}
	stop()
	if got := again.all(); !slices.Equal(got, want) {
		t.Errorf("%d arrived when they were sent again, or in another order", len(got))
	}
	left := 0
	if err := b.DeadLetters(context.Background(), "dead", func(bus.Dead) error { left++; return nil }); err != nil || left != 0 {
		t.Errorf("%d dead letters are left, %v", left, err)
	}
}

// TestRollUpsSurviveARestart: what a stopped notifier held for a roll-up is
// told by its successor.
func TestRollUpsSurviveARestart(t *testing.T) {
	s := bustest.Server(t)
	b := bustest.Join(t, s, nil)
	chat := &slackish{}
	url := serve(t, chat)
	cfg := func(interval string) builtin.Config {
		return config(t, fmt.Sprintf("sinks: [{name: slack, type: slack, url: %q}]\nroute: {group: {by: [rule], interval: %s, max: 100000}}\n", url, interval))
	}
	first := bustest.Join(t, s, nil)
	nt, stop := start(t, cfg("1h"), first.SinkConsumer())
	const n = 500
	publish(t, b, n, 0)
	eventually(t, "all to be held", time.Minute, func() bool {
		_, detail := nt.Health()
		return detail["sinks"].([]notifier.SinkHealth)[0].Held == n-1
	})
	if messages, stands := chat.count(); messages != 1 || stands != 1 {
		t.Errorf("%d messages for %d", messages, stands)
	}
	stop()
	first.Close()
	_, stop = start(t, cfg("1s"), bustest.Join(t, s, nil).SinkConsumer())
	defer stop()
	eventually(t, "the roll-ups", time.Minute, func() bool { _, stands := chat.count(); return stands >= n })
	if messages, stands := chat.count(); stands != n || messages > 10 {
		t.Errorf("%d messages for %d", messages, stands)
	}
}
