package enricher

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tripline/tripline/pkg/msg"
)

// Enricher is the stage. Make one with [New] and call [Enricher.Run] once.
type Enricher struct {
	cfg      Config
	src      Source
	pub      Publisher
	steps    []Step
	waiters  []Waiter
	stepTime []prometheus.Counter
	log      *slog.Logger
	metrics  *metrics
	// instance names this life of the stage in what it publishes.
	instance string

	split    *splitter
	holds    *holds
	amends   *amends
	amendAt  time.Time
	partSeq  []uint64
	drops    []*msg.Drop // to go with the next batch
	bootID   string
	lastSeq  uint64
	rows     []rowFate
	underway sync.WaitGroup
	ready    atomic.Bool

	counts struct {
		batches, events, published, failed, lost, again, replayed atomic.Uint64
		held, heldNow, expired, amended                           atomic.Uint64
	}
}

// New makes the stage. The steps run in the order given.
func New(cfg Config, src Source, pub Publisher, steps []Step, log *slog.Logger, reg prometheus.Registerer) (*Enricher, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("enricher: %w", err)
	}
	m, err := newMetrics(reg)
	if err != nil {
		return nil, fmt.Errorf("enricher: %w", err)
	}
	e := &Enricher{
		cfg: cfg, src: src, pub: pub, steps: steps, log: log, metrics: m,
		instance: strconv.Itoa(os.Getpid()) + "-" + strconv.FormatInt(time.Now().UnixNano(), 36),
		split:    newSplitter(),
		holds:    newHolds(cfg),
		amends:   newAmends(cfg.Amendments),
		partSeq:  make([]uint64, cfg.Partitions),
	}
	for _, s := range steps {
		if w, ok := s.(Waiter); ok {
			e.waiters = append(e.waiters, w)
		}
		e.stepTime = append(e.stepTime, m.stepSeconds.WithLabelValues(s.Name()))
	}
	return e, nil
}

// holdTick is how often it is asked whether what held events wait for has come.
const holdTick = 2 * time.Millisecond

// Run enriches batches until the context ends, and then returns nil after what
// is under way is stored or the drain time is over. Any other error of the
// source or of a step's background work ends it too.
func (e *Enricher) Run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var beside sync.WaitGroup
	defer beside.Wait()
	defer stop(nil)

	for _, s := range e.steps {
		if bg, ok := s.(Background); ok {
			beside.Go(func() {
				if err := bg.Run(ctx); err != nil && ctx.Err() == nil {
					stop(fmt.Errorf("enricher: step %s: %w", s.Name(), err))
				}
			})
		}
	}
	if err := e.rebuild(ctx); err != nil {
		return ended(ctx, err)
	}
	e.ready.Store(true)
	deliveries := make(chan msg.Delivery[*msg.Batch])
	beside.Go(func() {
		for {
			d, err := e.src.Receive(ctx)
			if err != nil {
				stop(fmt.Errorf("enricher: receive: %w", err))
				return
			}
			select {
			case deliveries <- d:
			case <-ctx.Done():
				d.Ack(context.Cause(ctx))
				return
			}
		}
	})
	err := e.loop(ctx, deliveries)
	e.drain()
	return ended(ctx, err)
}

// ended tells an end that was asked for from a failure.
func ended(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// rebuild lets the steps see the past and then the host as it is.
func (e *Enricher) rebuild(ctx context.Context) error {
	if e.cfg.History > 0 {
		err := e.src.History(ctx, e.cfg.History, func(b *msg.Batch) error {
			e.metrics.replayed.Inc()
			e.counts.replayed.Add(1)
			e.bootID, e.lastSeq = b.BootId, max(b.LastSeq, e.lastSeqOf(b.BootId))
			e.enrich(ctx, b, true)
			return ctx.Err()
		})
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			e.log.Warn("the past could not be read, going on with what /proc knows", "error", err)
		}
	}
	for _, s := range e.steps {
		if st, ok := s.(Starter); ok {
			if err := st.Start(ctx); err != nil {
				return fmt.Errorf("enricher: step %s: %w", s.Name(), err)
			}
		}
	}
	return nil
}

func (e *Enricher) lastSeqOf(boot string) uint64 {
	if boot == e.bootID {
		return e.lastSeq
	}
	return 0
}

func (e *Enricher) loop(ctx context.Context, deliveries <-chan msg.Delivery[*msg.Batch]) error {
	ticker := time.NewTicker(time.Hour)
	defer ticker.Stop()
	every := time.Hour
	for {
		want := time.Hour
		switch {
		case len(e.holds.m) > 0:
			want = holdTick
		case e.amends.open():
			want = amendEvery
		}
		if want != every {
			every = want
			ticker.Reset(every)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case d := <-deliveries:
			e.handle(ctx, d)
		case now := <-ticker.C:
			if len(e.holds.m) > 0 {
				e.release(ctx, now)
			}
			e.amendNow(ctx, now)
		}
	}
}

func (e *Enricher) enrich(ctx context.Context, b *msg.Batch, replayed bool) {
	last := time.Now()
	for i, s := range e.steps {
		s.Enrich(ctx, b, replayed)
		now := time.Now()
		e.stepTime[i].Add(now.Sub(last).Seconds())
		last = now
	}
}

// amendNow looks after amendments when it is time to.
func (e *Enricher) amendNow(ctx context.Context, now time.Time) {
	if now.Sub(e.amendAt) >= amendEvery && e.amends.open() {
		e.amendAt = now
		e.amend(ctx, now)
	}
}

