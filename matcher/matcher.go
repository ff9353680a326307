package matcher

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

// Matcher is the stage.
type Matcher struct {
	cfg     Config
	src     Source
	pub     Publisher
	dem     Demander
	log     *slog.Logger
	metrics *metrics
	clock   *clock
	losses  *losses
	pulse   Pulse
	loader  *loader
	rules   atomic.Pointer[Ruleset]
	stuck   atomic.Pointer[[]string] // rules in whose midst a batch does not end
}

// New loads the rules; builtin holds the rule files that come with Tripline
// and may be nil. The error is about the configuration or a source of rules
// that cannot be read; what is wrong with single rules is logged and in
// [Matcher.Health], and the others run.
func New(cfg Config, src Source, pub Publisher, dem Demander, langs []Language, builtin fs.FS, log *slog.Logger, reg prometheus.Registerer) (*Matcher, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Name == "" {
		cfg.Name, _ = os.Hostname()
	}
	m := &Matcher{
		cfg: cfg, src: src, pub: pub, dem: dem, log: log, clock: &clock{}, losses: newLosses(cfg.Losses),
		loader: newLoader(cfg, langs, builtin),
	}
	rs, _, err := m.loader.load()
	if err != nil {
		return nil, err
	}
	m.metrics = newMetrics(reg)
	reg.MustRegister(languageCounters{&m.rules})
	m.take(rs, nil)
	return m, nil
}

// Rules returns the ruleset in force.
func (m *Matcher) Rules() *Ruleset { return m.rules.Load() }

// Run matches until the context ends, and then returns nil once the batches
// under way are dealt with. What the source fails with otherwise is returned.
func (m *Matcher) Run(ctx context.Context) error {
	workers := make([]*worker, m.cfg.Workers)
	for i := range workers {
		e, err := newEvaluator(m.rules.Load(), m.log, m.clock, func(r Rule, kind string) { m.metrics.failed(ruleKey(r), kind) })
		if err != nil {
			for _, w := range workers[:i] {
				w.eval.Close()
			}
			return err
		}
		workers[i] = &worker{m: m, in: make(chan delivery), eval: e, streams: make(map[uint32]*stream)}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { m.clock.run(ctx); return nil })
	g.Go(func() error { m.watchdog(ctx, workers); return nil })
	reloaded := make(chan struct{}, 1)
	g.Go(func() error { return m.announce(ctx, reloaded) })
	if m.pulse != nil {
		g.Go(func() error { m.follow(ctx); return nil })
	}
	if m.cfg.Watch {
		g.Go(func() error { return m.watch(ctx, reloaded) })
	}
	for _, w := range workers {
		g.Go(func() error { return w.run(ctx) })
	}
	for p := range m.src.Partitions() {
		g.Go(func() error { return m.receive(ctx, p, workers[int(p)%len(workers)]) })
	}
	return g.Wait()
}

// receive brings the batches of a partition to its worker.
func (m *Matcher) receive(ctx context.Context, p uint32, w *worker) error {
	for {
		d, err := m.src.Receive(ctx, p)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("receive partition %d: %w", p, err)
		}
		select {
		case w.in <- delivery{p, d}:
		case <-ctx.Done():
			d.Ack(ctx.Err())
			return nil
		}
	}
}

// announce tells what the rules need, at once and after every reload; what
// fails is tried again.
func (m *Matcher) announce(ctx context.Context, reloaded <-chan struct{}) error {
	const retry = 2 * time.Second
	var again <-chan time.Time
	for {
		d := m.rules.Load().Demand("matcher " + m.cfg.Name)
		again = nil
		if err := m.dem.Announce(ctx, d); err != nil && ctx.Err() == nil {
			m.log.Warn("cannot tell the sensors what the rules need; trying again", "error", err, "in", retry)
			again = time.After(retry)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-reloaded:
		case <-again:
		}
	}
}

// take puts a ruleset into force and logs what is new in its problems.
func (m *Matcher) take(rs *Ruleset, old *Ruleset) {
	m.rules.Store(rs)
	m.metrics.loaded(rs)
	for _, p := range rs.Problems {
		if old != nil && slices.ContainsFunc(old.Problems, func(q Problem) bool { return sameProblem(p, q) }) {
			continue
		}
		level := slog.LevelError
		if p.Warning {
			level = slog.LevelWarn
		}
		m.log.Log(context.Background(), level, "rules: "+p.Error())
	}
	m.log.Info("rules loaded", "rules", len(rs.Rules), "languages", rs.Languages(), "problems", len(rs.Problems))
}

// Health is what the heartbeat says: counters, and which rules are loaded,
// which are disabled, what is wrong with their files, and which partitions are
// this matcher's.
func (m *Matcher) Health() (counters map[string]uint64, detail map[string]any) {
	rs := m.rules.Load()
	ids := make(map[string][]string)
	var off []map[string]any
	for n, r := range rs.Rules {
		s := rs.slots[n]
		if r.Disabled {
			continue
		}
		if failures, last := s.guard.state(); s.guard.off.Load() {
			off = append(off, map[string]any{"rule": ruleKey(r), "failures": failures, "last": last})
			continue
		}
		lang := s.compiled.lang.Name()
		ids[lang] = append(ids[lang], ruleKey(r))
	}
	detail = map[string]any{"rules": ids}
	if k, ok := m.src.(Keeper); ok {
		detail["partitions"] = k.Owned()
	}
	if len(off) > 0 {
		detail["disabled"] = off
	}
	if stuck := m.stuck.Load(); stuck != nil && len(*stuck) > 0 {
		detail["stuck"] = *stuck
	}
	if busiest := busiest(rs); len(busiest) > 0 {
		detail["busiest"] = busiest
	}
	var problems []string
	for _, p := range rs.Problems {
		problems = append(problems, p.Error())
	}
	if len(problems) > 0 {
		detail["problems"] = problems
	}
	counters = m.metrics.counters()
	rs.counters(func(_, name string, n uint64) { counters[name] += n })
	return counters, detail
}

// busiest lists the rules that cost most, with what an evaluation of them
// takes on average, going by samples.
func busiest(rs *Ruleset) []map[string]any {
	type cost struct {
		rule        string
		evaluations uint64
		ns          float64
	}
	var costs []cost
	for n, s := range rs.slots {
		if samples := s.guard.samples.Load(); samples > 0 {
			mean := float64(s.guard.sampledNs.Load()) / float64(samples)
			costs = append(costs, cost{ruleKey(rs.Rules[n]), s.guard.evaluations.Load(), mean})
		}
	}
	slices.SortFunc(costs, func(a, b cost) int { return cmp.Compare(b.ns*float64(b.evaluations), a.ns*float64(a.evaluations)) })
	var out []map[string]any
	for _, c := range costs[:min(len(costs), maxBusiest)] {
		out = append(out, map[string]any{"rule": c.rule, "evaluations": c.evaluations, "ns": uint64(c.ns)})
	}
	return out
}

// maxBusiest is how many rules the heartbeat gives the cost of.
const maxBusiest = 5
