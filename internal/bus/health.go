package bus

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/tripline/tripline/pkg/msg"
)

// PublishHeartbeat tells whoever listens that an instance of a stage lives.
// Nothing is kept; while NATS is away it is an error and of no consequence.
func (b *Bus) PublishHeartbeat(_ context.Context, h msg.Heartbeat) error {
	data, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("heartbeat of %s: %w", h.Stage, err)
	}
	return b.nc.Publish(msg.HealthSubject(h.Stage, h.Instance), data)
}

// WatchHeartbeats calls f with every heartbeat, from one goroutine, until the
// context ends, which is no error.
func (b *Bus) WatchHeartbeats(ctx context.Context, f func(msg.Heartbeat)) error {
	return b.listen(ctx, msg.SubjectHealth+".>", func(m *nats.Msg) {
		var h msg.Heartbeat
		if err := json.Unmarshal(m.Data, &h); err != nil {
			b.log.Debug("a heartbeat cannot be read", "subject", m.Subject, "err", err)
			return
		}
		f(h)
	})
}

// Tail calls f with every message on the subject, which may have wildcards,
// from one goroutine, until the context ends, which is no error. It is for
// live subjects; what arrives faster than f takes it is dropped and counted
// by the return value.
func (b *Bus) Tail(ctx context.Context, subject string, f func(subject string, data []byte)) (dropped uint64, err error) {
	nc, err := b.dial(ctx, b.cfg.Name+" tail")
	if err != nil {
		return 0, err
	}
	defer nc.Close()
	messages := make(chan *nats.Msg, 8192)
	sub, err := nc.ChanSubscribe(subject, messages)
	if err != nil {
		return 0, fmt.Errorf("nats: %s: %w", subject, err)
	}
	for {
		select {
		case m := <-messages:
			f(m.Subject, m.Data)
		case <-ctx.Done():
			n, err := sub.Dropped()
			return uint64(max(n, 0)), err
		case <-b.ctx.Done():
			return 0, ErrClosed
		}
	}
}

// listen subscribes on the data connection.
func (b *Bus) listen(ctx context.Context, subject string, f func(*nats.Msg)) error {
	messages := make(chan *nats.Msg, 1024)
	sub, err := b.nc.ChanSubscribe(subject, messages)
	if err != nil {
		return fmt.Errorf("nats: %s: %w", subject, err)
	}
	defer func() {
		if err := sub.Unsubscribe(); err != nil {
			b.log.Debug("nats: unsubscribe", "subject", subject, "err", err)
		}
	}()
	for {
		select {
		case m := <-messages:
			f(m)
		case <-ctx.Done():
			return nil
		case <-b.ctx.Done():
			return nil
		}
	}
}
