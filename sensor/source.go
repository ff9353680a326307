package sensor

import (
	"context"

	"github.com/tripline/tripline/pkg/msg"
)

// Source makes events.
type Source interface {
	// Run makes batches until the context ends or there are no more, and then
	// returns nil. It calls emit from one goroutine, in the order in which
	// things happened, and hands the batch over: it does not touch it again.
	// Emit does not block, but for [Patient] sources. The stage fills in host, boot id and sequence
	// numbers; the source everything else.
	Run(ctx context.Context, emit func(*msg.Batch)) error
	// Want sets the events that anybody needs, by name, in place of those of
	// the last call; events that cannot be had are returned with the reason.
	// Lifecycle events are on whether named or not. It is safe to call at any
	// time, also before Run.
	Want(events []msg.EventDemand) (missing map[string]string)
	// Enabled lists the names of the events that are let through now.
	Enabled() []string
	// Drops counts what the source itself has lost so far, by catalogue id
	// and cause.
	Drops() []*msg.Drop
}

// Patient is implemented by a [Source] that can wait, such as a recording: its
// emit blocks while the queue is full, so that nothing is dropped there.
type Patient interface {
	Source
	// Patient says whether it wants to wait.
	Patient() bool
}

// Guarded is implemented by a [Source] that looks after what is its own.
type Guarded interface {
	Source
	// Tampered lists what it found changed by others, in the order in which it
	// found it; the list only grows.
	Tampered() []string
}

// Publisher stores batches.
type Publisher interface {
	// Publish takes the batch over and calls done once, from any goroutine,
	// when it is stored or has failed for good. It blocks while too much is
	// under way; its error means that done will not be called.
	Publish(ctx context.Context, b *msg.Batch, done func(error)) error
}

// Demands is who needs what.
type Demands interface {
	// Watch calls changed with all current demands, at once and after every
	// change, until the context ends.
	Watch(ctx context.Context, changed func([]msg.Demand)) error
}
