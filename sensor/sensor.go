package sensor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tripline/tripline/pkg/msg"
)

// causePublish is the cause, in metrics and heartbeats, of what the publisher
// failed to store; readers of the stream see it as a gap.
const causePublish = "publish"

// warnInterval is the least time between two log lines about losses.
const warnInterval = 10 * time.Second

var (
	errNotRunning = errors.New("the source has not been started")
	errNoDemand   = errors.New("waiting to hear which events are needed")
)

// Sensor is the stage. Make one with New.
type Sensor struct {
	cfg     Config
	host    string
	bootID  string
	src     Source
	pub     Publisher
	demands Demands
	log     *slog.Logger
	metrics *metrics
	queue   *queue
	losses  *losses
	demand  *demand

	running  atomic.Bool
	next     uint64 // of the sender's goroutine alone
	events   atomic.Uint64
	batches  atomic.Uint64
	stored   atomic.Uint64
	warned   atomic.Int64 // when a loss was last logged, ns since the epoch
	inflight sync.WaitGroup
}

// New makes a sensor. Demands may be nil where nobody's demand counts, because
// the source emits all it has (a replay).
func New(cfg Config, host, bootID string, src Source, pub Publisher, dem Demands, log *slog.Logger, reg prometheus.Registerer) (*Sensor, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("sensor: %w", err)
	}
	if host == "" || bootID == "" {
		return nil, errors.New("sensor: needs the name of the host and the id of its boot")
	}
	q := newQueue(cfg)
	if cfg.SpillDir != "" {
		var err error
		if q.spill, err = newSpill(cfg.SpillDir, bootID, cfg.SpillBytes); err != nil {
			return nil, fmt.Errorf("sensor: %w", err)
		}
		if n := q.spill.bytes; n > 0 {
			log.Info("what the sensor before left in files is published first", "bytes", n)
		}
	}
	m, err := newMetrics(reg, q)
	if err != nil {
		return nil, fmt.Errorf("sensor: %w", err)
	}
	s := &Sensor{
		cfg: cfg, host: host, bootID: bootID, src: src, pub: pub, demands: dem,
		log: log, metrics: m, queue: q, losses: newLosses(m),
	}
	s.demand = &demand{s: s, wake: make(chan struct{}, 1)}
	s.demand.environment.Store(msg.NewEnvironment())
	return s, nil
}

// Run publishes what the source emits until the context ends or the source
// does; see the package comment on how it stops.
func (s *Sensor) Run(ctx context.Context) error {
	first, err := FirstSeq()
	if err != nil {
		return err
	}
	s.next = first
	work, stop := context.WithCancel(ctx)
	defer stop()
	// What is queued when the stop begins is still published, so the sender
	// has a context that ends later.
	send, stopSending := context.WithCancel(context.WithoutCancel(ctx))
	defer stopSending()

	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	if s.demands != nil {
		wg.Go(func() { s.demand.run(work) })
	}
	ended := make(chan error, 1)
	s.running.Store(true)
	go func() {
		err := s.runSource(work)
		s.running.Store(false)
		s.queue.close()
		ended <- err
	}()
	go func() {
		select {
		case <-ctx.Done():
			sleep(send, s.cfg.StopTimeout)
			stopSending()
		case <-send.Done():
		}
	}()
	s.send(send)
	s.await(send)
	if err := <-ended; err != nil && ctx.Err() == nil {
		return fmt.Errorf("source: %w", err)
	}
	return nil
}