// handle takes one raw batch through the steps and sends its parts on their way.
func (e *Enricher) handle(ctx context.Context, d msg.Delivery[*msg.Batch]) {
	b := d.Value
	e.metrics.batches.Inc()
	e.metrics.events.Add(float64(len(b.Events)))
	e.counts.batches.Add(1)
	e.counts.events.Add(uint64(len(b.Events)))
	e.account(b)
	e.enrich(ctx, b, false)

	now := time.Now()
	if len(e.holds.m) > 0 {
		e.release(ctx, now)
	}
	e.amendNow(ctx, now)
	ready, waiting := e.sort(ctx, b, now)
	if len(ready)+len(waiting) == 0 && len(e.drops) > 0 {
		// Nothing to carry the drops: they travel alone.
		ready = append(ready, part{batch: e.split.part(b, nil)})
	}
	debt := newDebt(d.Ack, len(ready)+len(waiting))
	if len(ready)+len(waiting) == 0 {
		debt.left.Store(1)
		debt.pay(nil)
		return
	}
	for id, p := range waiting {
		p.debt = debt
		e.holds.add(e.holds.m[id], p)
		e.metrics.heldEvents.Add(float64(len(p.batch.Events)))
		e.counts.held.Add(uint64(len(p.batch.Events)))
	}
	e.metrics.heldNow.Set(float64(e.holds.events))
	e.counts.heldNow.Store(uint64(e.holds.events))
	for _, p := range ready {
		p.debt = debt
		e.late(p.batch)
		e.publish(ctx, p)
	}
}

// account finds gaps in the sequence and counts what was lost.
func (e *Enricher) account(b *msg.Batch) {
	numbered := b.LastSeq > 0 && b.LastSeq >= b.FirstSeq
	if marker := len(b.Events)+len(b.Drops) == 0 && b.LastSeq+1 == b.FirstSeq; marker && b.BootId == e.bootID && b.LastSeq > e.lastSeq {
		// A sensor has started anew in the same boot and numbers on from here:
		// the distance to its predecessor is no loss.
		e.lastSeq = b.LastSeq
		return
	}
	if numbered && b.BootId == e.bootID && b.LastSeq <= e.lastSeq {
		e.metrics.again.Inc()
		e.counts.again.Add(1)
		// What these drops went with may not have been stored: say it again.
		e.drops = append(e.drops, b.Drops...)
		return
	}
	if numbered {
		if b.BootId == e.bootID && e.lastSeq > 0 && b.FirstSeq > e.lastSeq+1 {
			n := b.FirstSeq - e.lastSeq - 1
			b.Drops = append(b.Drops, &msg.Drop{Cause: "stream", Count: n})
			e.log.Warn("events were discarded before they could be read", "lost", n, "after", e.lastSeq)
		}
		e.bootID, e.lastSeq = b.BootId, b.LastSeq
	}
	for _, d := range b.Drops {
		e.metrics.lost.WithLabelValues(d.Cause).Add(float64(d.Count))
		e.counts.lost.Add(d.Count)
	}
	e.drops = append(e.drops, b.Drops...)
}

// publish hands one part over. Parts of a partition are published in the order
// of these calls.
func (e *Enricher) publish(ctx context.Context, p part) {
	b := p.batch
	b.Partition, b.Enricher = p.partition, e.instance
	e.owe(b, time.Now())
	b.PartitionSeq = e.partSeq[p.partition]
	e.partSeq[p.partition] += uint64(len(b.Events))
	b.Drops, e.drops = e.drops, nil
	e.metrics.published.Inc()
	e.counts.published.Add(1)
	e.underway.Add(1)
	err := e.pub.Publish(ctx, b, func(err error) {
		defer e.underway.Done()
		e.settle(p.debt, err)
	})
	if err != nil {
		e.settle(p.debt, err)
		e.underway.Done()
	}
}

func (e *Enricher) settle(d *debt, err error) {
	if err != nil {
		e.metrics.failed.Inc()
		e.counts.failed.Add(1)
	}
	d.pay(err)
}

// drain sends on what still waits and gives what is under way time to be stored.
func (e *Enricher) drain() {
	ctx, cancel := context.WithTimeout(context.Background(), e.cfg.Drain)
	defer cancel()
	now := time.Now()
	for id := range e.holds.m {
		e.letGo(ctx, e.holds.remove(id, true, now))
	}
	stored := make(chan struct{})
	go func() {
		e.underway.Wait()
		close(stored)
	}()
	select {
	case <-stored:
	case <-ctx.Done():
		e.log.Warn("stopped before everything was stored; the raw batches come again", "drain", e.cfg.Drain)
	}
}

// Ready says why the stage does not enrich yet: nil once the past was replayed
// and the steps have looked around.
func (e *Enricher) Ready() error {
	if e.ready.Load() {
		return nil
	}
	return errors.New("enricher: still rebuilding what was known before the start")
}

// Health reports what the heartbeat carries. It may be called at any time.
func (e *Enricher) Health() (counters map[string]uint64, detail map[string]any) {
	c := &e.counts
	counters = map[string]uint64{
		"batches": c.batches.Load(), "events": c.events.Load(), "published": c.published.Load(),
		"failed": c.failed.Load(), "lost": c.lost.Load(), "again": c.again.Load(),
		"replayed": c.replayed.Load(), "held": c.held.Load(), "hold_expired": c.expired.Load(),
		"amended": c.amended.Load(),
	}
	detail = map[string]any{
		"instance": e.instance, "partitions": e.cfg.Partitions, "held_now": c.heldNow.Load(),
	}
	for _, s := range e.steps {
		if r, ok := s.(Reporter); ok {
			sc, sd := r.Health()
			for k, v := range sc {
				counters[s.Name()+"_"+k] = v
			}
			if len(sd) > 0 {
				detail[s.Name()] = maps.Clone(sd)
			}
		}
	}
	return counters, detail
}
