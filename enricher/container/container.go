package container

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// Step is the enricher's step that knows containers.
type Step struct {
	cfg      Config
	log      *slog.Logger
	metrics  *metrics
	backends []*backend
	boot     string // of this machine
	events   cgroupEvents
	created  created

	mu      sync.Mutex
	entries map[string]*entry
	// boots holds the cgroups by boot id; more than one only when recorded
	// batches are mixed with live ones.
	boots map[string]*cgroups
	batch uint64
}

// cgroupEvents holds what the step needs of the catalogue.
type cgroupEvents struct {
	mkdir, rmdir        uint32
	id, path, hierarchy int // positions of arguments, the same in both
}

// maxBoots bounds how many boots are remembered at a time.
const maxBoots = 4

// New makes the step, which asks the given runtimes.
func New(cfg Config, runtimes []Runtime, log *slog.Logger, reg prometheus.Registerer) (*Step, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("container: %w", err)
	}
	cfg.Proc = strings.TrimRight(cfg.Proc, "/")
	s := &Step{cfg: cfg, log: log, created: newCreated(), entries: make(map[string]*entry), boots: make(map[string]*cgroups)}
	for _, r := range runtimes {
		s.backends = append(s.backends, &backend{Runtime: r, queue: make(chan *entry, cfg.Queue)})
	}
	var err error
	if s.metrics, err = newMetrics(reg, s); err != nil {
		return nil, fmt.Errorf("container: %w", err)
	}
	if s.events, err = lookup(); err != nil {
		return nil, fmt.Errorf("container: %w", err)
	}
	b, err := os.ReadFile(cfg.Proc + "/sys/kernel/random/boot_id")
	if err != nil {
		log.Warn("no boot id, so events cannot be told to be of this host, and containers stay unknown", "error", err)
	}
	s.boot = strings.TrimSpace(string(b))
	return s, nil
}

func lookup() (cgroupEvents, error) {
	var c cgroupEvents
	for _, x := range []struct {
		name string
		to   *uint32
	}{{"cgroup_mkdir", &c.mkdir}, {"cgroup_rmdir", &c.rmdir}} {
		e, ok := catalogue.Lookup(x.name)
		if !ok {
			return c, fmt.Errorf("the catalogue has no event %s", x.name)
		}
		*x.to = uint32(e.ID)
		c.id, c.path, c.hierarchy = e.Param("cgroup_id"), e.Param("cgroup_path"), e.Param("hierarchy_id")
		if c.id < 0 || c.path < 0 || c.hierarchy < 0 {
			return c, fmt.Errorf("the catalogue's event %s lacks cgroup_id, cgroup_path or hierarchy_id", x.name)
		}
	}
	return c, nil
}

// Name is "container".
func (s *Step) Name() string { return "container" }

// Start walks the cgroups that there are.
func (s *Step) Start(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.cgroupsOf(s.boot)
	began := time.Now()
	if err := c.walk(); err != nil {
		s.log.Warn("cgroups cannot be read, so containers that already run may stay unknown", "error", err)
		return nil
	}
	now := time.Now()
	n := 0
	for _, g := range c.m {
		if g.in && g.gone == 0 {
			s.want(g.ref, true, now)
			n++
		}
	}
	s.log.Info("cgroups read", "cgroups", len(c.m), "of_containers", n, "took", time.Since(began).Round(time.Millisecond))
	return nil
}

// cgroupsOf returns the cgroups of a boot.
func (s *Step) cgroupsOf(boot string) *cgroups {
	c := s.boots[boot]
	if c != nil {
		return c
	}
	if len(s.boots) >= maxBoots {
		for k := range s.boots {
			if k != s.boot {
				delete(s.boots, k)
				break
			}
		}
	}
	c = newCgroups(s.cfg.MaxCgroups, s.cfg.Proc)
	if boot == s.boot && boot != "" {
		var err error
		if c.hierarchies, err = hierarchies(s.cfg.Proc); err != nil {
			s.log.Warn("cgroup hierarchies cannot be found", "error", err)
		}
		for _, h := range c.hierarchies {
			if h.id != 0 {
				c.pids = h.id
			}
		}
	}
	s.boots[boot] = c
	return c
}

