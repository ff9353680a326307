package container

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tripline/tripline/pkg/msg"
)

// fake is a runtime that says what a test tells it to: real ones are asked in
// the folders below.
type fake struct {
	mu    sync.Mutex
	known map[string]*msg.Container
	err   error
	asked int
	tell  func(Change)
}

func (*fake) Name() string { return "docker" }

func (f *fake) Endpoint() string { return fmt.Sprintf("fake %p", f) }

func (f *fake) Inspect(_ context.Context, id string) (*msg.Container, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	if f.err != nil {
		return f.known[id], f.err
	}
	if c := f.known[id]; c != nil {
		return c, nil
	}
	return nil, ErrNotFound
}

func (f *fake) Watch(ctx context.Context, connected func(), changed func(Change)) error {
	f.mu.Lock()
	f.tell = changed
	f.mu.Unlock()
	connected()
	<-ctx.Done()
	return ctx.Err()
}

func (f *fake) set(err error, known ...*msg.Container) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
	for _, c := range known {
		f.known[c.Id] = c
	}
}

// newStep runs a step that asks f until the test ends.
func newStep(t *testing.T, f *fake, configure func(*Config), more ...*fake) *Step {
	t.Helper()
	if _, err := os.Stat("/proc/sys/kernel/random/boot_id"); errors.Is(err, fs.ErrNotExist) {
		t.Skip("needs the boot id")
	}
	f.known = map[string]*msg.Container{}
	cfg := DefaultConfig()
	if configure != nil {
		configure(&cfg)
	}
	runtimes := []Runtime{f}
	for _, r := range more {
		runtimes = append(runtimes, r)
	}
	s, err := New(cfg, runtimes, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		_ = s.Run(ctx)
		close(done)
	}()
	t.Cleanup(func() { cancel(); <-done })
	return s
}

