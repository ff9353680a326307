package notifier

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/tripline/tripline/notifier/policy"
	"github.com/tripline/tripline/pkg/msg"
)

const (
	// remembered is how many ids each sink remembers: those on their way and
	// those delivered lately.
	remembered = 1 << 14
	// batch is how many detections go through the steps, and to a sink that
	// takes many, at once.
	batch = 512
)

// SinkHealth is what a heartbeat says of one sink.
type SinkHealth struct {
	Name      string `json:"name"`
	Delivered uint64 `json:"delivered"`
	Retried   uint64 `json:"retried"`
	Dead      uint64 `json:"dead"`
	// Suppressed counts by reason what was not told.
	Suppressed map[policy.Reason]uint64 `json:"suppressed,omitempty"`
	// Held is how many wait for a roll-up.
	Held int `json:"held,omitempty"`
	// Failing is since when no try has succeeded, nil when the last one did.
	Failing *time.Time `json:"failing,omitempty"`
	// Open is true while so long that what comes is buried without a try.
	Open  bool   `json:"open,omitempty"`
	Error string `json:"error,omitempty"`
}

// worker serves one sink.
type worker struct {
	name string
	sink Sink
	src  Source
	log  *slog.Logger
	m    *metrics
	seen recent
	way  *policy.Way
	to   *deliverer
	late *late
	news uint64 // of late, when what is held was completed last

	// flush ends when held roll-ups are wanted, which flushNow says.
	flush    context.Context
	flushNow context.CancelFunc

	mu         sync.Mutex
	suppressed map[policy.Reason]uint64
	held       int
}

func newWorker(cfg Config, s Named, p *policy.Policy, src Source, dead DeadLetters, late *late, log *slog.Logger, m *metrics) *worker {
	w := &worker{
		name: s.Name, sink: s.Sink, src: src, log: log, m: m, seen: newRecent(remembered),
		to:         newDeliverer(cfg, s, dead, late, log, m),
		late:       late,
		suppressed: map[policy.Reason]uint64{},
	}
	w.flush, w.flushNow = context.WithCancel(context.Background())
	w.way = p.Way(s.Name, s.Group, w.suppress)
	// The series exist from the start, so that a rate over them is right.
	for _, r := range policy.Reasons() {
		m.suppressed.WithLabelValues(s.Name, string(r))
	}
	m.held.WithLabelValues(s.Name)
	m.completed.WithLabelValues(s.Name)
	return w
}

// run delivers until the context ends.
func (w *worker) run(ctx context.Context) {
	defer func() { w.way.Release(context.Cause(ctx)) }()
	w.recall()
	trouble := backoff.NewExponentialBackOff()
	trouble.MaxInterval = 10 * time.Second
	flushed := false
	for {
		ds, err := w.receive(ctx, flushed)
		if ctx.Err() != nil {
			for _, d := range ds {
				d.Ack(ctx.Err())
			}
			return
		}
		if err != nil {
			w.log.Warn("cannot read detections, trying again", "error", err)
			if !sleep(ctx, trouble.NextBackOff()) {
				return
			}
			continue
		}
		trouble.Reset()
		if !flushed && w.flush.Err() != nil {
			flushed = true
			w.way.Flush()
		}
		items := w.fresh(ds)
		w.complete(items)
		w.handle(ctx, w.way.Pass(time.Now(), items))
	}
}

// complete gives what has come, and what is held for a roll-up, what is known
// of containers by now, so that routes and groups go by it.
func (w *worker) complete(items []*policy.Item) {
	w.m.completed.WithLabelValues(w.name).Add(float64(w.late.complete(items)))
	if news := w.late.news.Load(); news != w.news {
		w.news = news
		w.way.Each(func(held []*policy.Item) {
			w.m.completed.WithLabelValues(w.name).Add(float64(w.late.complete(held)))
		})
	}
}

// recall learns what the sink took before this process was.
func (w *worker) recall() {
	r, ok := w.sink.(Recaller)
	if !ok {
		return
	}
	ids, err := r.Recall(remembered)
	if err != nil {
		w.log.Warn("what was delivered before is not known; some of it may be delivered twice", "error", err)
	}
	for _, id := range ids {
		w.seen.add(id)
	}
}

// receive waits for detections, but no longer than until a step is due or the
// flush is asked for; it returns none then.
func (w *worker) receive(ctx context.Context, flushed bool) ([]msg.Delivery[*msg.Stored], error) {
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	if due := w.way.Due(); !due.IsZero() {
		waiting, cancel = context.WithDeadline(waiting, due)
		defer cancel()
	}
	if !flushed {
		defer context.AfterFunc(w.flush, cancel)()
	}
	ds, err := w.src.Receive(waiting, w.name, batch)
	if err != nil && waiting.Err() != nil && ctx.Err() == nil {
		return nil, nil
	}
	return ds, err
}

// fresh leaves out what was delivered already or is on its way.
func (w *worker) fresh(ds []msg.Delivery[*msg.Stored]) []*policy.Item {
	out := make([]*policy.Item, 0, len(ds))
	for _, d := range ds {
		if w.seen.has(d.Value.ID) {
			w.m.repeated.WithLabelValues(w.name).Inc()
			d.Ack(nil)
			continue
		}
		w.seen.add(d.Value.ID)
		out = append(out, policy.NewItem(d))
	}
	return out
}

// handle delivers what the steps let through and answers for it.
func (w *worker) handle(ctx context.Context, items []*policy.Item) {
	w.mu.Lock()
	w.held = w.way.Held()
	w.mu.Unlock()
	w.m.held.WithLabelValues(w.name).Set(float64(w.way.Held()))
	w.to.deliver(ctx, items, func(i *policy.Item, err error) {
		if err != nil {
			w.seen.remove(i.ID)
			for _, p := range i.Parts {
				w.seen.remove(p.ID)
			}
		}
		if errors.Is(err, msg.ErrMalformed) {
			w.log.Error("a detection cannot be read and is left out", "detection", i.ID, "error", err)
		}
		i.Ack(err)
	})
}

// suppress counts what a step has answered for.
func (w *worker) suppress(r policy.Reason, n int) {
	w.m.suppressed.WithLabelValues(w.name, string(r)).Add(float64(n))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.suppressed[r] += uint64(n)
}

func (w *worker) health() SinkHealth {
	h := w.to.health()
	w.mu.Lock()
	defer w.mu.Unlock()
	h.Held = w.held
	for r, n := range w.suppressed {
		if h.Suppressed == nil {
			h.Suppressed = map[policy.Reason]uint64{}
		}
		h.Suppressed[r] = n
	}
	return h
}

// sleep waits; it returns false when the context ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return ctx.Err() == nil
	}
}
