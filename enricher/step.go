package enricher

import (
	"context"
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

// Source delivers the raw batches of one host, in order.
type Source interface {
	// Receive waits for the next batch. It returns the context's error when
	// that ends.
	Receive(ctx context.Context) (msg.Delivery[*msg.Batch], error)
	// History calls f for the batches of the last window that were
	// acknowledged before, oldest first.
	History(ctx context.Context, window time.Duration, f func(*msg.Batch) error) error
}

// Publisher stores enriched batches; see sensor.Publisher for the promise.
type Publisher interface {
	Publish(ctx context.Context, b *msg.Batch, done func(error)) error
}

// Step adds one kind of knowledge to a batch. Steps run in a fixed order, one
// batch at a time, from one goroutine.
type Step interface {
	// Name is used in logs and metrics.
	Name() string
	// Enrich completes the tables of the batch in place. Replayed is true for
	// batches of the past that only rebuild what the step remembers: nothing
	// is published for them, so nothing expensive should be done either.
	// Whatever the step keeps of the batch it clones: see [msg.Unmarshal].
	//
	// Containers that a step puts into a batch are shared among batches: they
	// are replaced, never changed.
	Enrich(ctx context.Context, b *msg.Batch, replayed bool)
}

// Starter is implemented by steps that look around on the host once, after the
// past was replayed and before the first batch of the present.
type Starter interface {
	Start(ctx context.Context) error
}

// Background is implemented by steps with something to run beside the batches
// (a watch on a runtime's events, a cache to expire).
type Background interface {
	Run(ctx context.Context) error
}

// Waiter is implemented by a step whose knowledge of some events may still be
// on its way.
type Waiter interface {
	// Pending says whether knowledge about this process's container is still
	// expected. The stage then holds back the events of that container, in
	// order, until it says no or the limits of its configuration are reached.
	Pending(p *msg.Process) bool
	// Late completes the process's container of a batch that was held.
	Late(b *msg.Batch)
}

// Reporter is implemented by steps that have something to say in the stage's
// heartbeat. It is called from any goroutine.
type Reporter interface {
	Health() (counters map[string]uint64, detail map[string]any)
}
