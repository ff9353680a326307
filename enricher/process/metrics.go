package process

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// outcome is how a process that events name became known, other than by the
// events of its life.
type outcome uint8

const (
	// read: from /proc when an event named it.
	read outcome = iota
	// repaired: from /proc, for its executable had changed unseen.
	repaired
	// inherited: from the parent, for it was gone from /proc.
	inherited
	// unknown: not at all.
	unknown
	outcomes
)

func outcomeNames() [outcomes]string {
	return [...]string{"read", "repaired", "inherited", "unknown"}
}

type metrics struct {
	met    [outcomes]prometheus.Counter
	counts [outcomes]atomic.Uint64
}

func newMetrics(reg prometheus.Registerer, s *Step) (*metrics, error) {
	m := &metrics{}
	met := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "tripline", Subsystem: "enricher", Name: "processes_met_total",
		Help: "Processes that an event named before the table knew enough of them, by where they became known from.",
	}, []string{"from"})
	for i, name := range outcomeNames() {
		m.met[i] = met.WithLabelValues(name)
	}
	gauge := func(name, help string, v *atomic.Int64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "tripline", Subsystem: "enricher", Name: name, Help: help,
		}, func() float64 { return float64(v.Load()) })
	}
	for _, c := range []prometheus.Collector{
		met,
		gauge("processes", "Processes known and alive.", &s.sizes.live),
		gauge("processes_exited", "Processes known and gone.", &s.sizes.dead),
	} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (s *Step) count(o outcome) {
	s.metrics.met[o].Inc()
	s.metrics.counts[o].Add(1)
}

// Health reports the size of the table and how processes became known.
func (s *Step) Health() (counters map[string]uint64, detail map[string]any) {
	counters = make(map[string]uint64, outcomes)
	for i, name := range outcomeNames() {
		counters[name] = s.metrics.counts[i].Load()
	}
	return counters, map[string]any{"live": s.sizes.live.Load(), "exited": s.sizes.dead.Load()}
}
