package bus

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tripline/tripline/pkg/msg"
)

// take makes a delivery the one under way; ok is false for one that the stage
// has already, or that cannot be read.
func (r *partitionReader) take(m jetstream.Msg) (item partitionItem, ok bool) {
	meta, err := m.Metadata()
	if err != nil {
		return item, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if pin := m.Headers().Get(pinHeader); pin != r.pin {
		r.pin, r.first = pin, true
	}
	r.domain = meta.Domain
	id := identify(meta)
	if r.held != nil {
		if r.held.id == id {
			r.held.msg, r.held.attempt = m, meta.NumDelivered
			return item, false
		}
		// The server went on without our answer (another matcher gave it, or
		// the stream was made anew): what we hold counts no more.
		r.held.gone = true
		r.drop()
	}
	batch := new(msg.Batch)
	if err := msg.Unmarshal(m.Data(), batch); err != nil {
		r.b.metrics.malformed.WithLabelValues(StreamEvents).Inc()
		r.b.log.Error("an enriched batch cannot be read and is left out", "subject", m.Subject(), "seq", id.seq, "err", err)
		r.sent(m.Term())
		return item, false
	}
	if meta.NumDelivered > 1 {
		r.b.metrics.redelivered.WithLabelValues(StreamEvents).Inc()
	}
	h := &partitionHeld{id: id, attempt: meta.NumDelivered, msg: m, since: time.Now()}
	r.held = h
	var once sync.Once
	return partitionItem{h: h, d: msg.Delivery[*msg.Batch]{
		Value:   batch,
		Attempt: meta.NumDelivered,
		Ack:     func(err error) { once.Do(func() { r.answer(h, err) }) },
	}}, true
}

// tellSilent hands over an empty batch, once, when everything stored in a
// partition that became ours was answered before.
func (r *partitionReader) tellSilent(ctx context.Context, cons jetstream.Consumer) {
	r.mu.Lock()
	due := r.first && !r.silent && r.held == nil
	r.mu.Unlock()
	if !due {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	info, err := cons.Info(ctx)
	if err != nil {
		r.b.log.Debug("nats: whether anything waits", "partition", r.p, "err", err)
		return
	}
	if info.NumPending > 0 || info.NumAckPending > 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.silent = true
	if info.AckFloor.Stream == 0 {
		return // there never was anything
	}
	item := partitionItem{
		h: &partitionHeld{id: identity{seq: info.AckFloor.Stream + 1}},
		d: msg.Delivery[*msg.Batch]{Value: &msg.Batch{Partition: r.p}, Attempt: 1, First: true, Ack: func(error) {}},
	}
	select {
	case r.out <- item:
	default:
	}
}

// drop empties the hand-over, in case the stage has not come for the batch.
func (r *partitionReader) drop() {
	select {
	case <-r.out:
	default:
	}
}

// answer is the stage's word on a batch.
func (r *partitionReader) answer(h *partitionHeld, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held == h {
		r.held = nil
	}
	if h.gone {
		return
	}
	if err == nil || errors.Is(err, msg.ErrMalformed) {
		r.answered = h.id.seq
	}
	switch {
	case err == nil:
		r.sent(h.msg.Ack())
	case errors.Is(err, msg.ErrMalformed):
		r.b.metrics.malformed.WithLabelValues(StreamEvents).Inc()
		r.sent(h.msg.Term())
	default:
		r.b.metrics.refused.WithLabelValues(StreamEvents).Inc()
		r.sent(h.msg.NakWithDelay(r.b.pause(h.attempt, err)))
	}
}

// sent notes that an answer got lost: the batch comes again after AckWait.
func (r *partitionReader) sent(err error) {
	if err != nil {
		r.b.log.Debug("nats: answer not sent", "partition", r.p, "err", err)
	}
}

// keepAlive tells the server that the batch under way is being worked on.
func (r *partitionReader) keepAlive() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if h := r.held; h != nil && time.Since(h.since) < r.b.cfg.Consumer.MaxHeld {
		r.sent(h.msg.InProgress())
	}
}

// letGo leaves the partition to the next matcher: a batch that the stage has
// is waited for, for as long as it may take; one that it has not is given back
// at once.
func (r *partitionReader) letGo(it jetstream.MessagesContext, cons jetstream.Consumer) {
	r.mu.Lock()
	if h := r.held; h != nil && !h.taken {
		h.gone = true
		r.held = nil
		r.drop()
		r.sent(h.msg.Nak())
	}
	r.mu.Unlock()
	it.Drain()
	for {
		m, err := it.Next(jetstream.NextMaxWait(drainWait))
		if err != nil {
			break
		}
		r.sent(m.Nak())
	}
	for alive := time.Now(); r.b.ctx.Err() == nil && r.b.nc.IsConnected() && r.holds(); {
		if time.Since(alive) > r.b.cfg.Consumer.AckWait/3 {
			alive = time.Now()
			r.keepAlive()
		}
		sleep(r.b.ctx, 10*time.Millisecond)
	}
	if r.b.nc.IsConnected() {
		r.unpin(cons)
	}
}

func (r *partitionReader) holds() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.held != nil
}

// unpin saves the next owner from waiting for PinTTL, if we are still the one
// who is pinned.
func (r *partitionReader) unpin(cons jetstream.Consumer) {
	r.mu.Lock()
	pin := r.pin
	r.pin = ""
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.b.ctx), time.Second)
	defer cancel()
	info, err := cons.Info(ctx)
	if err == nil {
		for _, g := range info.PriorityGroups {
			if g.PinnedClientID == "" || g.PinnedClientID != pin {
				return
			}
		}
		var s jetstream.Stream
		if s, err = r.b.js.Stream(ctx, StreamEvents); err == nil {
			err = s.UnpinConsumer(ctx, r.name, pinGroup)
		}
	}
	if err != nil {
		r.b.log.Debug("nats: unpin", "partition", r.p, "err", err)
	}
}
