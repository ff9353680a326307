package container

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tripline/tripline/pkg/msg"
)

type metrics struct {
	refused prometheus.Counter
	evicted prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, s *Step) (*metrics, error) {
	opts := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "tripline", Subsystem: "enricher", Name: name, Help: help}
	}
	m := &metrics{
		refused: prometheus.NewCounter(prometheus.CounterOpts(opts("container_questions_refused_total",
			"Questions to a container runtime that its full queue did not take."))),
		evicted: prometheus.NewCounter(prometheus.CounterOpts(opts("containers_evicted_total",
			"Containers forgotten for want of room."))),
	}
	cs := []prometheus.Collector{m.refused, m.evicted, prometheus.NewGaugeFunc(
		prometheus.GaugeOpts(opts("containers", "Containers known.")),
		func() float64 {
			s.mu.Lock()
			defer s.mu.Unlock()
			return float64(len(s.entries))
		})}
	for _, b := range s.backends {
		for _, x := range []struct {
			result string
			value  func() uint64
		}{{"found", b.found.Load}, {"missing", b.missing.Load}, {"failed", b.failed.Load}} {
			o := opts("container_answers_total", "Answers of container runtimes.")
			o.ConstLabels = prometheus.Labels{"runtime": b.Name(), "endpoint": b.Endpoint(), "result": x.result}
			cs = append(cs, prometheus.NewCounterFunc(prometheus.CounterOpts(o), func() float64 { return float64(x.value()) }))
		}
	}
	for _, c := range cs {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// Health reports what is known and which runtimes answer.
func (s *Step) Health() (counters map[string]uint64, detail map[string]any) {
	counters = map[string]uint64{}
	runtimes := []map[string]any{}
	for _, b := range s.backends {
		counters["found"] += b.found.Load()
		counters["missing"] += b.missing.Load()
		counters["failed"] += b.failed.Load()
		runtimes = append(runtimes, map[string]any{
			"runtime": b.Name(), "endpoint": b.Endpoint(), "connected": b.up.Load(), "answers": b.answers(),
		})
	}
	known := map[string]int{}
	s.mu.Lock()
	for _, e := range s.entries {
		if e.gone.IsZero() {
			known[e.meta.Completeness.Text()]++
		}
	}
	s.mu.Unlock()
	detail = map[string]any{"runtimes": runtimes}
	for _, c := range []msg.Completeness{0, 1, 2} {
		detail[c.Text()] = known[c.Text()]
	}
	return counters, detail
}