// enrich sends processes of a cgroup through the step.
func enrich(s *Step, cgroup string, rows ...*msg.Process) *msg.Batch {
	b := &msg.Batch{BootId: s.boot, Processes: rows}
	for _, p := range rows {
		p.Cgroup = cgroup
	}
	s.Enrich(context.Background(), b, false)
	return b
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 4000 {
		if ok() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("never happened: %s", what)
}

var testID = strings.Repeat("ab", 32)

func TestHealthChecks(t *testing.T) {
	f := &fake{}
	s := newStep(t, f, nil)
	check := []string{"/bin/sh", "-c", "curl localhost"}
	f.set(nil, &msg.Container{
		Id: testID, Name: "web", Completeness: msg.Completeness_COMPLETENESS_COMPLETE,
		HealthChecks: []*msg.HealthCheck{{Args: check}, {Kind: msg.HealthCheckKind_HEALTH_CHECK_KIND_READINESS, Args: []string{"/bin/true"}}},
	})
	path := "/docker/" + testID
	eventually(t, "the container is known", func() bool {
		b := enrich(s, path, &msg.Process{Pid: 1})
		return b.Containers[0].Name == "web"
	})
	// Rows as the sensor makes them: inside the pid namespace numbers differ,
	// and one that was put in from outside has no parent there.
	const host = 0
	flags := func(rows ...*msg.Process) []uint32 {
		var out []uint32
		for _, p := range enrich(s, path, rows...).Processes {
			out = append(out, p.Flags)
		}
		return out
	}
	runtime, readiness := uint32(msg.ProcessFlag_PROCESS_FLAG_HEALTHCHECK), uint32(msg.ProcessFlag_PROCESS_FLAG_READINESS)
	for _, c := range []struct {
		name string
		row  *msg.Process
		want uint32
	}{
		{"the check", &msg.Process{Pid: 100, StartTime: 1, NsPid: 20, NsPpid: host, Args: check}, runtime},
		{"another check", &msg.Process{Pid: 101, StartTime: 1, NsPid: 21, NsPpid: host, Args: []string{"/bin/true"}}, readiness},
		{"one inside that imitates it", &msg.Process{Pid: 102, StartTime: 1, NsPid: 22, NsPpid: 1, Args: check}, 0},
		{"the container's first process", &msg.Process{Pid: 103, StartTime: 1, NsPid: 1, NsPpid: host, Args: check}, 0},
		{"something else put in", &msg.Process{Pid: 104, StartTime: 1, NsPid: 24, NsPpid: host, Args: []string{"/bin/sh"}}, 0},
		{"what the check executes next", &msg.Process{Pid: 100, StartTime: 1, NsPid: 20, NsPpid: host, Args: []string{"curl", "localhost"}}, runtime},
		{"another with the pid of the check", &msg.Process{Pid: 100, StartTime: 2, NsPid: 20, NsPpid: host, Args: []string{"curl"}}, 0},
	} {
		if got := flags(c.row); got[0] != c.want {
			t.Errorf("%s: flags %d, want %d", c.name, got[0], c.want)
		}
	}
	child := &msg.Process{Pid: 200, StartTime: 3, NsPid: 30, NsPpid: 20, Args: []string{"x"}, Ancestors: []uint32{1}}
	if got := flags(child, &msg.Process{Pid: 100, StartTime: 1, NsPid: 20}); got[0] != runtime {
		t.Errorf("a child of the check: flags %d", got[0])
	}
	for i := range 1000 {
		enrich(s, path, &msg.Process{Pid: int32(1000 + i), StartTime: 1, NsPid: 20, Args: check})
	}
	if n := len(s.entries[testID].checking); n > maxChecking {
		t.Errorf("%d processes are remembered", n)
	}
}

func TestAllThatCanBeTold(t *testing.T) {
	f := &fake{}
	// The other, which has no such container, may answer first or last.
	s := newStep(t, f, func(c *Config) { c.Wait = time.Hour }, &fake{})
	f.set(ErrAll, &msg.Container{Id: testID, Name: "web", Completeness: msg.Completeness_COMPLETENESS_PARTIAL})
	row := func() *msg.Process { return &msg.Process{Pid: 1, Cgroup: "/docker/" + testID} }
	enrich(s, row().Cgroup, row())
	eventually(t, "nobody waits for more", func() bool { return !s.Pending(row()) })
	if c := enrich(s, row().Cgroup, row()).Containers[0]; c.Name != "web" || c.Completeness != msg.Completeness_COMPLETENESS_PARTIAL {
		t.Errorf("got %v", c)
	}
	f.mu.Lock()
	asked := f.asked
	f.mu.Unlock()
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}

// TestFloodOfCgroups is somebody who makes cgroups as fast as they can.
func TestFloodOfCgroups(t *testing.T) {
	f := &fake{}
	s := newStep(t, f, func(c *Config) { c.MaxCgroups, c.MaxContainers, c.Queue = 1000, 100, 10 })
	var m msg.Builder
	row := m.Process(&msg.Process{Pid: 1, StartTime: 1})
	for i := range 20000 {
		path := fmt.Sprintf("/docker/%064x", i)
		m.Event(&msg.Event{Type: s.events.mkdir, Process: row, Args: []int64{int64(1<<40 + i), m.String(path), 0}})
		m.Process(&msg.Process{Pid: int32(1000 + i), StartTime: 1, Cgroup: fmt.Sprintf("/lxc/%d", i)})
		if i%100 == 99 {
			b := m.Take()
			b.BootId = s.boot
			s.Enrich(context.Background(), b, false)
			row = m.Process(&msg.Process{Pid: 1, StartTime: 1})
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.boots[s.boot]
	if len(c.m) > 1000 || len(c.byPath) > 1000 || len(s.entries) > 100 {
		t.Errorf("%d cgroups by id, %d by path, %d containers are remembered; the bounds are 1000, 1000 and 100", len(c.m), len(c.byPath), len(s.entries))
	}
}
