package notifier

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/tripline/tripline/notifier/policy"
	"github.com/tripline/tripline/pkg/msg"
)

// maxErrorText bounds the text of an error in logs and dead letters, in bytes.
const maxErrorText = 1000

// deliverer hands detections to one sink: it tries again, gives up, and
// buries.
type deliverer struct {
	cfg  Config
	name string
	sink BatchSink
	dead DeadLetters
	late *late
	log  *slog.Logger
	m    *metrics
	wait *backoff.ExponentialBackOff
	// last is the last failure that another try might mend, probe when a sink
	// that was given up is tried again; both nil and zero after a success.
	last  error
	probe time.Time

	mu    sync.Mutex
	state SinkHealth
	// failure is the reason of the last failure, "" after a success.
	failure Reason
}

func newDeliverer(cfg Config, s Named, dead DeadLetters, late *late, log *slog.Logger, m *metrics) *deliverer {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval, wait.Multiplier = cfg.RetryInitial, cfg.RetryMax, 2
	wait.Reset()
	d := &deliverer{cfg: cfg, name: s.Name, dead: dead, late: late, log: log, m: m, wait: wait, state: SinkHealth{Name: s.Name}}
	var many bool
	if d.sink, many = s.Sink.(BatchSink); !many {
		d.sink = oneByOne{s.Sink}
	}
	// The series exist from the start, so that a rate over them is right.
	m.delivered.WithLabelValues(s.Name)
	m.failing.WithLabelValues(s.Name)
	return d
}

// oneByOne is a sink that takes one detection at a time.
type oneByOne struct{ Sink }

// DeliverBatch implements [BatchSink].
func (o oneByOne) DeliverBatch(ctx context.Context, ds []*msg.Stored) (int, error) {
	d, err := ds[0].Detection()
	if err != nil {
		return 0, FailForGood(ReasonOther, err)
	}
	if err := o.Deliver(ctx, d); err != nil {
		return 0, err
	}
	return 1, nil
}

// deliver hands items over in order, or buries them, and says of each what
// became of it: nil when it was one of the two, otherwise why neither was
// possible before the context ended.
func (d *deliverer) deliver(ctx context.Context, items []*policy.Item, done func(*policy.Item, error)) {
	var tries uint64 // of the first item, here
	for len(items) > 0 {
		d.m.completed.WithLabelValues(d.name).Add(float64(d.late.complete(items)))
		if d.open() {
			done(items[0], d.bury(ctx, items[0], d.notTried(), items[0].Attempt-1))
			items = items[1:]
			continue
		}
		tries++
		n, err := d.try(ctx, items)
		for _, i := range items[:n] {
			done(i, nil)
		}
		if items = items[n:]; n > 0 {
			tries = 0
			if err != nil {
				tries = 1
			}
		}
		if err == nil || len(items) == 0 {
			continue
		}
		if ctx.Err() != nil {
			for _, i := range items {
				done(i, err)
			}
			return
		}
		if d.again(ctx, err) {
			continue
		}
		if ctx.Err() != nil && Retryable(err) {
			for _, i := range items {
				done(i, err)
			}
			return
		}
		done(items[0], d.bury(ctx, items[0], err, items[0].Attempt-1+tries))
		items, tries = items[1:], 0
	}
}

// again judges a failure: true, after a wait, if there is to be another try.
func (d *deliverer) again(ctx context.Context, err error) bool {
	wait := max(d.wait.NextBackOff(), min(RetryAfter(err), d.cfg.GiveUp))
	failing := d.failed(err)
	if !Retryable(err) {
		return false
	}
	if failing >= d.cfg.GiveUp {
		d.giveUp(err)
		return false
	}
	d.m.retried.WithLabelValues(d.name, string(ReasonOf(err))).Inc()
	// A dead line in sight is met by a last try rather than overslept.
	return sleep(ctx, min(wait, d.cfg.GiveUp-failing))
}

// open says whether the sink counts as dead and is not to be tried now.
func (d *deliverer) open() bool { return !d.probe.IsZero() && time.Now().Before(d.probe) }

// giveUp opens the circuit: for a while nothing is tried.
func (d *deliverer) giveUp(err error) {
	if d.probe.IsZero() {
		d.log.Error("the sink has failed for too long: what comes is a dead letter, but for one try now and then", "for", d.cfg.GiveUp, "every", d.cfg.RetryMax)
	}
	d.last, d.probe = err, time.Now().Add(d.cfg.RetryMax)
	d.m.open.WithLabelValues(d.name).Set(1)
	d.mu.Lock()
	d.state.Open = true
	d.mu.Unlock()
}

