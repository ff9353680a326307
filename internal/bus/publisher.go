package bus

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// errHeld marks a message that was not sent because one before it has to go
// first.
var errHeld = errors.New("held back behind a message that was not confirmed")

// publisher stores messages in one stream, in the order of the calls. See the
// package comment for how order survives failures.
type publisher struct {
	b      *Bus
	js     jetstream.JetStream // of its own, so that the window is its own
	stream string
	// stored, if there is one, is told of every message stored, by the number
	// that it was published under.
	stored func(partition uint32, ack *jetstream.PubAck, bytes int)

	slots    chan struct{}  // one for each message under way
	inflight chan *outgoing // in order; holds at most one per slot
	unknown  atomic.Int64   // messages sent whose fate is not known yet
	lock     chan struct{}  // guards what is below and the order of sending
	broken   bool           // hold new messages back until settle has run
	conn     uint64         // the connection, by number, that all unknown ones were sent on
}

type outgoing struct {
	msg    *nats.Msg
	part   uint32
	ack    *jetstream.PubAck      // once it is stored
	future jetstream.PubAckFuture // nil when it was not sent
	err    error                  // why not
	done   func(error)
}

// publisher starts a publisher for one stream.
func (b *Bus) publisher(stream string) (*publisher, error) {
	js, err := jetstream.New(b.nc,
		jetstream.WithDefaultTimeout(b.cfg.AckTimeout),
		jetstream.WithPublishAsyncTimeout(b.cfg.AckTimeout),
		jetstream.WithPublishAsyncMaxPending(b.cfg.Window+1))
	if err != nil {
		return nil, fmt.Errorf("nats: %w", err)
	}
	p := &publisher{
		b: b, js: js, stream: stream,
		slots:    make(chan struct{}, b.cfg.Window),
		inflight: make(chan *outgoing, b.cfg.Window),
		lock:     make(chan struct{}, 1),
	}
	b.spawn(p.run)
	return p, nil
}

// publish sends the message and returns; done is called once it is stored, or
// with the reason why it never will be. An error means that done is not
// called: the context or the bus ended, or the message is too large.
func (p *publisher) publish(ctx context.Context, m *nats.Msg, partition uint32, done func(error)) error {
	if limit := p.b.nc.MaxPayload(); int64(len(m.Data)) > limit {
		p.b.metrics.publishErrors.WithLabelValues(p.stream).Inc()
		return fmt.Errorf("nats: a message of %d bytes for %s is larger than the server takes (max_payload %d)", len(m.Data), m.Subject, limit)
	}
	if err := p.acquire(ctx, p.slots); err != nil {
		return err
	}
	if err := p.acquire(ctx, p.lock); err != nil {
		<-p.slots
		return err
	}
	if p.b.ctx.Err() != nil {
		// What is left has been given up, or will be as soon as the lock is
		// free: nobody would look at this message any more.
		<-p.lock
		<-p.slots
		return ErrClosed
	}
	o := &outgoing{msg: m, part: partition, done: done, err: errHeld}
	now := p.b.nc.Stats().Reconnects
	if p.unknown.Load() > 0 && now != p.conn {
		// What is under way went down with an older connection.
		p.broken = true
	}
	if !p.broken {
		p.conn = now
		// The client's own retry would overtake what comes after.
		o.future, o.err = p.js.PublishMsgAsync(m, jetstream.WithRetryAttempts(0))
		if o.err != nil || p.b.nc.Stats().Reconnects != now {
			p.broken = true
		}
	}
	p.unknown.Add(1)
	p.inflight <- o
	<-p.lock
	return nil
}

func (p *publisher) acquire(ctx context.Context, token chan struct{}) error {
	select {
	case token <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-p.b.ctx.Done():
		return ErrClosed
	}
}

// run settles messages in the order in which they were sent.
func (p *publisher) run() {
	for {
		select {
		case o := <-p.inflight:
			if err := p.wait(o); err != nil {
				p.settle(o, err)
				continue
			}
			p.finish(o, nil)
		case <-p.b.ctx.Done():
			p.abandon()
			return
		}
	}
}

// wait returns the fate of a message that was sent.
func (p *publisher) wait(o *outgoing) error {
	if o.future == nil {
		return o.err
	}
	select {
	case o.ack = <-o.future.Ok():
		return nil
	case err := <-o.future.Err():
		return err
	case <-p.b.ctx.Done():
		return ErrClosed
	}
}

// settle runs when a message was not confirmed: it keeps new ones from being
// sent, learns the fate of all that are under way, and sends those that failed
// again in their old order.
func (p *publisher) settle(first *outgoing, cause error) {
	select {
	case p.lock <- struct{}{}:
	case <-p.b.ctx.Done():
		p.finish(first, ErrClosed)
		return
	}
	defer func() { <-p.lock }()
	p.broken = true
	again := []*outgoing{first}
	for n := len(p.inflight); n > 0; n-- {
		if o := <-p.inflight; p.wait(o) == nil {
			p.finish(o, nil)
		} else {
			again = append(again, o)
		}
	}
	if !errors.Is(cause, errHeld) && p.b.ctx.Err() == nil {
		p.b.log.Warn("storing was not confirmed, sending again", "stream", p.stream, "messages", len(again), "err", cause)
	}
	for _, o := range again {
		p.finish(o, p.insist(o))
	}
	p.broken = false
}

// insist sends one message until it is stored. It gives up only on what can
// never be stored.
func (p *publisher) insist(o *outgoing) error {
	var final error
	err := retry(p.b.ctx, 50*time.Millisecond, 500*time.Millisecond, func() error {
		p.b.metrics.publishRetries.WithLabelValues(p.stream).Inc()
		ctx, cancel := context.WithTimeout(p.b.link(), p.b.cfg.AckTimeout)
		defer cancel()
		ack, err := p.js.PublishMsg(ctx, o.msg, jetstream.WithRetryAttempts(0))
		o.ack = ack
		if hopeless(err) {
			final = err
			return nil
		}
		return err
	}, func(err error) {
		p.b.log.Warn("not stored yet, trying until it is", "stream", p.stream, "err", err)
	})
	if err != nil {
		return ErrClosed
	}
	return final
}

// hopeless says that the server will refuse the message whenever it is sent.
func hopeless(err error) bool {
	var api *jetstream.APIError
	return errors.Is(err, nats.ErrMaxPayload) || errors.Is(err, nats.ErrBadSubject) ||
		errors.As(err, &api) && api.ErrorCode == codeTooLarge
}

func (p *publisher) finish(o *outgoing, err error) {
	if err == nil {
		p.b.metrics.published.WithLabelValues(p.stream).Inc()
		p.b.metrics.publishBytes.WithLabelValues(p.stream).Add(float64(len(o.msg.Data)))
		if p.stored != nil && o.ack != nil && !o.ack.Duplicate {
			p.stored(o.part, o.ack, len(o.msg.Data))
		}
	} else {
		p.b.metrics.publishErrors.WithLabelValues(p.stream).Inc()
	}
	p.unknown.Add(-1)
	<-p.slots
	o.done(err)
}

// abandon fails what is left when the bus is closed.
func (p *publisher) abandon() {
	p.lock <- struct{}{} // a publish in progress puts its message in first
	defer func() { <-p.lock }()
	for len(p.inflight) > 0 {
		p.finish(<-p.inflight, ErrClosed)
	}
}
