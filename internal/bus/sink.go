package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tripline/tripline/pkg/msg"
)

// sinkPrefetch is how many detections are on their way to a sink that works.
const sinkPrefetch = 1024

// SinkConsumer delivers stored detections to sinks, each of which has a
// durable consumer of its own name.
//
// The first delivery to a new sink goes back by SinkLookback, so that what was
// found while the notifier was starting is not missed; after that its position
// stays with the stream. Detections come in the order in which they were
// stored, except that one refused by [msg.Delivery.Ack] comes again later,
// after others: one bad detection does not hold up the rest. A notifier that
// died leaves what it held to its successor after AckWait.
type SinkConsumer struct {
	b *Bus

	mu    sync.Mutex
	sinks map[string]*sinkReader
}

type sinkReader struct {
	b    *Bus
	name string
	out  chan msg.Delivery[*msg.Stored]

	mu   sync.Mutex
	held map[identity]*sinkHeld
	last uint64 // highest stream sequence seen
}

type sinkHeld struct {
	id  identity
	msg jetstream.Msg // newest delivery
}

// SinkConsumer receives detections.
func (b *Bus) SinkConsumer() *SinkConsumer {
	return &SinkConsumer{b: b, sinks: make(map[string]*sinkReader)}
}

// Receive waits for the next detections for the sink and returns those that
// are there, at most max. It returns the context's error when that ends and
// [ErrClosed] after [Bus.Close].
func (c *SinkConsumer) Receive(ctx context.Context, sink string, max int) ([]msg.Delivery[*msg.Stored], error) {
	c.mu.Lock()
	s := c.sinks[sink]
	if s == nil {
		s = &sinkReader{
			b:    c.b,
			name: "notifier-" + msg.Token(sink),
			out:  make(chan msg.Delivery[*msg.Stored], sinkPrefetch),
			held: make(map[identity]*sinkHeld),
		}
		c.sinks[sink] = s
		c.b.spawn(s.run)
	}
	c.mu.Unlock()
	var out []msg.Delivery[*msg.Stored]
	select {
	case d := <-s.out:
		out = append(out, d)
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.b.ctx.Done():
		return nil, ErrClosed
	}
	for more := true; more && len(out) < max; {
		select {
		case d := <-s.out:
			out = append(out, d)
		default:
			more = false
		}
	}
	c.b.metrics.received.WithLabelValues(StreamDetections).Add(float64(len(out)))
	return out, nil
}

func (s *sinkReader) run() {
	s.b.spawn(s.keepAlive)
	for s.b.ctx.Err() == nil {
		cons, err := s.consumer()
		if err != nil {
			return // closed
		}
		s.mu.Lock()
		s.last = 0
		if info := cons.CachedInfo(); info.Delivered.Consumer > 0 {
			s.last = info.Delivered.Stream
		}
		s.mu.Unlock()
		s.read(cons)
		sleep(s.b.ctx, 100*time.Millisecond)
	}
	s.giveBack()
}

// giveBack lets the next notifier have what this one has not looked at.
func (s *sinkReader) giveBack() {
	for {
		select {
		case d := <-s.out:
			d.Ack(ErrClosed)
		default:
			return
		}
	}
}

// consumer finds the sink's consumer or makes it, trying until it is there.
func (s *sinkReader) consumer() (cons jetstream.Consumer, err error) {
	err = retry(s.b.ctx, 100*time.Millisecond, 500*time.Millisecond, func() (err error) {
		ctx, cancel := context.WithTimeout(s.b.link(), apiTimeout)
		defer cancel()
		cons, err = s.b.js.Consumer(ctx, StreamDetections, s.name)
		if err == nil {
			// Made with another limit: what may be under way is ours to say.
			if c := cons.CachedInfo().Config; c.MaxAckPending != s.b.cfg.Consumer.SinkPending {
				c.MaxAckPending = s.b.cfg.Consumer.SinkPending
				cons, err = s.b.js.UpdateConsumer(ctx, StreamDetections, c)
			}
			return err
		}
		if !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return err
		}
		since := time.Now().Add(-s.b.cfg.Consumer.SinkLookback)
		cons, err = s.b.js.CreateConsumer(ctx, StreamDetections, jetstream.ConsumerConfig{
			Durable:       s.name,
			DeliverPolicy: jetstream.DeliverByStartTimePolicy,
			OptStartTime:  &since,
			AckPolicy:     jetstream.AckExplicitPolicy,
			AckWait:       s.b.cfg.Consumer.AckWait,
			MaxAckPending: s.b.cfg.Consumer.SinkPending,
			MaxDeliver:    -1,
			// A sink that is no longer configured is forgotten when nothing of
			// its time is left.
			InactiveThreshold: s.b.cfg.Streams.Detections.MaxAge,
		})
		return err
	}, func(err error) { s.b.log.Warn("cannot read detections yet", "consumer", s.name, "err", err) })
	return cons, err
}

func (s *sinkReader) read(cons jetstream.Consumer) {
	it, err := cons.Messages(jetstream.PullMaxMessages(min(sinkPrefetch, s.b.cfg.Consumer.SinkPending)), jetstream.PullExpiry(pullExpiry), jetstream.PullHeartbeat(pullHeartbeat))
	if err != nil {
		return
	}
	defer it.Stop()
	ctx, cancel := context.WithCancel(s.b.ctx)
	defer cancel()
	go s.b.untilGone(ctx, cancel, cons)
	for {
		m, err := it.Next(jetstream.NextContext(ctx))
		if err != nil {
			break
		}
		s.handOver(m)
	}
	// What has arrived meanwhile would otherwise come again after AckWait only.
	it.Drain()
	for {
		m, err := it.Next(jetstream.NextMaxWait(drainWait))
		if err != nil {
			return
		}
		s.handOver(m)
	}
}

