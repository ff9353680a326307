package matcher

import (
	"context"
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

// Source delivers enriched batches, partition by partition.
type Source interface {
	// Partitions is how many there are.
	Partitions() uint32
	// Receive waits for the next batch of a partition that this matcher owns.
	// One batch of a partition is under way at a time: the next one comes
	// after the last is acknowledged. A First one without a host and events
	// says that nothing waits in a partition that came here. It returns the
	// context's error when that ends.
	Receive(ctx context.Context, partition uint32) (msg.Delivery[*msg.Batch], error)
	// History calls f for the batches of a partition that were stored since
	// then, before the one received last, oldest first. An error of f ends it
	// and is returned.
	History(ctx context.Context, partition uint32, since time.Time, f func(*msg.Batch) error) error
	// Found lists the ids of the detections of these rules that were stored
	// since then, in any partition.
	Found(ctx context.Context, since time.Time, rules []string) (map[string]bool, error)
}

// Keeper is implemented by a [Source] whose partitions come and go.
type Keeper interface {
	// Owned lists the partitions that are this matcher's at the moment.
	Owned() []uint32
}

// Publisher stores detections. The same id stored twice is stored once.
type Publisher interface {
	// Publish calls done once, from any goroutine, when the detection is
	// stored or has failed for good. It blocks while too much is under way;
	// its error means that done will not be called.
	Publish(ctx context.Context, d *msg.Detection, done func(error)) error
}

// Demander tells the sensors what the loaded rules need.
type Demander interface {
	// Announce replaces what this matcher asked for before and keeps asking
	// for it while the matcher lives.
	Announce(ctx context.Context, d msg.Demand) error
}
