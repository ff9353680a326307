package notifier

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/tripline/tripline/pkg/msg"
)

// remembered is how many delivered ids each sink remembers.
const remembered = 4096

// maxErrorText bounds the text of an error in logs and dead letters, in bytes.
const maxErrorText = 1000

// SinkHealth is what a heartbeat says of one sink.
type SinkHealth struct {
	Name      string `json:"name"`
	Delivered uint64 `json:"delivered"`
	Retried   uint64 `json:"retried"`
	Dead      uint64 `json:"dead"`
	// Failing is since when no try has succeeded, nil when the last one did.
	Failing *time.Time `json:"failing,omitempty"`
	Error   string     `json:"error,omitempty"`
}

// worker serves one sink.
type worker struct {
	cfg  Config
	name string
	sink Sink
	src  Source
	dead DeadLetters
	log  *slog.Logger
	m    *metrics
	seen recent
	wait *backoff.ExponentialBackOff

	mu    sync.Mutex
	state SinkHealth
	// failure is the reason of the last failure, "" after a success.
	failure Reason
}

func newWorker(cfg Config, s Named, src Source, dead DeadLetters, log *slog.Logger, m *metrics) *worker {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval, wait.Multiplier = cfg.RetryInitial, cfg.RetryMax, 2
	w := &worker{
		cfg: cfg, name: s.Name, sink: s.Sink, src: src, dead: dead, log: log, m: m,
		seen: newRecent(remembered), wait: wait, state: SinkHealth{Name: s.Name},
	}
	w.reset()
	// The series exist from the start, so that a rate over them is right.
	m.delivered.WithLabelValues(s.Name)
	m.failing.WithLabelValues(s.Name)
	return w
}

// reset begins the back-off anew.
func (w *worker) reset() {
	w.wait.Reset()
}

// run delivers until the context ends.
func (w *worker) run(ctx context.Context) {
	w.recall()
	trouble := backoff.NewExponentialBackOff()
	trouble.MaxInterval = 10 * time.Second
	for {
		d, err := w.src.Receive(ctx, w.name)
		if ctx.Err() != nil {
			if err == nil {
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
		if w.seen.has(d.Value.ID) {
			w.m.repeated.WithLabelValues(w.name).Inc()
			d.Ack(nil)
			continue
		}
		err = w.handle(ctx, d.Value, d.Attempt)
		if err == nil {
			w.seen.add(d.Value.ID)
		}
		d.Ack(err)
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

// handle delivers a detection or buries it. Its error says that neither was
// possible before the context ended.
func (w *worker) handle(ctx context.Context, d *msg.Detection, before uint64) error {
	for tries := max(before, 1); ; tries++ {
		err := w.try(ctx, d)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return err
		}
		wait := max(w.wait.NextBackOff(), min(RetryAfter(err), w.cfg.GiveUp))
		failing := w.failed(err)
		if !Retryable(err) || failing >= w.cfg.GiveUp {
			return w.bury(ctx, d, err, tries)
		}
		w.m.retried.WithLabelValues(w.name, string(ReasonOf(err))).Inc()
		// A dead line in sight is met by a last try rather than overslept.
		if !sleep(ctx, min(wait, w.cfg.GiveUp-failing)) {
			return err
		}
	}
}

// try delivers once. What is under way when the stop begins may go on for a
// moment.
func (w *worker) try(ctx context.Context, d *msg.Detection) error {
	attempt, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		sleep(attempt, w.cfg.StopTimeout)
		cancel()
	})
	defer stop()
	start := time.Now()
	err := w.sink.Deliver(attempt, d)
	if err != nil {
		return err
	}
	now := time.Now()
	w.m.duration.WithLabelValues(w.name).Observe(now.Sub(start).Seconds())
	w.m.latency.WithLabelValues(w.name).Observe(max(0, now.Sub(d.Time).Seconds()))
	w.m.delivered.WithLabelValues(w.name).Inc()
	w.succeeded()
	return nil
}

// bury makes a dead letter, trying until it is stored.
func (w *worker) bury(ctx context.Context, d *msg.Detection, cause error, tries uint64) error {
	reason := ReasonOf(cause)
	letter := msg.DeadLetter{
		Sink: w.name, Reason: string(reason), Error: clip(cause.Error()), Attempts: tries,
		Time: time.Now().UTC(), Detection: d,
	}
	trouble := backoff.NewExponentialBackOff()
	for {
		err := w.dead.Bury(ctx, letter)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return err
		}
		w.log.Warn("cannot store a dead letter, trying again", "detection", d.ID, "error", err)
		if !sleep(ctx, trouble.NextBackOff()) {
			return err
		}
	}
	w.m.dead.WithLabelValues(w.name, string(reason)).Inc()
	w.mu.Lock()
	w.state.Dead++
	w.mu.Unlock()
	w.log.Error("a detection could not be delivered and is a dead letter now",
		"detection", d.ID, "rule", d.Rule.ID, "reason", reason, "attempts", tries, "error", letter.Error)
	return nil
}

// succeeded notes a delivery.
func (w *worker) succeeded() {
	w.reset()
	w.mu.Lock()
	failing := w.state.Failing
	w.state.Delivered++
	w.state.Failing, w.state.Error, w.failure = nil, "", ""
	w.mu.Unlock()
	if failing != nil {
		w.m.failing.WithLabelValues(w.name).Set(0)
		w.log.Info("the sink takes detections again", "after", time.Since(*failing).Round(time.Millisecond))
	}
}

// failed notes a try that failed and returns for how long none succeeded. A
// permanent failure is the detection's, not the sink's.
func (w *worker) failed(err error) time.Duration {
	if !Retryable(err) {
		return 0
	}
	now := time.Now()
	reason := ReasonOf(err)
	w.mu.Lock()
	if w.state.Failing == nil {
		w.state.Failing = &now
	}
	since := now.Sub(*w.state.Failing)
	news := w.failure != reason
	w.failure, w.state.Error = reason, clip(err.Error())
	w.state.Retried++
	w.mu.Unlock()
	if news {
		w.m.failing.WithLabelValues(w.name).Set(1)
		w.log.Warn("cannot deliver, trying again", "reason", reason, "error", clip(err.Error()))
	}
	return since
}

func (w *worker) health() SinkHealth {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state
}

// clip bounds the text of an error.
func clip(s string) string {
	if len(s) > maxErrorText {
		return fmt.Sprintf("%s… (%d bytes more)", s[:maxErrorText], len(s)-maxErrorText)
	}
	return s
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
