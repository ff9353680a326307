package policy

import (
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

// maxInhibitors bounds how many sets of values one inhibition remembers.
const maxInhibitors = 4096

// inhibition is a compiled [Inhibit].
type inhibition struct {
	Inhibit
	when, suppress matcher
}

// inhibitor remembers when what inhibits was seen last, by what both have in
// common.
type inhibitor struct {
	inhibition
	seen map[string]time.Time
}

// newInhibiting is the step that holds back what another detection makes
// redundant. Times are those of the events.
func newInhibiting(list []inhibition, count counter) Step {
	var all []*inhibitor
	for _, x := range list {
		all = append(all, &inhibitor{x, map[string]time.Time{}})
	}
	return filter{Inhibited, count, func(_ time.Time, _ *Item, d *msg.Detection) bool {
		keep := true
		for _, x := range all {
			if keep && x.covers(d) {
				keep = false
			}
			// What is inhibited itself still inhibits.
			x.see(d)
		}
		return keep
	}}
}

func (x *inhibitor) covers(d *msg.Detection) bool {
	if !x.suppress.holds(d) || x.when.holds(d) {
		return false
	}
	at, ok := x.seen[key(x.Same, d)]
	return ok && !d.Time.Before(at) && d.Time.Sub(at) < x.For
}

func (x *inhibitor) see(d *msg.Detection) {
	if !x.when.holds(d) {
		return
	}
	k := key(x.Same, d)
	if at, ok := x.seen[k]; ok && at.After(d.Time) {
		return
	}
	if len(x.seen) >= maxInhibitors {
		for old, at := range x.seen {
			if d.Time.Sub(at) >= x.For {
				delete(x.seen, old)
			}
		}
	}
	if len(x.seen) < maxInhibitors {
		x.seen[k] = d.Time
	}
}
