package rego

import (
	"errors"
	"time"

	"github.com/open-policy-agent/opa/v1/topdown"
)

// ErrTimeLimit is matched by the error of a rule that was stopped.
var ErrTimeLimit = errors.New("the rule takes too long")

// limit stops evaluations that take too long. One timer serves all of a
// worker's evaluations, one after another: OPA's own way, a goroutine for each,
// costs more than most rules.
type limit struct {
	after  time.Duration
	timer  *time.Timer
	cancel topdown.Cancel
}

// start begins an evaluation and returns what will stop it.
func (l *limit) start() topdown.Cancel {
	if l.timer == nil {
		l.cancel = topdown.NewCancel()
		l.timer = time.AfterFunc(l.after, l.cancel.Cancel)
	} else {
		l.timer.Reset(l.after)
	}
	return l.cancel
}

// stop ends it. When the timer has run out, its cancel is spent, and both are
// made anew next time.
func (l *limit) stop() {
	if !l.timer.Stop() {
		l.timer, l.cancel = nil, nil
	}
}
