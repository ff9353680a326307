package policy

import (
	"slices"
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

// silence is a compiled [Silence].
type silence struct {
	Silence
	match matcher
}

// holds says whether it covers an event for a sink. What counts is when the
// event was, not when it is told: a maintenance that is over does not become
// news because the receiver was down.
func (s silence) holds(sink string, d *msg.Detection) bool {
	return (len(s.Sinks) == 0 || slices.Contains(s.Sinks, sink)) &&
		!d.Time.Before(s.From) && d.Time.Before(s.Until) && s.match.holds(d)
}

func newSilencing(silences []silence, sink string, count counter) Step {
	return filter{Silenced, count, func(_ time.Time, _ *Item, d *msg.Detection) bool {
		return !slices.ContainsFunc(silences, func(s silence) bool { return s.holds(sink, d) })
	}}
}
