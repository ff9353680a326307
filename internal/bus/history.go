package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tripline/tripline/pkg/msg"
)

const (
	historyFetch = 64
	historyIdle  = time.Minute
)

// History calls f for the batches of the last window that were answered before
// this consumer was made, oldest first. They are not delivered by
// [RawConsumer.Receive] again. An error of f ends it and is returned.
func (c *RawConsumer) History(ctx context.Context, window time.Duration, f func(*msg.Batch) error) error {
	c.start.Do(func() { c.b.spawn(c.run) })
	select {
	case <-c.open:
	case <-ctx.Done():
		return ctx.Err()
	case <-c.ended:
		return c.err
	}
	return c.b.history(ctx, StreamRaw, c.subject, window, c.floor0, f)
}

// history reads a subject back from window ago up to a stream sequence.
func (b *Bus) history(ctx context.Context, stream, subject string, window time.Duration, upTo uint64, f func(*msg.Batch) error) error {
	if upTo == 0 || window <= 0 {
		return nil
	}
	since := time.Now().Add(-window)
	cons, err := b.js.CreateConsumer(ctx, stream, jetstream.ConsumerConfig{
		FilterSubject:     subject,
		DeliverPolicy:     jetstream.DeliverByStartTimePolicy,
		OptStartTime:      &since,
		AckPolicy:         jetstream.AckNonePolicy,
		InactiveThreshold: historyIdle,
		MemoryStorage:     true,
	})
	if err != nil {
		return fmt.Errorf("nats: reading back %s: %w", subject, err)
	}
	defer func() {
		// It goes by itself in a minute; the context may have ended.
		if err := b.js.DeleteConsumer(context.WithoutCancel(ctx), stream, cons.CachedInfo().Name); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			b.log.Debug("nats: delete consumer", "err", err)
		}
	}()
	for {
		got, err := cons.FetchNoWait(historyFetch)
		if err != nil {
			return fmt.Errorf("nats: reading back %s: %w", subject, err)
		}
		n := 0
		for m := range got.Messages() {
			n++
			meta, err := m.Metadata()
			if err != nil {
				return fmt.Errorf("nats: reading back %s: %w", subject, err)
			}
			if meta.Sequence.Stream > upTo {
				return nil
			}
			batch := new(msg.Batch)
			if err := msg.Unmarshal(m.Data(), batch); err != nil {
				b.metrics.malformed.WithLabelValues(stream).Inc()
				continue
			}
			if err := f(batch); err != nil {
				return err
			}
			if meta.NumPending == 0 {
				return nil
			}
		}
		if err := got.Error(); err != nil {
			return fmt.Errorf("nats: reading back %s: %w", subject, err)
		}
		if n == 0 {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}