// notTried is why something is buried without a try.
func (d *deliverer) notTried() error {
	return Fail(ReasonOf(d.last), fmt.Errorf("not tried, since the sink has failed for more than %v: %w", d.cfg.GiveUp, d.last))
}

// try delivers once and returns how many were taken. What is under way when
// the stop begins may go on for a moment.
func (d *deliverer) try(ctx context.Context, items []*policy.Item) (int, error) {
	attempt, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		sleep(attempt, d.cfg.StopTimeout)
		cancel()
	})
	defer stop()
	stored := make([]*msg.Stored, len(items))
	for i, x := range items {
		stored[i] = x.Stored
	}
	start := time.Now()
	n, err := d.sink.DeliverBatch(attempt, stored)
	if n > 0 {
		now := time.Now()
		d.m.duration.WithLabelValues(d.name).Observe(now.Sub(start).Seconds())
		d.taken(items[:n], now)
	}
	return n, err
}

// taken notes deliveries.
func (d *deliverer) taken(items []*policy.Item, now time.Time) {
	latency := d.m.latency.WithLabelValues(d.name)
	count := 0
	for _, i := range items {
		count += i.Count()
		if i.Parts == nil {
			latency.Observe(max(0, now.Sub(i.Time).Seconds()))
		} else {
			d.m.rolled.WithLabelValues(d.name).Add(float64(len(i.Parts)))
		}
	}
	d.m.delivered.WithLabelValues(d.name).Add(float64(count))
	d.wait.Reset()
	d.last, d.probe = nil, time.Time{}
	d.mu.Lock()
	failing := d.state.Failing
	d.state.Delivered += uint64(count)
	d.state.Failing, d.state.Error, d.state.Open, d.failure = nil, "", false, ""
	d.mu.Unlock()
	if failing != nil {
		d.m.failing.WithLabelValues(d.name).Set(0)
		d.m.open.WithLabelValues(d.name).Set(0)
		d.log.Info("the sink takes detections again", "after", time.Since(*failing).Round(time.Millisecond))
	}
}

// failed notes a try that failed and returns for how long none succeeded. A
// permanent failure is the detection's, not the sink's.
func (d *deliverer) failed(err error) time.Duration {
	if !Retryable(err) {
		return 0
	}
	now := time.Now()
	reason := ReasonOf(err)
	d.mu.Lock()
	if d.state.Failing == nil {
		d.state.Failing = &now
	}
	since := now.Sub(*d.state.Failing)
	news := d.failure != reason
	d.failure, d.state.Error = reason, clip(err.Error())
	d.state.Retried++
	d.mu.Unlock()
	if news {
		d.m.failing.WithLabelValues(d.name).Set(1)
		d.log.Warn("cannot deliver, trying again", "reason", reason, "error", clip(err.Error()))
	}
	return since
}

// bury makes a dead letter of each detection that the item stands for, trying
// until they are stored.
func (d *deliverer) bury(ctx context.Context, item *policy.Item, cause error, tries uint64) error {
	if errors.Is(cause, msg.ErrMalformed) {
		return cause
	}
	parts := item.Parts
	if parts == nil {
		parts = []*policy.Item{item}
	}
	for _, p := range parts {
		found, err := p.Detection()
		if err != nil {
			return err
		}
		if err := d.buryOne(ctx, found, cause, tries); err != nil {
			return err
		}
	}
	return nil
}

func (d *deliverer) buryOne(ctx context.Context, found *msg.Detection, cause error, tries uint64) error {
	reason := ReasonOf(cause)
	letter := msg.DeadLetter{
		Sink: d.name, Reason: string(reason), Error: clip(cause.Error()), Attempts: tries,
		Time: time.Now().UTC(), Detection: found,
	}
	trouble := backoff.NewExponentialBackOff()
	for {
		err := d.dead.Bury(ctx, letter)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return err
		}
		d.log.Warn("cannot store a dead letter, trying again", "detection", found.ID, "error", err)
		if !sleep(ctx, trouble.NextBackOff()) {
			return err
		}
	}
	d.m.dead.WithLabelValues(d.name, string(reason)).Inc()
	d.mu.Lock()
	d.state.Dead++
	news := !d.state.Open || tries > 0
	d.mu.Unlock()
	if news {
		d.log.Error("a detection could not be delivered and is a dead letter now",
			"detection", found.ID, "rule", found.Rule.ID, "reason", reason, "attempts", tries, "error", letter.Error)
	}
	return nil
}

func (d *deliverer) health() SinkHealth {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state
}

// clip bounds the text of an error.
func clip(s string) string {
	if len(s) > maxErrorText {
		return fmt.Sprintf("%s… (%d bytes more)", s[:maxErrorText], len(s)-maxErrorText)
	}
	return s
}
