package notifier

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tripline/tripline/notifier/policy"
)

var errNotRunning = errors.New("not started")

// Named is a sink with the name under which it is configured, keeps its
// position and appears in logs and metrics.
type Named struct {
	Name string
	Sink Sink
	// Group is how it is told of many alike where no route says it; nil tells
	// it of each.
	Group *policy.Group
}

// Notifier is the stage. Make one with New.
type Notifier struct {
	cfg     Config
	log     *slog.Logger
	workers []*worker
	running atomic.Bool

	late       *late
	amendments Amendments // nil for none
}

// New makes a notifier for sinks with names that differ; the policy says which
// of them is told of what. A sink that is an [io.Closer] is closed when the
// notifier stops.
func New(cfg Config, p *policy.Policy, src Source, dead DeadLetters, sinks []Named, log *slog.Logger, reg prometheus.Registerer) (*Notifier, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("notifier: %w", err)
	}
	if p == nil {
		return nil, errors.New("notifier: there is no policy")
	}
	if len(sinks) == 0 {
		return nil, errors.New("notifier: no sink is configured, so nobody would be told")
	}
	m, err := newMetrics(reg)
	if err != nil {
		return nil, fmt.Errorf("notifier: %w", err)
	}
	n := &Notifier{cfg: cfg, log: log, late: newLate()}
	seen := map[string]bool{}
	for _, s := range sinks {
		if s.Name == "" || s.Sink == nil {
			return nil, fmt.Errorf("notifier: sink %q needs a name and a type", s.Name)
		}
		if seen[s.Name] {
			return nil, fmt.Errorf("notifier: two sinks are called %q", s.Name)
		}
		seen[s.Name] = true
		n.workers = append(n.workers, newWorker(cfg, s, p, src, dead, n.late, log.With("sink", s.Name), m))
	}
	return n, nil
}

// Run delivers until the context ends; deliveries under way are given a
// moment to finish, the others wait where they are stored.
func (n *Notifier) Run(ctx context.Context) error {
	defer n.close()
	n.running.Store(true)
	defer n.running.Store(false)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	if n.amendments != nil {
		wg.Go(func() { n.follow(ctx) })
	}
	for _, w := range n.workers {
		wg.Go(func() {
			// A sink that panics stops the stage with its name, and does not
			// take the process along unseen.
			defer func() {
				if p := recover(); p != nil {
					n.log.Error("panic", "sink", w.name, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
					cancel(fmt.Errorf("sink %s: panic: %v", w.name, p))
				}
			}()
			w.run(ctx)
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, ctx.Err()) {
		return err
	}
	return nil
}

func (n *Notifier) close() {
	for _, w := range n.workers {
		if c, ok := w.sink.(io.Closer); ok {
			if err := c.Close(); err != nil {
				n.log.Warn("closing a sink", "sink", w.name, "error", err)
			}
		}
	}
}

// Flush delivers what is held for roll-ups, and holds nothing from now on. It
// does not wait.
func (n *Notifier) Flush() {
	for _, w := range n.workers {
		w.flushNow()
	}
}

// Ready returns nil while the notifier runs. A sink that fails does not make
// the notifier unready: its detections wait, and the others are served.
func (n *Notifier) Ready() error {
	if !n.running.Load() {
		return errNotRunning
	}
	return nil
}

// Health is what the heartbeat of the stage carries: sums over all sinks, and
// for each sink its own counters and state.
func (n *Notifier) Health() (counters map[string]uint64, detail map[string]any) {
	counters = map[string]uint64{"delivered": 0, "retried": 0, "dead": 0, "suppressed": 0}
	sinks := make([]SinkHealth, 0, len(n.workers))
	for _, w := range n.workers {
		h := w.health()
		counters["delivered"] += h.Delivered
		counters["retried"] += h.Retried
		counters["dead"] += h.Dead
		for r, n := range h.Suppressed {
			if r != policy.Elsewhere {
				counters["suppressed"] += n
			}
		}
		sinks = append(sinks, h)
	}
	return counters, map[string]any{"sinks": sinks}
}
