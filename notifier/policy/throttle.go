package policy

import (
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

// maxThrottled bounds how many sets of values a throttle counts separately;
// further ones share one count.
const maxThrottled = 4096

// allowance is what one count has let through since it began.
type allowance struct {
	since time.Time
	n     int
}

// newThrottling is the step that lets no more through than the route says.
func newThrottling(count counter) Step {
	counts := map[*Throttle]map[string]*allowance{}
	return filter{Throttled, count, func(now time.Time, i *Item, d *msg.Detection) bool {
		t := i.route.throttle
		if t == nil {
			return true
		}
		by := counts[t]
		if by == nil {
			by = map[string]*allowance{}
			counts[t] = by
		}
		k := key(t.By, d)
		a := by[k]
		if a == nil {
			if len(by) >= maxThrottled {
				forget(by, now, t.Per)
			}
			if len(by) >= maxThrottled {
				k = "others"
			}
			if a = by[k]; a == nil {
				a = &allowance{since: now}
				by[k] = a
			}
		}
		if now.Sub(a.since) >= t.Per {
			*a = allowance{since: now}
		}
		a.n++
		return a.n <= t.Count
	}}
}

func forget(by map[string]*allowance, now time.Time, per time.Duration) {
	for k, a := range by {
		if now.Sub(a.since) >= per {
			delete(by, k)
		}
	}
}
