package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	natsbus "github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/pkg/msg"
)

// lineage builds the program that makes processes.
func lineage(t *testing.T) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "lineage")
	run(t, need(t, "gcc"), "-O1", "-o", out, "lineage/lineage.c", "-lpthread")
	return out
}

// watched collects the enriched batches that pass.
type watched struct {
	mu  sync.Mutex
	all []*msg.Batch
}

// watch collects enriched batches from now on, and has the sensor let these
// events through.
func watch(t *testing.T, url string, events ...string) *watched {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c := natsbus.DefaultConfig()
	c.URL, c.Name = url, "test"
	b, err := natsbus.Connect(ctx, c, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	if len(events) > 0 {
		d := msg.Demand{Who: "test"}
		for _, e := range events {
			d.Events = append(d.Events, msg.EventDemand{Name: e})
		}
		if err := b.Demand("test").Announce(ctx, d); err != nil {
			t.Fatal(err)
		}
	}
	w := &watched{}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		dropped, err := b.Tail(ctx, msg.SubjectEvents+".>", func(_ string, frame []byte) {
			batch := &msg.Batch{}
			if err := msg.Unmarshal(frame, batch); err != nil {
				t.Errorf("a batch that cannot be read: %v", err)
				return
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			w.all = append(w.all, batch)
		})
		if dropped > 0 || err != nil {
			t.Errorf("the test was too slow for %d batches, %v", dropped, err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		b.Close()
	})
	for _, e := range events {
		gateOpen(t, url, e)
	}
	eventually(t, "events", func() bool { run(t, "true"); return len(w.batches()) > 0 })
	return w
}

func (w *watched) batches() []*msg.Batch {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.all)
}

// marked is an event of a process that says who its ancestors are.
type marked struct {
	kind, want, got string
	pid             int32
	event           string
	env             []string
}

// marks finds the events of processes below this one that say who their
// ancestors are. An event that comes more than once is listed each time.
func marks(batches []*msg.Batch) (all []marked, distinct int) {
	seen := map[string]bool{}
	for _, b := range batches {
		for i := range b.Events {
			r := b.Record(i)
			p := r.Process()
			if len(p.Args) != 3 || p.Args[0] != "tl-mark" {
				continue
			}
			name := r.Name()
			if name == "sched_process_exit" || name == "sched_process_fork" {
				continue
			}
			m := marked{kind: p.Args[1], want: p.Args[2], pid: p.Pid, event: name, env: p.Env}
			n := strings.Count(m.want, "/") + 1
			var pids []string
			for j := 1; j <= n; j++ {
				pids = append(pids, strconv.Itoa(int(r.Ancestor(j).GetPid())))
			}
			m.got = strings.Join(pids, "/")
			// Beyond it comes the test itself.
			if top := r.Ancestor(n + 1); int(top.GetPid()) != os.Getpid() {
				if m.got == m.want && top.GetComm() == "e2e.test" {
					continue // of this test in another run on this machine
				}
				m.got += "/not below the test"
			}
			all = append(all, m)
			seen[fmt.Sprint(r.Batch.BootId, r.Event.Seq)] = true
		}
	}
	return all, len(seen)
}

// stages starts the server, the sensor and the enricher as processes of their
// own.
func stages(t *testing.T) (url string, enricher func() *process) {
	t.Helper()
	serve, url := bus(t)
	start(t, append([]string{"run", "nats"}, serve...)...).ready()
	start(t, "run", "sensor", "--environment", "TRIPLINE_LINEAGE", "--nats", url).ready()
	return url, func() *process { return start(t, "run", "enricher", "--nats", url) }
}

// TestLineage makes processes in every way that a process table may get wrong:
// each says who its ancestors are, and the events must say the same.
func TestLineage(t *testing.T) {
	program := lineage(t)
	url, enricher := stages(t)
	enricher().ready()
	w := watch(t, url, "personality")
	cmd := exec.Command(program, "all")
	cmd.Env = append([]string{"TRIPLINE_LINEAGE=yes"}, os.Environ()...) // first, for what is carried is bounded
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var all []marked
	var batches []*msg.Batch
	eventually(t, "all marks", func() bool {
		batches = w.batches()
		var n int
		all, n = marks(batches)
		return n >= 14
	})
	events := map[string]int{}
	for _, m := range all {
		events[m.kind+" "+m.event]++
		if m.got != m.want {
			t.Errorf("%s, %s by %d: ancestors %s, want %s", m.kind, m.event, m.pid, m.got, m.want)
		}
	}
	for _, kind := range []string{"generations", "orphans", "double-fork", "thread-exec", "vfork", "pid-namespace", "pid-namespace-orphan"} {
		for _, event := range []string{"sched_process_exec", "personality"} {
			if events[kind+" "+event] != 1 {
				t.Errorf("%d events %s of %s, want 1", events[kind+" "+event], event, kind)
			}
		}
	}
	named := 0
	for _, b := range batches {
		for i := range b.Events {
			r := b.Record(i)
			p := r.Process()
			if r.Name() == "personality" && len(p.Args) == 3 && p.Args[0] == "tl-named" && int(r.Ancestor(1).GetPid()) == cmd.Process.Pid {
				named++
				if r.Comm() != "tl-worker" || p.Comm != "lineage" && p.Comm != "exe" || r.Event.Tid == p.Pid {
					t.Errorf("thread %d %q of process %d %q", r.Event.Tid, r.Comm(), p.Pid, p.Comm)
				}
			}
			if len(p.Args) == 3 && p.Args[0] == "tl-mark" && p.Args[1] == "pid-namespace" && (p.NsPid != 2 || p.NsPpid != 1) {
				t.Errorf("in its pid namespace %d, child of %d; want 2, child of 1", p.NsPid, p.NsPpid)
			}
		}
	}
	env := 0
	for _, m := range all {
		if m.kind == "vfork" && slices.Contains(m.env, "TRIPLINE_LINEAGE=yes") {
			env++
		}
	}
	if env != 2 {
		t.Errorf("%d events of 2 have the environment of their process", env)
	}
	if named != 1 {
		t.Errorf("%d events of a thread with a name of its own, want 1", named)
	}
}

// processes is how many the churn of a test makes, by TRIPLINE_TEST_PROCESSES.
func processes(t *testing.T, otherwise int) int {
	t.Helper()
	text := os.Getenv("TRIPLINE_TEST_PROCESSES")
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestLineageWhenPidsComeAgain: thousands of processes share a few hundred
// pids. The enricher is killed and started again meanwhile, three times: no
// event is lost, and every ancestor is right.
func TestLineageWhenPidsComeAgain(t *testing.T) {
	for _, c := range []struct {
		name  string
		kills int
	}{{"undisturbed", 0}, {"enricher killed", 3}} {
		t.Run(c.name, func(t *testing.T) {
			program := lineage(t)
			n := processes(t, 8000)
			url, enricher := stages(t)
			e := enricher().ready()
			w := watch(t, url)
			cmd := exec.Command(program, "churn", strconv.Itoa(n), "100")
			var out output
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			for range c.kills {
				time.Sleep(700 * time.Millisecond)
				e.kill()
				time.Sleep(200 * time.Millisecond)
				e = enricher()
			}
			if err := <-ended; err != nil {
				t.Fatalf("%v\n%s", err, out.String())
			}
			e.ready()
			want := (n/2 + 7) / 8
			var all []marked
			distinct := 0
			eventually(t, "all marks", func() bool {
				all, distinct = marks(w.batches())
				return distinct >= want
			})
			wrong := 0
			pids := map[int32]int{}
			for _, m := range all {
				pids[m.pid]++
				if m.got != m.want {
					if wrong++; wrong <= 10 {
						t.Errorf("%d: ancestors %s, want %s", m.pid, m.got, m.want)
					}
				}
			}
			for _, b := range w.batches() {
				for _, d := range b.Drops {
					if d.Cause == "stream" {
						t.Errorf("%d events are reported lost", d.Count)
					}
				}
			}
			if distinct != want || wrong > 0 {
				t.Errorf("%d marks of %d, %d of %d with wrong ancestors", distinct, want, wrong, len(all))
			}
			most := 0
			for _, k := range pids {
				most = max(most, k)
			}
			t.Logf("%d processes, %d marked, on %d pids, one of them %d times", n, len(all), len(pids), most)
		})
	}
}
