package bus

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tripline/tripline/pkg/msg"
)

// take enters a delivery among those held; ok is false for one that the stage
// has already.
func (c *RawConsumer) take(m jetstream.Msg, meta *jetstream.MsgMetadata) (item rawItem, ok bool) {
	seq := meta.Sequence.Stream
	if c.known(seq, m) {
		return item, false
	}
	batch := new(msg.Batch)
	err := msg.Unmarshal(m.Data(), batch)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stale {
		return item, false
	}
	c.domain = meta.Domain
	h := &rawHeld{seq: seq, msg: m}
	at := c.position(seq)
	c.held = slices.Insert(c.held, at, h)
	if err != nil {
		c.b.metrics.malformed.WithLabelValues(StreamRaw).Inc()
		c.b.log.Error("a raw batch cannot be read and is left out", "subject", c.subject, "seq", seq, "err", err)
		c.reply(m.Term)
		h.answered = true
		c.sink()
		return item, false
	}
	attempt := max(meta.NumDelivered, c.tries[seq]+1)
	if attempt > 1 {
		c.b.metrics.redelivered.WithLabelValues(StreamRaw).Inc()
	}
	first := !c.seen
	c.seen = true
	return rawItem{h: h, d: msg.Delivery[*msg.Batch]{
		Value:   batch,
		Attempt: attempt,
		First:   first,
		Ack:     func(err error) { c.answer(h, err) },
	}}, true
}

// known deals with a delivery of what was delivered before: answered already,
// or in the stage's hands.
func (c *RawConsumer) known(seq uint64, m jetstream.Msg) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stale {
		return true
	}
	if seq <= c.floor {
		c.reply(m.Ack)
		return true
	}
	i := c.position(seq)
	if i == len(c.held) || c.held[i].seq != seq {
		return false
	}
	c.held[i].msg = m
	if c.held[i].answered {
		c.reply(m.Ack)
	}
	return true
}

// position is where the stream sequence is or belongs in held.
func (c *RawConsumer) position(seq uint64) int {
	i, _ := slices.BinarySearchFunc(c.held, seq, func(h *rawHeld, seq uint64) int { return cmp.Compare(h.seq, seq) })
	return i
}

// sink moves the floor up over what is answered.
func (c *RawConsumer) sink() {
	n := 0
	for n < len(c.held) && c.held[n].answered {
		c.floor = c.held[n].seq
		delete(c.tries, c.floor)
		n++
	}
	c.held = slices.Delete(c.held, 0, n)
}

// answer is the stage's word on a batch.
func (c *RawConsumer) answer(h *rawHeld, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h.gone || h.answered {
		return
	}
	switch {
	case err == nil:
		c.reply(h.msg.Ack)
	case errors.Is(err, msg.ErrMalformed):
		c.b.metrics.malformed.WithLabelValues(StreamRaw).Inc()
		c.reply(h.msg.Term)
	default:
		c.giveBack(h, err)
		return
	}
	h.answered = true
	c.sink()
}

// giveBack has this batch and all after it delivered again, in order.
func (c *RawConsumer) giveBack(h *rawHeld, err error) {
	c.b.metrics.refused.WithLabelValues(StreamRaw).Inc()
	c.tries[h.seq]++
	i := c.position(h.seq)
	for _, later := range c.held[i:] {
		later.gone = true
	}
	c.held = slices.Delete(c.held, i, len(c.held))
	c.stale = true
	c.reopen(errReopen{pause: c.b.pause(c.tries[h.seq], err)})
}

// reply sends an answer to the server. One that is lost with the connection
// does no harm: the next consumer delivers the batch again, and it is answered
// then.
func (c *RawConsumer) reply(f func() error) {
	if err := f(); err != nil {
		c.b.log.Debug("nats: answer not sent", "subject", c.subject, "err", err)
	}
}

// settle waits a moment until the server has heard every answer, so that a
// successor that starts at once is not given what was answered.
func (c *RawConsumer) settle() {
	ctx, cancel := context.WithTimeout(c.b.link(), settleWait)
	defer cancel()
	c.mu.Lock()
	cons, floor := c.cons, c.floor
	c.mu.Unlock()
	for cons != nil {
		info, err := cons.Info(ctx)
		if err != nil || info.AckFloor.Stream >= floor || !sleep(ctx, 2*time.Millisecond) {
			return
		}
	}
}
