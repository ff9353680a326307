package matcher

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/tripline/tripline/pkg/msg"
)

// clockSlack is how far the clocks of the hosts and of the server may be apart,
// since windows are about the time of events and what is stored is found by the
// time of storing.
const clockSlack = 5 * time.Second

// recall reads a partition back that has come here, for the longest window of
// the rules, so that those that remember know what they would know had the
// partition always been here. What they find was found before by the owner
// then, who acknowledged these batches after its detections were stored; so
// only what has not happened in time is reported. What that owner did report decides where a rule starts
// afresh, for the beginning of the window may lie in the middle of a count.
//
// Without it, rules begin with no memory: that is logged and counted.
func (w *worker) recall(ctx context.Context, s *stream, b *msg.Batch, a *answer) {
	rs := w.eval.rs
	window := rs.Window()
	if window == 0 || w.m.cfg.Recall == 0 {
		return
	}
	began := time.Now()
	since := earliest(b, began).Add(-window - clockSlack)
	m := w.m.metrics
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 50*time.Millisecond, time.Second
	for {
		shown, err := w.readBack(ctx, s, a, since, rs.remembering())
		if err == nil {
			m.recalls.add(1)
			m.recalled.add(shown)
			w.m.log.Debug("partition read back", "partition", s.partition, "events", shown, "window", window, "took", time.Since(began))
			return
		}
		// What was read up to the error is read again.
		s.reset(w.m.cfg.Remember)
		w.eval.Forget(s.partition)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > w.m.cfg.Recall {
			m.recallFailures.add(1)
			w.m.log.Warn("a partition could not be read back: rules that count begin at nothing in it", "partition", s.partition, "window", window, "error", err)
			return
		}
		select {
		case <-time.After(wait.NextBackOff()):
		case <-ctx.Done():
			return
		}
	}
}

func (w *worker) readBack(ctx context.Context, s *stream, a *answer, since time.Time, rules []string) (shown uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, w.m.cfg.Recall)
	defer cancel()
	found, err := w.m.src.Found(ctx, since, rules)
	if err != nil {
		return 0, err
	}
	err = w.m.src.History(ctx, s.partition, since, func(b *msg.Batch) error {
		s.lost(b)
		win := s.seen.of(b)
		shown += w.eval.replay(b, s.partition, func(ev *msg.Event) bool { return win.mark(ev.Seq) }, found, func(d *msg.Detection) { w.publish(ctx, s, a, d) })
		return ctx.Err()
	})
	return shown, err
}

// earliest is the time of the first event of a batch.
func earliest(b *msg.Batch, otherwise time.Time) time.Time {
	first := otherwise.UnixNano()
	for _, ev := range b.Events {
		first = min(first, ev.Time)
	}
	return time.Unix(0, first)
}
