package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tripline/tripline/pkg/msg"
)

const (
	pinGroup  = "matchers"
	pinHeader = "Nats-Pin-Id"
	// pinExpiry is how long a pull request stands. Each renews the pin, so it
	// stays well below the least PinTTL.
	pinExpiry = time.Second
	// groupForgotten is how long a group's place is kept when nobody reads.
	groupForgotten = time.Hour
)

// PartitionConsumer delivers enriched batches to one matcher, partition by
// partition.
//
// Every partition is one durable consumer with one batch under way, pinned to
// one matcher. The live matchers know of each other through a bucket and agree
// on who reads what without talking: see [shares]. A matcher that takes a
// partition over waits until the one before has let go or has been silent for
// PinTTL.
type PartitionConsumer struct {
	b       *Bus
	readers []*partitionReader
	members *membership
}

// partitionReader reads one partition while it is this matcher's.
type partitionReader struct {
	b       *Bus
	p       uint32
	group   string
	name    string
	subject string
	out     chan partitionItem

	mu      sync.Mutex
	mine    bool
	changed chan struct{} // closed, and replaced, when mine changes
	pin     string        // of the newest delivery
	first   bool          // what the stage takes next is the first since it became ours
	silent  bool          // that nothing waits was said since it became ours
	held    *partitionHeld
	reading bool   // not let go of yet
	newest  uint64 // stream sequence of what the stage took last
	// answered is the stream sequence of what the stage answered last.
	answered uint64
	domain   string // of the stream
}

type partitionHeld struct {
	id      identity
	attempt uint64
	msg     jetstream.Msg // newest delivery
	since   time.Time
	taken   bool // by the stage
	gone    bool
}

type partitionItem struct {
	h *partitionHeld
	d msg.Delivery[*msg.Batch]
}

// PartitionConsumer joins the matchers that share the partitions. Name is for
// people: "matcher host-1".
func (b *Bus) PartitionConsumer(ctx context.Context, name string) (*PartitionConsumer, error) {
	return b.GroupConsumer(ctx, "", name)
}

// GroupConsumer is as [Bus.PartitionConsumer] for matchers that have rules of
// their own: those of one group share the partitions among themselves, and
// every group gets every event. A group begins with what comes after it is
// first heard of, and is forgotten when nobody reads for it for an hour. The
// group "" is that of the matchers themselves.
func (b *Bus) GroupConsumer(ctx context.Context, group, name string) (*PartitionConsumer, error) {
	c := &PartitionConsumer{b: b}
	for p := range b.partitions {
		r := &partitionReader{
			b:       b,
			p:       p,
			group:   group,
			name:    consumerName(group, p),
			subject: msg.SubjectEvents + ".*." + strconv.FormatUint(uint64(p), 10),
			out:     make(chan partitionItem, 1),
			changed: make(chan struct{}),
		}
		c.readers = append(c.readers, r)
	}
	if group != "" {
		// It begins now, not when each partition is first read.
		for _, r := range c.readers {
			if _, err := r.consumer(); err != nil {
				return nil, err
			}
		}
	}
	m, err := b.join(ctx, group, name, c.assign)
	if err != nil {
		return nil, err
	}
	c.members = m
	for _, r := range c.readers {
		b.spawn(r.run)
	}
	if group == "" {
		b.spawn(c.tell)
	}
	return c, nil
}

// consumerName is what a partition's consumer is called: matcher-3, or
// rules-<group>-3.
func consumerName(group string, p uint32) string {
	of := "matcher-"
	if group != "" {
		of = "rules-" + msg.Token(group) + "-"
	}
	return of + strconv.FormatUint(uint64(p), 10)
}

// Partitions is how many there are.
func (c *PartitionConsumer) Partitions() uint32 { return uint32(len(c.readers)) }

// Owned lists the partitions that are this matcher's at the moment.
func (c *PartitionConsumer) Owned() []uint32 {
	var out []uint32
	for _, r := range c.readers {
		r.mu.Lock()
		if r.mine {
			out = append(out, r.p)
		}
		r.mu.Unlock()
	}
	return out
}

// Receive waits for the next batch of a partition while that is this
// matcher's. First is true for the first batch since it became so, which
// includes a return after another matcher may have had it. When nothing waits
// in a partition that became this matcher's, that first one is an empty batch,
// and so is the next one First, so that what was there before can be read back
// without waiting for more. It returns the context's error when that ends and
// [ErrClosed] after [Bus.Close].
func (c *PartitionConsumer) Receive(ctx context.Context, partition uint32) (msg.Delivery[*msg.Batch], error) {
	if int(partition) >= len(c.readers) {
		return msg.Delivery[*msg.Batch]{}, fmt.Errorf("nats: partition %d of %d", partition, len(c.readers))
	}
	r := c.readers[partition]
	for {
		select {
		case item := <-r.out:
			r.mu.Lock()
			if item.h.gone {
				r.mu.Unlock()
				continue
			}
			item.h.taken = true
			r.newest = item.h.id.seq
			if !item.d.First { // else nothing waits, and the next one is first, too
				// Decided only now: a batch that was first may have gone before
				// the stage came for it.
				item.d.First, r.first = r.first, false
			}
			r.mu.Unlock()
			c.b.metrics.received.WithLabelValues(StreamEvents).Inc()
			return item.d, nil
		case <-ctx.Done():
			return msg.Delivery[*msg.Batch]{}, ctx.Err()
		case <-c.b.ctx.Done():
			return msg.Delivery[*msg.Batch]{}, ErrClosed
		}
	}
}

