package matcher

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// clockStep is how often the coarse clock moves.
const clockStep = 10 * time.Millisecond

// clock is a coarse clock: reading it costs a memory access, so that every
// evaluation can be timed for overruns.
type clock struct{ ns atomic.Int64 }

// run moves the clock until the context ends.
func (c *clock) run(ctx context.Context) {
	start := time.Now()
	t := time.NewTicker(clockStep)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			c.ns.Store(int64(time.Since(start)))
		}
	}
}

// progress shows from outside what a worker is at.
type progress struct {
	batch atomic.Uint64        // counts batches; 0 while there is none
	rule  atomic.Pointer[Rule] // the one that is running or ran last
}

// watchdog finds batches that do not end, until the context does, and names
// the rule that is running. They are not broken off: Go has no way to stop a
// function, and the other languages have time limits of their own.
func (m *Matcher) watchdog(ctx context.Context, workers []*worker) {
	every := m.cfg.Guard.Stuck
	t := time.NewTicker(every)
	defer t.Stop()
	type sight struct {
		batch uint64
		told  bool
	}
	last := make([]sight, len(workers))
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		stuck := []string{}
		for i, w := range workers {
			p := &w.eval.progress
			now := p.batch.Load()
			if now == 0 || now != last[i].batch {
				last[i] = sight{batch: now}
				continue
			}
			name := ""
			if r := p.rule.Load(); r != nil {
				name = ruleKey(*r)
			}
			stuck = append(stuck, name)
			if !last[i].told {
				last[i].told = true
				m.log.Error("a batch does not end; the partitions of its worker stand still", "rule", name, "worker", i, "longer_than", every)
			}
		}
		m.stuck.Store(&stuck)
	}
}

// Failure kinds, as metrics name them.
const (
	failError   = "error"
	failPanic   = "panic"
	failOverrun = "overrun"
)

// guard is the record of one rule's behaviour, shared by all workers and kept
// across reloads while the rule's file stays the same.
type guard struct {
	cfg GuardConfig
	// off is read before every evaluation.
	off atomic.Bool

	evaluations, findings atomic.Uint64
	// Of every sampleEvery-th evaluation the time is taken.
	samples, sampledNs atomic.Uint64

	mu       sync.Mutex
	failures uint64
	recent   []time.Time // a ring of the last cfg.Failures failures
	last     string
}

// failed counts a failure, logs the first of the rule, and disables the rule
// when there were too many within the window.
func (g *guard) failed(log *slog.Logger, rule Rule, kind string, detail string, stack string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	g.failures++
	g.last = kind + ": " + detail
	if g.failures == 1 {
		attrs := []any{"rule", ruleKey(rule), "file", rule.File, "kind", kind, "detail", detail}
		if stack != "" {
			attrs = append(attrs, "stack", stack)
		}
		log.Warn("a rule failed; further failures of it are only counted", attrs...)
	}
	if len(g.recent) < g.cfg.Failures {
		g.recent = append(g.recent, now)
	} else {
		g.recent[int((g.failures-1)%uint64(g.cfg.Failures))] = now
	}
	if len(g.recent) < g.cfg.Failures || g.off.Load() {
		return
	}
	oldest := g.recent[int(g.failures%uint64(g.cfg.Failures))]
	if now.Sub(oldest) <= g.cfg.Window {
		g.off.Store(true)
		log.Error("a rule is disabled until its file changes: it fails too often", "rule", ruleKey(rule), "file", rule.File,
			"failures", g.failures, "window", g.cfg.Window, "last", g.last)
	}
}

// state returns what people are told of a rule that fails.
func (g *guard) state() (failures uint64, last string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.failures, g.last
}

// carryGuards makes the guards of newly compiled rules, taking over those of
// rules whose file has not changed.
func carryGuards(rules []Rule, old *compiled, cfg GuardConfig) []*guard {
	before := make(map[string]*guard)
	if old != nil {
		for i, r := range old.rules {
			before[guardKey(r)] = old.guards[i]
		}
	}
	out := make([]*guard, len(rules))
	for i, r := range rules {
		if g, ok := before[guardKey(r)]; ok {
			out[i] = g
		} else {
			out[i] = &guard{cfg: cfg}
		}
	}
	return out
}

func guardKey(r Rule) string { return fmt.Sprintf("%s\x00%s\x00%s", ruleKey(r), r.File, r.Hash) }
