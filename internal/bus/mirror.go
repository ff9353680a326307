package bus

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/tripline/tripline/pkg/msg"
)

// Mirror shows live events to people: one readable JSON message per event, on
// tripline.tail.raw.<host>.<event> or tripline.tail.events.<host>.<event>, and
// only while somebody subscribes to that subject. It never delays a stage: it
// has a connection and a goroutine of its own, and drops what does not fit
// into its queue.
type Mirror struct {
	b       *Bus
	root    string
	nc      *nats.Conn
	queue   chan *msg.Batch
	inbox   string // where traces come back; "" with the embedded server
	shown   atomic.Uint64
	dropped atomic.Uint64

	mu        sync.Mutex
	topics    map[topicKey]*topic
	bySubject map[string]*topic
}

// typesSeen is how many event types [Mirror.Show] can tell it has looked at;
// others are looked at each time.
const typesSeen = 1024

type topicKey struct {
	host  string
	event uint32
}

// Mirror makes the mirror of one stage; root is [msg.SubjectTailRaw] or
// [msg.SubjectTailEvents].
func (b *Bus) Mirror(ctx context.Context, root string) (*Mirror, error) {
	nc, err := b.dial(ctx, b.cfg.Name+" mirror")
	if err != nil {
		return nil, err
	}
	m := &Mirror{
		b: b, root: root, nc: nc,
		queue:     make(chan *msg.Batch, b.cfg.MirrorQueue),
		topics:    make(map[topicKey]*topic),
		bySubject: make(map[string]*topic),
	}
	if b.cfg.Server == nil {
		m.inbox = nc.NewInbox()
		if _, err := nc.Subscribe(m.inbox, m.traced); err != nil {
			nc.Close()
			return nil, fmt.Errorf("nats: mirror: %w", err)
		}
	}
	b.spawn(m.run)
	return m, nil
}

// Show mirrors the events of a batch that is read-only from now on. It does
// not block, and costs next to nothing while nobody listens.
func (m *Mirror) Show(b *msg.Batch) {
	if !m.wanted(b) {
		return
	}
	select {
	case m.queue <- b:
	default:
		m.drop(len(b.Events))
	}
}

// Dropped counts the events that were left out because the mirror was too
// slow.
func (m *Mirror) Dropped() uint64 { return m.dropped.Load() }

// Shown counts the events that were shown.
func (m *Mirror) Shown() uint64 { return m.shown.Load() }

func (m *Mirror) drop(events int) {
	m.dropped.Add(uint64(events))
	m.b.metrics.mirrorDropped.Add(float64(events))
}

// wanted says whether somebody listens to any event of the batch.
func (m *Mirror) wanted(b *msg.Batch) bool {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	wanted := false
	var seen [typesSeen / 64]uint64
	for i, e := range b.Events {
		if e.Type < typesSeen {
			bit := uint64(1) << (e.Type % 64)
			if seen[e.Type/64]&bit != 0 {
				continue
			}
			seen[e.Type/64] |= bit
		}
		// All types are looked at, so that each is asked about.
		wanted = m.topic(b, i, now).listened || wanted
	}
	return wanted
}

func (m *Mirror) run() {
	defer m.nc.Close()
	for {
		select {
		case b := <-m.queue:
			m.show(b)
		case <-m.b.ctx.Done():
			return
		}
	}
}

func (m *Mirror) show(b *msg.Batch) {
	now := time.Now()
	for i := range b.Events {
		m.mu.Lock()
		t := m.topic(b, i, now)
		listened := t.listened
		m.mu.Unlock()
		if !listened {
			continue
		}
		line, err := b.Record(i).JSON().MarshalJSONLine()
		if err == nil {
			err = m.nc.Publish(t.subject, line)
		}
		if err != nil {
			m.drop(1)
			continue
		}
		m.shown.Add(1)
		m.b.metrics.mirrorShown.Inc()
	}
}
