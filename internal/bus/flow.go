package bus

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tripline/tripline/pkg/msg"
)

const (
	// flowTell is how often a reader says how far it is, when it has come
	// further, and flowAlive when it has not.
	flowTell  = 50 * time.Millisecond
	flowAlive = time.Second
	// flowSilence is after how long without a word there is no reader to wait
	// for: then the bounds of the stream decide what is kept.
	flowSilence = 10 * time.Second
	// flowShare of a stream may lie between one publisher and its readers. The
	// rest is for other hosts, and for reading back.
	flowShare = 4
)

// flow keeps a publisher from running so far ahead of its readers that the
// stream would discard what they have not had: a stream discards the oldest,
// whatever it is, and the publisher's caller knows what is needed least.
//
// Readers say how far they are on a subject of their own, which nothing keeps.
type flow struct {
	limit  int
	waited prometheus.Counter // seconds

	mu    sync.Mutex
	where *string                  // JetStream domain of the stream; nil before anything is stored
	sent  map[uint32][]sentMessage // by partition, in the order of the stream
	bytes int
	heard time.Time
	moved chan struct{} // closed, and replaced, when there may be room
}

// sentMessage is stored and not answered.
type sentMessage struct {
	seq   uint64
	bytes int
}

// rawFlow is where the enricher of a host says how far it is, eventsFlow where
// whoever has a partition does.
func rawFlow(host string) string { return msg.SubjectFlow + ".raw." + msg.Token(host) }

func eventsFlow(partition string) string { return msg.SubjectFlow + ".events." + partition }

// flow makes the flow of a publisher to a stream that listens on a subject;
// partition finds in that which partition is spoken of.
func (b *Bus) flow(stream, subject string, partition func(subject string) (uint32, bool)) (*flow, error) {
	f := &flow{
		limit:  int(b.roomOf(stream) / flowShare),
		waited: b.metrics.waited.WithLabelValues(stream),
		sent:   make(map[uint32][]sentMessage),
		moved:  make(chan struct{}),
	}
	_, err := b.nc.Subscribe(subject, func(m *nats.Msg) {
		p, ok := partition(m.Subject)
		n, domain, _ := strings.Cut(string(m.Data), " ")
		seq, err := strconv.ParseUint(n, 10, 64)
		if ok && err == nil {
			f.answered(p, seq, domain)
		}
	})
	return f, err
}

// roomOf is how many bytes a stream may hold.
func (b *Bus) roomOf(stream string) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n := b.room[stream]; n > 0 {
		return n
	}
	return DefaultStreamsConfig().Events.MaxBytes
}

// wait blocks while too much is on its way to readers that live.
func (f *flow) wait(ctx, closed context.Context) error {
	began := time.Now()
	for waits := 0; ; waits++ {
		f.mu.Lock()
		free, moved := f.bytes < f.limit || f.silent(), f.moved
		f.mu.Unlock()
		if free {
			if waits > 0 {
				f.waited.Add(time.Since(began).Seconds())
			}
			return nil
		}
		select {
		case <-moved:
		case <-time.After(flowAlive):
		case <-ctx.Done():
			return ctx.Err()
		case <-closed.Done():
			return ErrClosed
		}
	}
}

func (f *flow) silent() bool { return time.Since(f.heard) > flowSilence }

// stored notes a message of a partition that is in the stream now.
func (f *flow) stored(partition uint32, ack *jetstream.PubAck, bytes int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	seq := ack.Sequence
	if f.where == nil || *f.where != ack.Domain {
		f.where = &ack.Domain
		f.forget()
	}
	if f.silent() {
		f.forget()
		return
	}
	list := f.sent[partition]
	if n := len(list); n > 0 && seq <= list[n-1].seq {
		// The stream was made anew and counts from 1.
		f.forget()
		list = nil
	}
	f.sent[partition] = append(list, sentMessage{seq, bytes})
	f.bytes += bytes
}

// answered notes that everything of a partition up to seq was dealt with. What
// a server says that fetches this stream's messages into one of its own, of
// another domain and with other numbers, is not about this one.
func (f *flow) answered(partition uint32, seq uint64, domain string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.where == nil || *f.where != domain {
		return
	}
	f.heard = time.Now()
	list := f.sent[partition]
	n := 0
	for n < len(list) && list[n].seq <= seq {
		f.bytes -= list[n].bytes
		n++
	}
	if n > 0 {
		f.sent[partition] = slices.Delete(list, 0, n)
		close(f.moved)
		f.moved = make(chan struct{})
	}
}

func (f *flow) forget() {
	clear(f.sent)
	f.bytes = 0
	close(f.moved)
	f.moved = make(chan struct{})
}

// teller says how far a reader is.
type teller struct {
	b       *Bus
	subject string
	last    uint64
	told    time.Time
}

// tell is to be called every flowTell, with the domain of the stream.
func (t *teller) tell(seq uint64, domain string) {
	if now := time.Now(); seq != t.last || now.Sub(t.told) >= flowAlive {
		t.last, t.told = seq, now
		text := strconv.FormatUint(seq, 10)
		if domain != "" {
			text += " " + domain
		}
		if err := t.b.nc.Publish(t.subject, []byte(text)); err != nil {
			t.b.log.Debug("nats: how far this reader is was not said", "subject", t.subject, "err", err)
		}
	}
}

// tell says how far the enricher is.
func (c *RawConsumer) tell() {
	t := teller{b: c.b, subject: c.flow}
	for sleep(c.b.ctx, flowTell) {
		select {
		case <-c.ended:
			return
		default:
		}
		c.mu.Lock()
		floor, domain := c.floor, c.domain
		c.mu.Unlock()
		t.tell(floor, domain)
	}
}

// tell says how far this matcher is in its partitions.
func (c *PartitionConsumer) tell() {
	tellers := make([]teller, len(c.readers))
	for i, r := range c.readers {
		tellers[i] = teller{b: c.b, subject: eventsFlow(strconv.FormatUint(uint64(r.p), 10))}
	}
	for sleep(c.b.ctx, flowTell) {
		for i, r := range c.readers {
			r.mu.Lock()
			mine, answered, domain := r.mine, r.answered, r.domain
			r.mu.Unlock()
			if mine {
				tellers[i].tell(answered, domain)
			}
		}
	}
}