// Leave gives all partitions to the other matchers and returns when they are
// free, or when the context ends. What is being worked on may still be
// answered meanwhile.
func (c *PartitionConsumer) Leave(ctx context.Context) error {
	c.members.leave()
	for _, r := range c.readers {
		for {
			r.mu.Lock()
			free := !r.reading
			r.mu.Unlock()
			if free {
				break
			}
			select {
			case <-time.After(20 * time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

// assign is told whenever the shares change.
func (c *PartitionConsumer) assign(mine map[uint32]bool) {
	for _, r := range c.readers {
		r.mu.Lock()
		if r.mine != mine[r.p] {
			r.mine = mine[r.p]
			r.first = r.first || r.mine
			r.silent = false
			close(r.changed)
			r.changed = make(chan struct{})
		}
		r.mu.Unlock()
	}
}

func (r *partitionReader) state() (mine bool, changed <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mine, r.changed
}

func (r *partitionReader) run() {
	for r.b.ctx.Err() == nil {
		mine, changed := r.state()
		if !mine {
			select {
			case <-changed:
			case <-r.b.ctx.Done():
			}
			continue
		}
		r.setReading(true)
		cons, err := r.consumer()
		if err != nil {
			return // closed
		}
		r.read(cons)
		r.setReading(false)
		if mine, _ := r.state(); mine {
			sleep(r.b.ctx, 100*time.Millisecond)
		}
	}
}

func (r *partitionReader) setReading(reading bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reading = reading
}

// consumer finds the partition's consumer or makes it, trying until it is there.
func (r *partitionReader) consumer() (cons jetstream.Consumer, err error) {
	err = retry(r.b.ctx, 100*time.Millisecond, 500*time.Millisecond, func() (err error) {
		ctx, cancel := context.WithTimeout(r.b.link(), apiTimeout)
		defer cancel()
		cons, err = r.b.js.Consumer(ctx, StreamEvents, r.name)
		if !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return err
		}
		deliver, forget := jetstream.DeliverAllPolicy, time.Duration(0)
		if r.group != "" {
			deliver, forget = jetstream.DeliverNewPolicy, groupForgotten
		}
		cons, err = r.b.js.CreateConsumer(ctx, StreamEvents, jetstream.ConsumerConfig{
			Durable:           r.name,
			FilterSubject:     r.subject,
			DeliverPolicy:     deliver,
			InactiveThreshold: forget,
			AckPolicy:         jetstream.AckExplicitPolicy,
			AckWait:           r.b.cfg.Consumer.AckWait,
			MaxAckPending:     1,
			MaxDeliver:        -1,
			PriorityPolicy:    jetstream.PriorityPolicyPinned,
			PriorityGroups:    []string{pinGroup},
			PinnedTTL:         r.b.cfg.Consumer.PinTTL,
		})
		return err
	}, func(err error) { r.b.log.Warn("cannot read enriched batches yet", "partition", r.p, "err", err) })
	return cons, err
}

// read hands batches over until the partition goes elsewhere or the consumer
// is gone, and then lets go of it.
func (r *partitionReader) read(cons jetstream.Consumer) {
	it, err := cons.Messages(jetstream.PullMaxMessages(1), jetstream.PullExpiry(pinExpiry), jetstream.PullPriorityGroup(pinGroup))
	if err != nil {
		return
	}
	defer it.Stop()
	ctx, cancel := context.WithCancel(r.b.ctx)
	defer cancel()
	go r.b.untilGone(ctx, cancel, cons)
	go func() {
		for {
			mine, changed := r.state()
			if !mine {
				cancel()
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		turn, done := context.WithTimeout(ctx, r.b.cfg.Consumer.AckWait/3)
		m, err := it.Next(jetstream.NextContext(turn))
		done()
		switch {
		case err == nil:
			if item, ok := r.take(m); ok {
				r.out <- item // has room: one batch is under way at a time
			}
		case ctx.Err() != nil:
			if mine, _ := r.state(); !mine {
				r.letGo(it, cons)
			}
			return
		case errors.Is(err, context.DeadlineExceeded):
			r.keepAlive()
			r.tellSilent(ctx, cons)
		default:
			return
		}
	}
}