// runSource turns a panic of the source into its error.
func (s *Sensor) runSource(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("panic", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	emit := s.emit
	if p, ok := s.src.(Patient); ok && p.Patient() {
		emit = func(b *msg.Batch) {
			s.queue.waitForRoom(ctx)
			s.emit(b)
		}
	}
	return s.src.Run(ctx, emit)
}

// emit takes a batch from the source; it does not wait. Environments hold
// secrets: what nobody asked for is taken out before it can get anywhere.
func (s *Sensor) emit(b *msg.Batch) {
	env := s.demand.environment.Load()
	env.Apply(b)
	b.Environment = env.Names()
	if dropped := s.queue.push(b); dropped != nil {
		s.losses.add(causeQueue, dropped)
	}
}

// send publishes what is in the queue until that is closed and empty, or the
// context ends.
func (s *Sensor) send(ctx context.Context) {
	tick := time.NewTicker(s.cfg.DropInterval)
	defer tick.Stop()
	s.publish(ctx, &msg.Batch{}) // the marker
	for {
		if ctx.Err() != nil {
			s.abandon()
			return
		}
		b, end := s.queue.pop()
		if b != nil {
			b.Drops = append(b.Drops, s.queue.takeDrops()...)
			s.publish(ctx, b)
			select {
			case <-tick.C:
				s.askSource()
			default:
			}
			continue
		}
		if end {
			s.askSource()
			s.sendDrops(ctx)
			return
		}
		select {
		case <-ctx.Done():
		case <-s.queue.wake:
		case <-tick.C:
			s.askSource()
			s.sendDrops(ctx)
		}
	}
}

// sendDrops publishes drops for which there was no batch to travel in.
func (s *Sensor) sendDrops(ctx context.Context) {
	if drops := s.queue.takeDrops(); drops != nil {
		s.publish(ctx, &msg.Batch{Drops: drops})
	}
}

func (s *Sensor) askSource() {
	if fresh := s.losses.fromSource(s.src.Drops()); fresh != nil {
		s.queue.addDrops(fresh)
	}
}

// number completes the batch.
func (s *Sensor) number(b *msg.Batch) {
	b.Host, b.BootId = s.host, s.bootID
	b.FirstSeq = s.next
	for _, e := range b.Events {
		e.Seq = s.next
		s.next++
	}
	b.LastSeq = s.next - 1
}

// publish numbers a batch and hands it over, again and again for a while when
// the publisher refuses it; the queue fills meanwhile.
func (s *Sensor) publish(ctx context.Context, b *msg.Batch) {
	s.number(b)
	// Once handed over the batch is not ours to look at.
	counts, drops, n := tally(b.Events), b.Drops, uint64(len(b.Events))
	lose := func(err error) {
		s.losses.add(causePublish, counts)
		s.queue.addDrops(drops)
		// The counters tell how many; a line now and then tells why.
		if now := time.Now(); now.Sub(time.Unix(0, s.warned.Load())) > warnInterval {
			s.warned.Store(now.UnixNano())
			s.log.Warn("events were lost", "events", n, "error", err)
		}
	}
	if ctx.Err() != nil {
		lose(ctx.Err())
		return
	}
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 20*time.Millisecond, 2*time.Second
	giveUp := time.Now().Add(s.cfg.PublishTimeout)
	for {
		s.inflight.Add(1)
		err := s.pub.Publish(ctx, b, func(err error) {
			defer s.inflight.Done()
			if err != nil {
				lose(err)
				return
			}
			s.stored.Add(n)
		})
		if err == nil {
			s.events.Add(n)
			s.batches.Add(1)
			s.metrics.events.Add(float64(n))
			s.metrics.batches.Inc()
			return
		}
		s.inflight.Done()
		if ctx.Err() != nil || errors.Is(err, msg.ErrMalformed) || time.Now().After(giveUp) {
			lose(err)
			return
		}
		s.metrics.retries.Inc()
		sleep(ctx, wait.NextBackOff())
	}
}

// abandon counts what is left in the queue when there is no time any more.
func (s *Sensor) abandon() {
	if err := s.queue.leave(); err != nil {
		s.log.Warn("what waits could not be left for the next sensor", "error", err)
	}
	var n uint64
	for {
		b, _ := s.queue.pop()
		if b == nil {
			break
		}
		n += uint64(len(b.Events))
		s.losses.add(causePublish, tally(b.Events))
	}
	if n > 0 {
		s.log.Warn("stopped with events that could not be published in time", "events", n)
	}
}

// await waits for the outcome of what was published, while the context lasts.
func (s *Sensor) await(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		s.inflight.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		s.log.Warn("stopped before the outcome of all batches was known")
	}
}

// Ready returns nil when the source runs and knows what is needed.
func (s *Sensor) Ready() error {
	if !s.running.Load() {
		return errNotRunning
	}
	if s.demands != nil {
		s.demand.mu.Lock()
		defer s.demand.mu.Unlock()
		if !s.demand.known {
			return errNoDemand
		}
	}
	return nil
}

// Health is what the heartbeat of the stage carries: counters that grow for
// the life of the sensor, and the enabled events, those that are needed and
// cannot be had with the reason, what was lost, and what waits.
func (s *Sensor) Health() (counters map[string]uint64, detail map[string]any) {
	lost, byCause, byEvent := s.losses.report()
	events, bytes := s.queue.size()
	diskEvents, diskBytes, broken := s.queue.onDisk()
	s.demand.mu.Lock()
	missing := s.demand.missing
	s.demand.mu.Unlock()
	counters = map[string]uint64{
		"events": s.events.Load(), "batches": s.batches.Load(), "stored": s.stored.Load(), "lost": lost,
	}
	for cause, n := range byCause {
		counters["lost_"+cause] = n
	}
	detail = map[string]any{
		"enabled": s.src.Enabled(), "missing": missing, "lost": byEvent,
		"queue_events": events, "queue_bytes": bytes,
		"environment": s.demand.environment.Load().Names(),
	}
	if s.cfg.SpillDir != "" {
		detail["spill_events"], detail["spill_bytes"] = diskEvents, diskBytes
	}
	if broken != nil {
		detail["spill_error"] = broken.Error()
	}
	if g, ok := s.src.(Guarded); ok {
		if found := g.Tampered(); len(found) > 0 {
			detail[msg.DetailTampered] = found
		}
	}
	return counters, detail
}