// handOver waits until the sink takes the detection. When the bus is closed
// first, it goes back to the stream for the next notifier.
func (s *sinkReader) handOver(m jetstream.Msg) {
	d, ok := s.take(m)
	if !ok {
		return
	}
	if s.b.ctx.Err() == nil {
		select {
		case s.out <- d:
			return
		case <-s.b.ctx.Done():
		}
	}
	if err := m.Nak(); err != nil {
		s.b.log.Debug("nats: answer not sent", "consumer", s.name, "err", err)
	}
}

// take enters a delivery among those held; ok is false for one that the sink
// has already, or that cannot be read.
func (s *sinkReader) take(m jetstream.Msg) (d msg.Delivery[*msg.Stored], ok bool) {
	meta, err := m.Metadata()
	if err != nil {
		return d, false
	}
	id := identify(meta)
	s.mu.Lock()
	if h := s.held[id]; h != nil {
		h.msg = m
		s.mu.Unlock()
		return d, false
	}
	gap := s.last != 0 && id.seq > s.last+1
	from := s.last + 1
	s.last = max(s.last, id.seq)
	h := &sinkHeld{id: id, msg: m}
	s.held[id] = h
	s.mu.Unlock()
	if gap {
		s.countLost(from, id.seq)
	}
	found, err := msg.OpenDetection(m.Data())
	if err != nil {
		s.b.log.Error("a detection cannot be read and is left out", "subject", m.Subject(), "seq", id.seq, "err", err)
		s.answer(h, meta.NumDelivered, err)
		return d, false
	}
	if meta.NumDelivered > 1 {
		s.b.metrics.redelivered.WithLabelValues(StreamDetections).Inc()
	}
	var once sync.Once
	return msg.Delivery[*msg.Stored]{
		Value:   found,
		Attempt: meta.NumDelivered,
		Ack:     func(err error) { once.Do(func() { s.answer(h, meta.NumDelivered, err) }) },
	}, true
}

// countLost counts which of the detections [from, to) the stream no longer has.
// Others that are missing were lost on the way and come again, or went to a
// second notifier.
func (s *sinkReader) countLost(from, to uint64) {
	ctx, cancel := context.WithTimeout(s.b.link(), apiTimeout)
	defer cancel()
	stream, err := s.b.js.Stream(ctx, StreamDetections)
	if err != nil {
		s.b.log.Debug("nats: stream", "err", err)
		return
	}
	first := min(stream.CachedInfo().State.FirstSeq, to)
	if first <= from {
		return
	}
	s.b.metrics.lost.WithLabelValues(StreamDetections).Add(float64(first - from))
	s.b.log.Error("detections were discarded before this sink had them: raise streams.detections or see why the sink is slow", "consumer", s.name, "lost", first-from)
}

func (s *sinkReader) answer(h *sinkHeld, attempt uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[h.id] != h {
		return
	}
	delete(s.held, h.id)
	var sent error
	switch {
	case err == nil:
		sent = h.msg.Ack()
	case errors.Is(err, msg.ErrMalformed):
		s.b.metrics.malformed.WithLabelValues(StreamDetections).Inc()
		sent = h.msg.Term()
	default:
		s.b.metrics.refused.WithLabelValues(StreamDetections).Inc()
		sent = h.msg.NakWithDelay(s.b.pause(attempt, err))
	}
	if sent != nil {
		s.b.log.Debug("nats: answer not sent, the detection will come again", "consumer", s.name, "err", sent)
	}
}

// keepAlive tells the server that what is held is being worked on, so that only
// a dead notifier's detections go to another. There is no limit of time: a
// receiver may be down for long, and a roll-up waits for its time.
func (s *sinkReader) keepAlive() {
	for sleep(s.b.ctx, s.b.cfg.Consumer.AckWait/3) {
		s.mu.Lock()
		for _, h := range s.held {
			if err := h.msg.InProgress(); err != nil {
				break // not connected
			}
		}
		s.mu.Unlock()
	}
}

// Pending counts the detections that the sinks of this process have yet to
// answer for; those of other processes and of sinks no longer configured, which
// [Bus.Pending] counts too, may wait for ever.
func (c *SinkConsumer) Pending(ctx context.Context) (n uint64, err error) {
	c.mu.Lock()
	mine := make(map[string]bool, len(c.sinks))
	for _, s := range c.sinks {
		mine[s.name] = true
	}
	c.mu.Unlock()
	err = c.b.consumers(ctx, StreamDetections, func(info *jetstream.ConsumerInfo) {
		if mine[info.Name] {
			n += info.NumPending + uint64(info.NumAckPending)
		}
	})
	return n, err
}

// Bury stores a dead letter; it returns when it is stored.
func (c *SinkConsumer) Bury(ctx context.Context, d msg.DeadLetter) error {
	data, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("dead letter of %s: %w", d.Sink, err)
	}
	id := d.Sink
	if d.Detection != nil {
		id += "/" + d.Detection.ID
	}
	ctx, cancel := context.WithTimeout(ctx, c.b.cfg.AckTimeout)
	defer cancel()
	if _, err := c.b.js.PublishMsg(ctx, message(msg.DeadSubject(d.Sink), id, data)); err != nil {
		c.b.metrics.publishErrors.WithLabelValues(StreamDead).Inc()
		return fmt.Errorf("dead letter of %s: %w", d.Sink, err)
	}
	c.b.metrics.published.WithLabelValues(StreamDead).Inc()
	return nil
}
