package policy

import (
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

// Reason says, from a closed set, why a detection is not told. It is a metric
// label.
type Reason string

// The reasons.
const (
	// Inhibited by another detection.
	Inhibited Reason = "inhibited"
	// Silenced by a silence.
	Silenced Reason = "silenced"
	// Elsewhere: no route leads to this sink. It is the one reason that is no
	// suppression.
	Elsewhere Reason = "elsewhere"
	// Quiet hours.
	Quieted Reason = "quiet"
	// Throttled: there were too many.
	Throttled Reason = "throttled"
)

// Reasons lists all of them.
func Reasons() []Reason { return []Reason{Inhibited, Silenced, Elsewhere, Quieted, Throttled} }

// Item is a detection on its way to one sink.
type Item struct {
	*msg.Stored
	// Attempt counts how often it was delivered to the notifier, from 1.
	Attempt uint64
	// Parts are the detections that a roll-up stands for, nil for others.
	Parts []*Item

	ack   func(error)
	route *node
}

// NewItem takes a delivery over.
func NewItem(d msg.Delivery[*msg.Stored]) *Item {
	return &Item{Stored: d.Value, Attempt: d.Attempt, ack: d.Ack}
}

// Ack answers for the detection, or for all that a roll-up stands for.
func (i *Item) Ack(err error) {
	for _, p := range i.Parts {
		p.Ack(err)
	}
	if i.ack != nil {
		i.ack(err)
	}
}

// Count is how many detections it stands for.
func (i *Item) Count() int { return max(1, len(i.Parts)) }

// Step decides about detections on their way to one sink. It is for one
// goroutine.
type Step interface {
	// Pass takes what has come, which may be nothing, and returns what goes
	// on now, in order. What is neither returned nor held it has answered for.
	Pass(now time.Time, in []*Item) []*Item
	// Due is when Pass is to be called although nothing has come; zero for
	// never.
	Due() time.Time
}

// Chain is steps one after another.
type Chain []Step

// Pass implements [Step].
func (c Chain) Pass(now time.Time, in []*Item) []*Item {
	for _, s := range c {
		in = s.Pass(now, in)
	}
	return in
}

// Due implements [Step].
func (c Chain) Due() (due time.Time) {
	for _, s := range c {
		if d := s.Due(); !d.IsZero() && (due.IsZero() || d.Before(due)) {
			due = d
		}
	}
	return due
}

// counter counts what a step answers for: so many detections.
type counter func(Reason, int)

// drop answers for a detection that is not told.
func (c counter) drop(i *Item, r Reason) {
	c(r, i.Count())
	i.Ack(nil)
}

// filter is a step that holds nothing: it keeps or drops each by itself.
type filter struct {
	reason Reason
	count  counter
	keep   func(now time.Time, i *Item, d *msg.Detection) bool
}

// Pass implements [Step]. What cannot be decoded is not judged: delivering
// finds that out.
func (f filter) Pass(now time.Time, in []*Item) []*Item {
	out := in[:0]
	for _, i := range in {
		if d, err := i.Detection(); err != nil || f.keep(now, i, d) {
			out = append(out, i)
		} else {
			f.count.drop(i, f.reason)
		}
	}
	return out
}

// Due implements [Step].
func (f filter) Due() time.Time { return time.Time{} }
