package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tripline/tripline/pkg/msg"
)

const (
	historyFetch = 64
	historyIdle  = time.Minute
	foundIdle    = 10 * time.Second
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
	if window <= 0 {
		return nil
	}
	return c.b.history(ctx, StreamRaw, c.subject, time.Now().Add(-window), c.floor0, f)
}

// History calls f for the batches of a partition that were stored since then
// and before the one that was received last, oldest first. An error of f ends
// it and is returned.
func (c *PartitionConsumer) History(ctx context.Context, partition uint32, since time.Time, f func(*msg.Batch) error) error {
	r := c.readers[partition]
	r.mu.Lock()
	upTo := r.newest - min(r.newest, 1)
	r.mu.Unlock()
	return c.b.history(ctx, StreamEvents, r.subject, since, upTo, f)
}

// Found lists the ids of the detections of these rules that were stored since
// then.
func (c *PartitionConsumer) Found(ctx context.Context, since time.Time, rules []string) (map[string]bool, error) {
	ids := make(map[string]bool)
	if len(rules) == 0 {
		return ids, nil
	}
	var subjects []string
	for _, rule := range rules {
		subjects = append(subjects, msg.SubjectDetections+".*.*."+msg.Token(rule))
	}
	slices.Sort(subjects)
	err := c.b.readBack(ctx, StreamDetections, jetstream.ConsumerConfig{
		FilterSubjects: slices.Compact(subjects),
		OptStartTime:   &since,
		HeadersOnly:    true,
		// It is not ours to delete: this stream's consumers are the sinks'.
		InactiveThreshold: foundIdle,
	}, func(m jetstream.Msg, _ *jetstream.MsgMetadata) (more bool, err error) {
		ids[m.Headers().Get(jetstream.MsgIDHeader)] = true
		return true, nil
	})
	if err != nil {
		return nil, fmt.Errorf("nats: reading back %s: %w", msg.SubjectDetections, err)
	}
	return ids, nil
}

// history reads a subject back from a time up to a stream sequence.
func (b *Bus) history(ctx context.Context, stream, subject string, since time.Time, upTo uint64, f func(*msg.Batch) error) error {
	if upTo == 0 {
		return nil
	}
	err := b.readBack(ctx, stream, jetstream.ConsumerConfig{
		FilterSubject: subject,
		OptStartTime:  &since,
	}, func(m jetstream.Msg, meta *jetstream.MsgMetadata) (more bool, err error) {
		if meta.Sequence.Stream > upTo {
			return false, nil
		}
		batch := new(msg.Batch)
		if err := msg.Unmarshal(m.Data(), batch); err != nil {
			b.metrics.malformed.WithLabelValues(stream).Inc()
			return true, nil
		}
		return meta.Sequence.Stream < upTo, f(batch)
	})
	if err != nil {
		return fmt.Errorf("nats: reading back %s: %w", subject, err)
	}
	return nil
}

// readBack calls f for what the configuration chooses from OptStartTime on,
// until f wants no more or nothing is left. A gap in what arrives is an error.
func (b *Bus) readBack(ctx context.Context, stream string, cfg jetstream.ConsumerConfig, f func(jetstream.Msg, *jetstream.MsgMetadata) (more bool, err error)) error {
	cfg.DeliverPolicy = jetstream.DeliverByStartTimePolicy
	cfg.AckPolicy = jetstream.AckNonePolicy
	cfg.MemoryStorage = true
	remove := cfg.InactiveThreshold == 0
	if remove {
		cfg.InactiveThreshold = historyIdle
	}
	cons, err := b.js.CreateConsumer(ctx, stream, cfg)
	if err != nil {
		return err
	}
	defer func() {
		if !remove {
			return
		}
		// It goes by itself in a minute; the context may have ended.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if err := b.js.DeleteConsumer(ctx, stream, cons.CachedInfo().Name); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			b.log.Debug("nats: delete consumer", "err", err)
		}
	}()
	if cons.CachedInfo().NumPending == 0 {
		return nil
	}
	for n := uint64(1); ; {
		got, err := cons.FetchNoWait(historyFetch)
		if err != nil {
			return err
		}
		before := n
		for m := range got.Messages() {
			meta, err := m.Metadata()
			if err != nil {
				return err
			}
			if meta.Sequence.Consumer != n {
				return fmt.Errorf("message %d of those read back is missing", n)
			}
			n++
			more, err := f(m, meta)
			if err != nil || !more || meta.NumPending == 0 {
				return err
			}
		}
		switch {
		case got.Error() != nil:
			return got.Error()
		case ctx.Err() != nil:
			return ctx.Err()
		case n == before:
			return errors.New("nothing more arrives of what is to be read back")
		}
	}
}
