package notifier

import (
	"context"

	"github.com/tripline/tripline/pkg/msg"
)

// Sink delivers detections to one place.
type Sink interface {
	// Deliver hands one detection over and returns when the other side has
	// it, or with an error that says by [Retryable] whether to try again. It
	// honours the context. No error holds a secret.
	Deliver(ctx context.Context, d *msg.Detection) error
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
	// Receive waits for the next detection for the named sink. Each sink has
	// its own position, which survives restarts.
	Receive(ctx context.Context, sink string) (msg.Delivery[*msg.Detection], error)
}

// DeadLetters keeps what could not be delivered.
type DeadLetters interface {
	Bury(ctx context.Context, d msg.DeadLetter) error
}
