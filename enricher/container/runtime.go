package container

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

// Runtime knows containers. See the folders below this one.
type Runtime interface {
	// Name is what [Ref.Runtime] says: docker, podman, containerd, crio.
	Name() string
	// Endpoint is where it is reached, for people.
	Endpoint() string
	// Inspect tells of one container, by its full id. Its error matches
	// [ErrNotFound] when the runtime has no such container, and [ErrAll] when
	// it comes with an answer that is partial and will not become better.
	Inspect(ctx context.Context, id string) (*msg.Container, error)
	// Watch calls connected when the connection stands, then changed for every
	// container that runs and for every change from then on, until the
	// connection is lost or the context ends.
	Watch(ctx context.Context, connected func(), changed func(Change)) error
}

// ErrNotFound says that a runtime has no such container.
var ErrNotFound = errors.New("no such container")

// ErrAll says that an answer, partial as it is, is all that can be told now.
var ErrAll = errors.New("no more can be told")

// Change is news of a container.
type Change struct {
	ID   string
	Kind ChangeKind
}

// ChangeKind is what happened to a container.
type ChangeKind uint8

const (
	// Appeared: it runs, or was created and is about to.
	Appeared ChangeKind = iota
	// Changed: what was known of it may no longer hold.
	Changed
	// Gone: it was removed.
	Gone
)

// maxTrouble is how many questions in a row may fail before a runtime is not
// waited for any more.
const maxTrouble = 3

// backend is a runtime with the questions that wait for it.
type backend struct {
	Runtime
	queue chan *entry
	// up says that the watch stands.
	up atomic.Bool
	// trouble counts failures since the last answer.
	trouble atomic.Int32
	found   atomic.Uint64
	missing atomic.Uint64
	failed  atomic.Uint64
}

// answers says whether the runtime is likely to answer soon.
func (b *backend) answers() bool {
	return b.trouble.Load() < maxTrouble && (b.up.Load() || b.trouble.Load() == 0)
}

// serve asks the runtime until the context ends.
func (b *backend) serve(ctx context.Context, s *Step) {
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-b.queue:
			asked, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
			c, err := b.Inspect(asked, e.id)
			cancel()
			if ctx.Err() != nil {
				return
			}
			switch {
			case err == nil, errors.Is(err, ErrAll):
				b.trouble.Store(0)
				b.found.Add(1)
			case errors.Is(err, ErrNotFound):
				b.trouble.Store(0)
				b.missing.Add(1)
			default:
				b.failed.Add(1)
				if b.trouble.Add(1) == maxTrouble {
					s.log.Warn("the container runtime does not answer; containers go on with what is known until it does",
						"runtime", b.Name(), "endpoint", b.Endpoint(), "error", err)
				}
			}
			s.answer(ctx, b, e, c, err)
		}
	}
}

// watch keeps a watch on the runtime until the context ends.
func (b *backend) watch(ctx context.Context, s *Step, log *slog.Logger) {
	const first, most = 250 * time.Millisecond, 5 * time.Second
	wait, told := first, false
	for ctx.Err() == nil {
		err := b.Watch(ctx, func() {
			b.up.Store(true)
			b.trouble.Store(0)
			wait, told = first, false
			log.Info("container runtime connected", "runtime", b.Name(), "endpoint", b.Endpoint())
		}, func(c Change) { s.changed(b, c) })
		if was := b.up.Swap(false); ctx.Err() == nil && (was || !told) {
			told = true
			level := slog.LevelWarn
			switch {
			case was:
			case errors.Is(err, fs.ErrNotExist):
				level = slog.LevelDebug // most hosts have one runtime of several
			default:
				level = slog.LevelInfo
			}
			log.Log(ctx, level, "container runtime not connected, trying again", "runtime", b.Name(), "endpoint", b.Endpoint(), "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, most)
	}
}
