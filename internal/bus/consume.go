package bus

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// drainWait bounds the wait for what is still on its way from a server that may
// be gone.
const drainWait = 500 * time.Millisecond

// identity tells a stored message from every other, also from the one of the
// same number in a stream that was lost and made anew.
type identity struct {
	seq    uint64
	stored int64 // ns since the epoch, by the server's clock
}

func identify(meta *jetstream.MsgMetadata) identity {
	return identity{meta.Sequence.Stream, meta.Timestamp.UnixNano()}
}

// untilGone calls gone when a consumer did not survive a reconnection: the
// client would go on asking for it for a while. One that survived is left
// alone, with what is on its way.
func (b *Bus) untilGone(ctx context.Context, gone func(), cons jetstream.Consumer) {
	for {
		select {
		case <-b.rejoin():
		case <-ctx.Done():
			return
		}
		asked, cancel := context.WithTimeout(ctx, apiTimeout)
		_, err := cons.Info(asked)
		cancel()
		if errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrStreamNotFound) {
			gone()
			return
		}
	}
}

// pause is how long to wait before the next attempt: what the error itself
// asks for, or a time that doubles with the attempts.
func (b *Bus) pause(attempts uint64, err error) time.Duration {
	var asks interface{ RetryAfter() time.Duration }
	if errors.As(err, &asks) {
		if d := asks.RetryAfter(); d > 0 {
			return d
		}
	}
	d := b.cfg.Consumer.RetryMin
	for i := uint64(1); i < attempts && d < b.cfg.Consumer.RetryMax; i++ {
		d *= 2
	}
	return min(d, b.cfg.Consumer.RetryMax)
}
