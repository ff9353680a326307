package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tripline/tripline/pkg/msg"
)

// ErrReplaced ends a [RawConsumer] whose host has got another enricher.
var ErrReplaced = errors.New("another enricher has taken over this host")

const (
	// rawIdle is how long a consumer is kept that nobody reads; what the
	// stream holds is long outdated by then.
	rawIdle       = 24 * time.Hour
	rawPrefetch   = 64
	pullExpiry    = 5 * time.Second
	pullHeartbeat = time.Second
	settleWait    = time.Second
	instanceKey   = "tripline_instance"
)

// RawConsumer delivers the raw batches of one host, in order, to one enricher.
// See the package comment for how it works.
type RawConsumer struct {
	b       *Bus
	subject string
	base    string // of the consumers' names, before the number
	flow    string // where it says how far it is
	domain  string // of the stream, under mu

	out   chan rawItem
	start sync.Once
	open  chan struct{} // closed when floor0 is known
	ended chan struct{} // closed with err set
	err   error

	floor0 uint64 // last stream sequence answered before this process

	mu      sync.Mutex
	held    []*rawHeld // delivered, not answered or not yet below the floor; ascending
	floor   uint64     // every batch up to this stream sequence was answered
	seen    bool       // something was handed out
	stale   bool       // what the open consumer still delivers comes again later
	tries   map[uint64]uint64
	cons    jetstream.Consumer      // that is open
	reopen  context.CancelCauseFunc // ends it
	created time.Time               // of the stream: another one starts counting anew
}

// rawHeld is a batch that the stage has or had.
type rawHeld struct {
	seq      uint64
	msg      jetstream.Msg // newest delivery, which is the one to answer
	answered bool
	gone     bool // given back: what the stage still says of it counts no more
}

type rawItem struct {
	h *rawHeld
	d msg.Delivery[*msg.Batch]
}

// RawConsumer receives the batches of host.
func (b *Bus) RawConsumer(host string) *RawConsumer {
	return &RawConsumer{
		b:       b,
		subject: msg.RawSubject(host),
		base:    "enricher-" + msg.Token(host),
		flow:    rawFlow(host),
		out:     make(chan rawItem, 4),
		open:    make(chan struct{}),
		ended:   make(chan struct{}),
		tries:   make(map[uint64]uint64),
	}
}

// Receive waits for the next batch. It returns the context's error when that
// ends, [ErrClosed] after [Bus.Close] and [ErrReplaced] when another process
// reads this host's batches.
func (c *RawConsumer) Receive(ctx context.Context) (msg.Delivery[*msg.Batch], error) {
	c.start.Do(func() { c.b.spawn(c.run) })
	for {
		select {
		case item := <-c.out:
			c.mu.Lock()
			gone := item.h.gone
			c.mu.Unlock()
			if gone {
				continue
			}
			c.b.metrics.received.WithLabelValues(StreamRaw).Inc()
			return item.d, nil
		case <-ctx.Done():
			return msg.Delivery[*msg.Batch]{}, ctx.Err()
		case <-c.ended:
			return msg.Delivery[*msg.Batch]{}, c.err
		}
	}
}

func (c *RawConsumer) run() {
	defer close(c.ended)
	first := true
	for {
		cons, err := c.next()
		if err != nil {
			c.err = err
			return
		}
		if first {
			first = false
			close(c.open)
			c.b.spawn(c.tell)
			c.b.onClose(c.settle)
		}
		ctx, cancel := context.WithCancelCause(c.b.ctx)
		c.mu.Lock()
		c.cons, c.reopen, c.stale = cons, cancel, false
		c.mu.Unlock()
		pause := c.read(ctx, cons)
		cancel(nil)
		if !sleep(c.b.ctx, pause) {
			c.err = ErrClosed
			return
		}
	}
}

// next opens the consumer of a new number, trying until it is there.
func (c *RawConsumer) next() (jetstream.Consumer, error) {
	var cons jetstream.Consumer
	var final error
	err := retry(c.b.ctx, 100*time.Millisecond, 500*time.Millisecond, func() (err error) {
		ctx, cancel := context.WithTimeout(c.b.link(), apiTimeout)
		defer cancel()
		cons, err = c.openEpoch(ctx)
		if errors.Is(err, ErrReplaced) {
			final = err
			return nil
		}
		return err
	}, func(err error) { c.b.log.Warn("cannot read raw batches yet", "subject", c.subject, "err", err) })
	if err != nil {
		return nil, ErrClosed
	}
	return cons, final
}

