package sensor

import (
	"maps"
	"sync"

	"github.com/tripline/tripline/pkg/msg"
)

// losses sums up what was lost in the life of the sensor.
type losses struct {
	metrics *metrics

	mu      sync.Mutex
	total   uint64
	byCause map[string]uint64
	byEvent map[string]uint64
	// source is what the source had reported when it was last asked.
	source map[dropKey]uint64
}

func newLosses(m *metrics) *losses {
	return &losses{
		metrics: m, byCause: map[string]uint64{}, byEvent: map[string]uint64{}, source: map[dropKey]uint64{},
	}
}

// add counts a loss.
func (l *losses) add(cause string, counts []typeCount) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range counts {
		l.count(dropKey{c.typ, cause}, c.count)
	}
}

func (l *losses) count(k dropKey, n uint64) {
	if n == 0 {
		return
	}
	l.total += n
	l.byCause[k.cause] += n
	l.byEvent[eventName(k.typ)] += n
	l.metrics.dropped.WithLabelValues(eventName(k.typ), k.cause).Add(float64(n))
}

// fromSource takes the totals that the source reports and returns what is new
// in them.
func (l *losses) fromSource(totals []*msg.Drop) (fresh []*msg.Drop) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := make(map[dropKey]uint64, len(totals))
	for _, d := range totals {
		now[dropKey{d.Type, d.Cause}] += d.Count
	}
	for k, n := range now {
		before := l.source[k]
		if n < before {
			// The source began to count again.
			before = 0
		}
		if n > before {
			l.count(k, n-before)
			fresh = append(fresh, &msg.Drop{Type: k.typ, Cause: k.cause, Count: n - before})
		}
	}
	l.source = now
	return fresh
}

func (l *losses) report() (total uint64, byCause, byEvent map[string]uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.total, maps.Clone(l.byCause), maps.Clone(l.byEvent)
}
