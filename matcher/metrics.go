package matcher

import (
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// maxRuleLabels bounds how many rules have a label of their own.
const maxRuleLabels = 200

// metrics counts for Prometheus and for the heartbeat.
type metrics struct {
	batches, events, matched, evaluations, detections counter
	// repeated events were seen before, unstored detections could not be
	// stored at the first attempt, lost events were discarded before they
	// came here.
	repeated, unstored, lost, reloads, dropped counter
	// recalls are partitions read back, recalled the events shown thereby.
	recalls, recalled, recallFailures counter

	failures *prometheus.CounterVec
	rules    *prometheus.GaugeVec
	problems prometheus.Gauge
	seconds  prometheus.Histogram

	mu     sync.Mutex
	labels map[string]bool
}

// counter is read by the heartbeat and by Prometheus.
type counter struct{ n atomic.Uint64 }

func (c *counter) add(n uint64) { c.n.Add(n) }

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tripline_matcher_rule_failures_total", Help: "Evaluations that ended in an error or a panic or took too long, by rule.",
		}, []string{"rule", "kind"}),
		rules: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "tripline_matcher_rules", Help: "Rules that are loaded, by language.",
		}, []string{"language"}),
		problems: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tripline_matcher_problems", Help: "Errors and warnings about rule files.",
		}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tripline_matcher_batch_seconds", Help: "Time to hold one batch against the rules.",
			Buckets: prometheus.ExponentialBuckets(20e-6, 4, 9),
		}),
		labels: make(map[string]bool),
	}
	reg.MustRegister(m.failures, m.rules, m.problems, m.seconds)
	for _, c := range []struct {
		counter    *counter
		name, help string
	}{
		{&m.batches, "batches", "Batches taken."},
		{&m.events, "events", "Events taken."},
		{&m.matched, "matched_events", "Events that at least one rule was held against."},
		{&m.evaluations, "evaluations", "Evaluations of a rule with an event; rules that an event has plainly nothing to do with are not evaluated."},
		{&m.detections, "detections", "Findings of rules."},
		{&m.repeated, "repeated_events", "Events that came again and were not evaluated again."},
		{&m.unstored, "unstored_detections", "Detections that could not be stored and are kept for the next attempt."},
		{&m.dropped, "dropped_detections", "Detections that were given up because too many could not be stored."},
		{&m.lost, "lost_events", "Events that the stream had discarded before they were read."},
		{&m.recalls, "recalls", "Partitions that were read back for rules that remember."},
		{&m.recalled, "recalled_events", "Events shown again to rules that remember."},
		{&m.recallFailures, "recall_failures", "Partitions that could not be read back."},
		{&m.reloads, "reloads", "Times that changed rules were taken up."},
	} {
		reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "tripline_matcher_" + c.name + "_total", Help: c.help,
		}, func() float64 { return float64(c.counter.n.Load()) }))
	}
	return m
}

// failed counts a failure of a rule; rules beyond the first few hundred share
// one label.
func (m *metrics) failed(rule, kind string) {
	m.mu.Lock()
	if !m.labels[rule] {
		if len(m.labels) >= maxRuleLabels {
			rule = "other"
		} else {
			m.labels[rule] = true
		}
	}
	m.mu.Unlock()
	m.failures.WithLabelValues(rule, kind).Inc()
}

// loaded shows what a ruleset holds.
func (m *metrics) loaded(rs *Ruleset) {
	m.rules.Reset()
	for lang, n := range rs.Languages() {
		m.rules.WithLabelValues(lang).Set(float64(n))
	}
	m.problems.Set(float64(len(rs.Problems)))
}

// counters is the heartbeat's view.
func (m *metrics) counters() map[string]uint64 {
	return map[string]uint64{
		"batches": m.batches.n.Load(), "events": m.events.n.Load(), "matched": m.matched.n.Load(),
		"evaluations": m.evaluations.n.Load(), "detections": m.detections.n.Load(), "repeated": m.repeated.n.Load(),
		"unstored": m.unstored.n.Load(), "dropped": m.dropped.n.Load(), "lost": m.lost.n.Load(), "reloads": m.reloads.n.Load(),
		"recalls": m.recalls.n.Load(), "recalled": m.recalled.n.Load(), "recall_failures": m.recallFailures.n.Load(),
	}
}

// languageCounters shows what the languages of the ruleset in force count.
type languageCounters struct{ rules *atomic.Pointer[Ruleset] }

func languageCounterDesc() *prometheus.Desc {
	return prometheus.NewDesc("tripline_matcher_language_total", "What languages count of their rules, since they were loaded.", []string{"language", "counter"}, nil)
}

// Describe implements [prometheus.Collector].
func (c languageCounters) Describe(out chan<- *prometheus.Desc) { out <- languageCounterDesc() }

// Collect implements [prometheus.Collector].
func (c languageCounters) Collect(out chan<- prometheus.Metric) {
	rs := c.rules.Load()
	if rs == nil {
		return
	}
	desc := languageCounterDesc()
	rs.counters(func(language, name string, n uint64) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n), language, name)
	})
}