// openEpoch makes a consumer behind the last answered batch and deletes the
// older ones.
func (c *RawConsumer) openEpoch(ctx context.Context) (jetstream.Consumer, error) {
	s, err := c.b.js.Stream(ctx, StreamRaw)
	if err != nil {
		return nil, err
	}
	c.sameStream(s.CachedInfo().Created)
	old, epoch, floor, err := c.older(ctx, s)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.floor = max(c.floor, floor)
	floor = c.floor
	c.mu.Unlock()
	cfg := jetstream.ConsumerConfig{
		Durable:           c.base + "-" + strconv.FormatUint(epoch+1, 10),
		FilterSubject:     c.subject,
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       floor + 1,
		AckPolicy:         jetstream.AckExplicitPolicy,
		AckWait:           c.b.cfg.Consumer.MaxHeld,
		MaxAckPending:     c.b.cfg.Consumer.RawPending,
		InactiveThreshold: rawIdle,
		Metadata:          map[string]string{instanceKey: c.b.instance},
	}
	// Two that start at once differ in the metadata, so one of them fails here
	// and comes back with the next number.
	cons, err := s.CreateConsumer(ctx, cfg)
	if err != nil {
		return nil, err
	}
	for _, name := range old {
		if err := s.DeleteConsumer(ctx, name); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return nil, err
		}
	}
	return cons, nil
}

// sameStream forgets everything that was counted in a stream that is no more.
func (c *RawConsumer) sameStream(created time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.created.IsZero() && !c.created.Equal(created) {
		c.b.log.Warn("the raw stream was lost with its server and made anew", "subject", c.subject)
		for _, h := range c.held {
			h.gone = true
		}
		c.held, c.floor = nil, 0
		clear(c.tries)
	}
	c.created = created
}

// older lists this host's consumers, the highest number and the highest stream
// sequence up to which everything was answered.
func (c *RawConsumer) older(ctx context.Context, s jetstream.Stream) (names []string, epoch, floor uint64, err error) {
	mine := uint64(0)
	list := s.ListConsumers(ctx)
	for info := range list.Info() {
		dash := strings.LastIndexByte(info.Name, '-')
		if dash < 0 || info.Name[:dash] != c.base {
			continue
		}
		n, err := strconv.ParseUint(info.Name[dash+1:], 10, 64)
		if err != nil {
			continue
		}
		names = append(names, info.Name)
		epoch = max(epoch, n)
		floor = max(floor, info.AckFloor.Stream)
		if start := info.Config.OptStartSeq; start > 0 {
			floor = max(floor, start-1) // nothing was answered since it was made
		}
		if info.Config.Metadata[instanceKey] == c.b.instance {
			mine = max(mine, n)
		}
	}
	if err := list.Err(); err != nil {
		return nil, 0, 0, err
	}
	select {
	case <-c.open:
		// Not the first time: the newest must be ours, unless all are gone.
		if epoch > mine {
			return nil, 0, 0, fmt.Errorf("%w: consumer %s-%d of %s", ErrReplaced, c.base, epoch, StreamRaw)
		}
	default:
		c.floor0 = floor
	}
	return names, epoch, floor, nil
}

// errReopen is why a consumer is given up for the next one.
type errReopen struct{ pause time.Duration }

func (e errReopen) Error() string { return "starting again behind the last answered batch" }

// read hands out what the consumer delivers until it has to be replaced, and
// returns how long to wait before that.
func (c *RawConsumer) read(ctx context.Context, cons jetstream.Consumer) time.Duration {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	rejoin := c.b.rejoin()
	go func() {
		select {
		case <-rejoin: // deliveries may have been lost on the way
			cancel(errReopen{})
		case <-ctx.Done():
		}
	}()
	it, err := cons.Messages(jetstream.PullMaxMessages(rawPrefetch), jetstream.PullExpiry(pullExpiry), jetstream.PullHeartbeat(pullHeartbeat))
	if err != nil {
		return 100 * time.Millisecond
	}
	defer it.Stop()
	for n := uint64(1); ; n++ {
		m, err := it.Next(jetstream.NextContext(ctx))
		if err != nil {
			var why errReopen
			if errors.As(context.Cause(ctx), &why) {
				return why.pause
			}
			return 100 * time.Millisecond
		}
		meta, err := m.Metadata()
		if err != nil || meta.Sequence.Consumer != n {
			return 0 // a delivery was lost on the way
		}
		if item, ok := c.take(m, meta); ok {
			// Now that it is held it has to be handed out, whatever becomes of
			// this consumer: the next one takes it for handed out.
			select {
			case c.out <- item:
			case <-c.b.ctx.Done():
			}
		}
	}
}
