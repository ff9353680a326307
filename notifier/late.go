package notifier

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tripline/tripline/notifier/policy"
	"github.com/tripline/tripline/pkg/msg"
)

// Amendments tells what became known of containers after events of theirs had
// gone on with less.
type Amendments interface {
	// WatchAmendments calls f with every amendment, from one goroutine, until
	// the context ends.
	WatchAmendments(ctx context.Context, f func(msg.AmendmentJSON)) error
}

const (
	// lateMax bounds the containers of which late knowledge is remembered.
	lateMax = 4096
	// lateRetry is how long to wait when it cannot be listened to.
	lateRetry = 10 * time.Second
)

// late is what became known of containers late. Detections that wait, in the
// queue, for a roll-up or for another try, are completed from it before they
// are told.
type late struct {
	// news counts what came; while it is 0 there is nothing to look up.
	news atomic.Uint64

	mu    sync.Mutex
	m     map[lateKey]*msg.ContainerJSON
	order []lateKey // oldest first
}

type lateKey struct{ host, container string }

func newLate() *late { return &late{m: map[lateKey]*msg.ContainerJSON{}} }

// learn takes an amendment.
func (l *late) learn(a msg.AmendmentJSON) {
	if a.Container == nil || a.Container.ID == "" {
		return
	}
	k := lateKey{a.Host, a.Container.ID}
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.m[k]
	if old != nil && !a.Container.More(old) {
		return
	}
	if old == nil {
		if len(l.order) >= lateMax {
			delete(l.m, l.order[0])
			l.order = l.order[1:]
		}
		l.order = append(l.order, k)
	}
	l.m[k] = a.Container
	l.news.Add(1)
}

// of is what became known of a container, nil if nothing did.
func (l *late) of(host, id string) *msg.ContainerJSON {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.m[lateKey{host, id}]
}

// complete gives items, and what they stand for, what is known by now, and
// returns how many it changed.
func (l *late) complete(items []*policy.Item) (changed int) {
	if l.news.Load() == 0 {
		return 0
	}
	for _, i := range items {
		if s := i.Amend(l.of); s != i.Stored {
			i.Stored = s
			changed++
		}
		l.complete(i.Parts)
	}
	return changed
}

// Follow completes detections that are not told yet by what becomes known of
// their containers. Call it before [Notifier.Run].
func (n *Notifier) Follow(a Amendments) { n.amendments = a }

// follow listens until the context ends. It is no reason for the notifier to
// end that it cannot.
func (n *Notifier) follow(ctx context.Context) {
	for {
		err := n.amendments.WatchAmendments(ctx, n.late.learn)
		if ctx.Err() != nil {
			return
		}
		n.log.Warn("what becomes known of containers late cannot be heard, trying again", "error", err, "in", lateRetry)
		if !sleep(ctx, lateRetry) {
			return
		}
	}
}
