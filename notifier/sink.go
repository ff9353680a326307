package notifier

import (
	"context"

	"github.com/tripline/tripline/pkg/msg"
)

// Sink delivers detections to one place.
type Sink interface {
	// Deliver hands one detection over and returns when the other side has
	// it, or with an error that says by [Retryable] whether to try again. It
	// honours the context. No error holds a secret. A detection with a
	// [msg.Group] is a roll-up and stands for several.
	Deliver(ctx context.Context, d *msg.Detection) error
}

// BatchSink is a sink that takes many detections at once.
type BatchSink interface {
	Sink
	// DeliverBatch hands detections over in their order, at least one of
	// them. It returns how many of the first ones the other side has; an error
	// is about the one after them, as that of Deliver. Without an error that is
	// at least one, and the others are handed over again.
	DeliverBatch(ctx context.Context, ds []*msg.Stored) (n int, err error)
}

// Recaller is implemented by a [Sink] that can read what it took in an earlier
// life. Of what was delivered just before a crash the stream may not have heard,
// so it comes again, and is recognised by this.
type Recaller interface {
	// Recall lists the ids of the detections taken last, at most n, oldest
	// first.
	Recall(n int) ([]string, error)
}

// Source delivers stored detections to one sink, in order.
type Source interface {
	// Receive waits for the next detections for the named sink and returns
	// those that are there, at most max. Each sink has its own position, which
	// survives restarts.
	Receive(ctx context.Context, sink string, max int) ([]msg.Delivery[*msg.Stored], error)
}

// DeadLetters keeps what could not be delivered.
type DeadLetters interface {
	Bury(ctx context.Context, d msg.DeadLetter) error
}
