package matcher

import (
	"context"
	"fmt"
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

// worker evaluates the partitions p with p mod W = its number, one batch at a
// time.
type worker struct {
	m       *Matcher
	in      chan delivery
	eval    *Evaluator
	streams map[uint32]*stream
}

type delivery struct {
	partition uint32
	msg.Delivery[*msg.Batch]
}

func (w *worker) run(ctx context.Context) error {
	defer w.eval.Close()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case d := <-w.in:
			w.batch(ctx, d)
		case now := <-tick.C:
			w.quiet(ctx, now)
		}
	}
}

// quiet lets time pass where nothing happens. What cannot be stored is kept
// for the next batch.
func (w *worker) quiet(ctx context.Context, now time.Time) {
	owned := make(map[uint32]bool)
	keeper, moves := w.m.src.(Keeper)
	if moves {
		for _, p := range keeper.Owned() {
			owned[p] = true
		}
	}
	a := newAnswer(func(error) {})
	w.eval.Quiet(now, func(p uint32) bool { return !moves || owned[p] }, func(p uint32, d *msg.Detection) {
		w.publish(ctx, w.streams[p], a, d)
	})
	a.end(nil)
}

func (w *worker) batch(ctx context.Context, d delivery) {
	began := time.Now()
	if rs := w.m.rules.Load(); rs != w.eval.rs {
		if err := w.eval.use(rs); err != nil {
			w.m.log.Error("the new rules cannot be run; the old ones go on", "error", err)
			w.m.rules.CompareAndSwap(rs, w.eval.rs)
		}
	}
	s, known := w.streams[d.partition]
	if !known {
		s = newStream(d.partition, w.m.cfg.Remember)
		w.streams[d.partition] = s
	} else if d.First {
		s.reset(w.m.cfg.Remember)
		w.eval.Forget(d.partition)
	}
	b := d.Value
	m := w.m.metrics
	a := newAnswer(d.Ack)
	if d.First {
		w.recall(ctx, s, b, a)
		if len(b.Events) == 0 && b.Host == "" {
			// The partition came here while nobody had anything to say in it.
			a.end(nil)
			return
		}
	}
	gap := s.lost(b)
	if d.First {
		gap = 0 // the owner before may have counted it
	}
	if gap > 0 {
		m.lost.add(gap)
		w.m.log.Warn("events were discarded before they could be read", "host", b.Host, "partition", d.partition, "lost", gap)
	}
	for _, old := range s.unstored.take() {
		w.publish(ctx, s, a, old)
	}
	win := s.seen.of(b)
	var repeated, fresh uint64
	w.eval.batch(b, d.partition, func(ev *msg.Event) bool {
		before := win.mark(ev.Seq)
		if before {
			repeated++
		} else {
			fresh++
		}
		return before
	}, func(det *msg.Detection) { w.publish(ctx, s, a, det) })
	if again := repeated > 0 && fresh == 0; !again {
		if det := w.m.losses.add(b, gap); det != nil {
			m.detections.add(1)
			w.publish(ctx, s, a, det)
		}
	}

	stats := w.eval.takeStats()
	m.batches.add(1)
	m.events.add(uint64(len(b.Events)))
	m.matched.add(stats.matched)
	m.evaluations.add(stats.evaluations)
	m.detections.add(stats.detections)
	m.repeated.add(repeated)
	m.seconds.Observe(time.Since(began).Seconds())
	a.end(nil)
}

// publish stores a detection, or keeps it for the next delivery.
func (w *worker) publish(ctx context.Context, s *stream, a *answer, d *msg.Detection) {
	a.begin()
	done := func(err error) {
		if err != nil {
			err = fmt.Errorf("store detection of rule %s: %w", d.Rule.ID, err)
			if s.unstored.add(d) {
				w.m.metrics.unstored.add(1)
			} else {
				w.m.metrics.dropped.add(1)
			}
		}
		a.end(err)
	}
	if err := w.m.pub.Publish(ctx, d, done); err != nil {
		done(err)
	}
}