// Enrich gives every process of the batch its cgroup's path and its container.
func (s *Step) Enrich(_ context.Context, b *msg.Batch, replayed bool) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batch++
	c := s.cgroupsOf(b.BootId)
	local := b.BootId == s.boot && s.boot != "" && b.Source != "replay"
	ask := local && !replayed
	for _, e := range b.Events {
		if e.Type == s.events.mkdir || e.Type == s.events.rmdir {
			s.follow(c, b, e, ask, now)
		}
		if s.created.events[e.Type] {
			s.describe(b, e, ask, now)
		}
	}
	for _, p := range b.Processes {
		g := c.of(p, ask)
		if g == nil {
			continue
		}
		if g.path != "" {
			p.Cgroup = g.path
		}
		s.recognise(g)
		if !g.in || p.Container != 0 {
			continue
		}
		e := g.entry
		if e == nil || e.evicted || e.inBatch != s.batch {
			e = s.want(g.ref, ask, now)
			g.entry = e
		}
		if e.inBatch != s.batch {
			b.Containers = append(b.Containers, e.meta)
			e.inBatch, e.at = s.batch, uint32(len(b.Containers))
		}
		p.Container = e.at
		if len(e.meta.HealthChecks) > 0 {
			s.checks(b, p, e)
		}
	}
}

// recognise makes a cgroup a container's when containerd has a container with
// a name that fits.
func (s *Step) recognise(g *cgroup) {
	if g.maybe == "" || g.in && g.ref.Parent != "" || s.entries[g.maybe] == nil {
		return
	}
	if g.in {
		g.ref.Parent, g.entry = g.maybe, nil
		return
	}
	g.ref, g.in = Ref{ID: g.maybe, Runtime: "containerd", Own: g.own}, true
}

// follow enters a cgroup that was made, and marks one that was removed.
func (s *Step) follow(c *cgroups, b *msg.Batch, e *msg.Event, ask bool, now time.Time) {
	a := &s.events
	if len(e.Args) <= max(a.id, a.path, a.hierarchy) || e.Absent&(1<<uint(a.id)|1<<uint(a.hierarchy)) != 0 {
		return
	}
	k := key{uint32(e.Args[a.hierarchy]), uint64(e.Args[a.id])}
	if k.hierarchy != 0 && c.pids != 0 && k.hierarchy != c.pids {
		return
	}
	if e.Type == a.rmdir {
		if g := c.m[k]; g != nil {
			g.gone = e.Time
			if g.in && g.ref.Own {
				if x := s.entries[g.ref.ID]; x != nil && x.gone.IsZero() {
					x.gone = now
				}
			}
		}
		return
	}
	i := e.Args[a.path]
	if e.Absent&(1<<uint(a.path)) != 0 || i < 0 || i >= int64(len(b.Strings)) || b.Strings[i] == "" {
		return
	}
	g := newCgroup(strings.Clone(b.Strings[i]))
	c.put(k, g)
	s.recognise(g)
	if g.in && ask {
		if old := s.entries[g.ref.ID]; old != nil && g.ref.Own && old.settled && old.open == 0 && !old.complete() {
			old.again = time.Time{} // asked in vain before it was there
		}
		g.entry = s.want(g.ref, true, now)
		g.entry.gone = time.Time{}
	}
}

// Pending says whether a runtime is about to tell of the process's container.
func (s *Step) Pending(p *msg.Process) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.cgroupsOf(s.boot).of(p, false)
	if g == nil || !g.in {
		return false
	}
	e := s.entries[g.ref.ID]
	return e != nil && s.pending(e, time.Now())
}

// Late gives the containers of a batch what became known since.
func (s *Step) Late(b *msg.Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, c := range b.Containers {
		if e := s.entries[c.Id]; e != nil {
			b.Containers[i] = e.meta
		}
	}
}

// Run asks and watches the runtimes until the context ends.
func (s *Step) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, b := range s.backends {
		wg.Go(func() { b.watch(ctx, s, s.log) })
		for range s.cfg.Parallel {
			wg.Go(func() { b.serve(ctx, s) })
		}
	}
	ticker := time.NewTicker(10 * time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-ticker.C:
			s.mu.Lock()
			s.expire(now)
			for _, c := range s.boots {
				c.expire(now.Add(-s.cfg.KeepDead).UnixNano())
			}
			s.mu.Unlock()
		}
	}
}
