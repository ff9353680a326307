package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tripline/tripline/pkg/msg"
)

// deadFetch is how many dead letters are read at a time.
const deadFetch = 256

// Dead is a dead letter with its place in the stream.
type Dead struct {
	Seq uint64 `json:"seq"`
	msg.DeadLetter
}

// ErrNoSuchLetter is matched when there is no dead letter of a number.
var ErrNoSuchLetter = errors.New("there is no dead letter of this number")

// DeadLetters calls f for the dead letters there are now, of one sink or, with
// "", of all, oldest first. An error of f ends it and is returned.
func (b *Bus) DeadLetters(ctx context.Context, sink string, f func(Dead) error) error {
	r, err := b.deadReader(ctx, sink)
	if err != nil {
		return err
	}
	defer r.close()
	for {
		some, err := r.next(ctx, deadFetch)
		if err != nil || len(some) == 0 {
			return err
		}
		for _, d := range some {
			if err := f(d); err != nil {
				return err
			}
		}
	}
}

// DeadLetter reads one.
func (b *Bus) DeadLetter(ctx context.Context, seq uint64) (Dead, error) {
	s, err := b.js.Stream(ctx, StreamDead)
	if err != nil {
		return Dead{}, fmt.Errorf("nats: stream %s: %w", StreamDead, err)
	}
	m, err := s.GetMsg(ctx, seq)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return Dead{}, fmt.Errorf("%d: %w", seq, ErrNoSuchLetter)
	case err != nil:
		return Dead{}, fmt.Errorf("nats: dead letter %d: %w", seq, err)
	}
	d := Dead{Seq: seq}
	if err := json.Unmarshal(m.Data, &d.DeadLetter); err != nil {
		return d, fmt.Errorf("dead letter %d: %w", seq, err)
	}
	return d, nil
}

// ForgetDead removes a dead letter for good.
func (b *Bus) ForgetDead(ctx context.Context, seq uint64) error {
	s, err := b.js.Stream(ctx, StreamDead)
	if err != nil {
		return fmt.Errorf("nats: stream %s: %w", StreamDead, err)
	}
	if err := s.DeleteMsg(ctx, seq); err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
		return fmt.Errorf("nats: dead letter %d: %w", seq, err)
	}
	return nil
}

// deadReader reads the letters that were there when it was made.
type deadReader struct {
	b    *Bus
	cons jetstream.Consumer // nil when there are none
	upTo uint64
	end  bool
}

func (b *Bus) deadReader(ctx context.Context, sink string) (*deadReader, error) {
	s, err := b.js.Stream(ctx, StreamDead)
	if err != nil {
		return nil, fmt.Errorf("nats: stream %s: %w", StreamDead, err)
	}
	r := &deadReader{b: b, upTo: s.CachedInfo().State.LastSeq}
	if s.CachedInfo().State.Msgs == 0 {
		r.end = true
		return r, nil
	}
	filter := msg.SubjectDead + ".*"
	if sink != "" {
		filter = msg.DeadSubject(sink)
	}
	r.cons, err = b.js.CreateConsumer(ctx, StreamDead, jetstream.ConsumerConfig{
		FilterSubject: filter, DeliverPolicy: jetstream.DeliverAllPolicy, AckPolicy: jetstream.AckNonePolicy,
		InactiveThreshold: historyIdle, MemoryStorage: true,
	})
	if err != nil {
		return nil, fmt.Errorf("nats: reading dead letters: %w", err)
	}
	return r, nil
}

// next returns at most max letters, none at the end.
func (r *deadReader) next(ctx context.Context, max int) (out []Dead, err error) {
	if r.end {
		return nil, nil
	}
	got, err := r.cons.FetchNoWait(max)
	if err != nil {
		return nil, fmt.Errorf("nats: reading dead letters: %w", err)
	}
	n := 0
	for m := range got.Messages() {
		n++
		meta, err := m.Metadata()
		if err != nil {
			return nil, fmt.Errorf("nats: reading dead letters: %w", err)
		}
		if meta.Sequence.Stream > r.upTo {
			r.end = true
			break
		}
		d := Dead{Seq: meta.Sequence.Stream}
		if err := json.Unmarshal(m.Data(), &d.DeadLetter); err != nil {
			r.b.log.Error("a dead letter cannot be read and is left where it is", "seq", d.Seq, "err", err)
			continue
		}
		out = append(out, d)
	}
	if err := got.Error(); err != nil {
		return nil, fmt.Errorf("nats: reading dead letters: %w", err)
	}
	if n == 0 {
		r.end = true
	}
	if len(out) == 0 && !r.end {
		return r.next(ctx, max)
	}
	return out, ctx.Err()
}

func (r *deadReader) close() {
	if r.cons == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), apiTimeout)
	defer cancel()
	// It goes by itself in a minute.
	if err := r.b.js.DeleteConsumer(ctx, StreamDead, r.cons.CachedInfo().Name); err != nil {
		r.b.log.Debug("nats: delete consumer", "err", err)
	}
}

// DeadSource delivers the dead letters of one sink that are there when it is
// made, for them to be sent again. A letter is removed when its detection is
// acknowledged, unless it was buried again meanwhile.
type DeadSource struct {
	b    *Bus
	r    *deadReader
	want func(Dead) bool

	mu        sync.Mutex
	kept      map[string]string // why, by detection
	out       int               // handed out and not answered for
	exhausted bool
	sent      int
	failed    error // of removing

	ended chan struct{} // closed when everything was handed out
	done  chan struct{} // closed when all of it was answered for
	once  sync.Once
}

// DeadSource reads the letters of a sink for which want, which may be nil,
// says yes. It is to be closed.
func (b *Bus) DeadSource(ctx context.Context, sink string, want func(Dead) bool) (*DeadSource, error) {
	r, err := b.deadReader(ctx, sink)
	if err != nil {
		return nil, err
	}
	if want == nil {
		want = func(Dead) bool { return true }
	}
	return &DeadSource{b: b, r: r, want: want, kept: map[string]string{}, ended: make(chan struct{}), done: make(chan struct{})}, nil
}

// Receive returns the next letters' detections; at the end it waits for the
// context to end.
func (s *DeadSource) Receive(ctx context.Context, _ string, max int) ([]msg.Delivery[*msg.Stored], error) {
	for {
		letters, err := s.r.next(ctx, max)
		if err != nil {
			return nil, err
		}
		if len(letters) == 0 {
			s.mu.Lock()
			if !s.exhausted {
				s.exhausted = true
				close(s.ended)
			}
			s.finish()
			s.mu.Unlock()
			<-ctx.Done()
			return nil, ctx.Err()
		}
		var out []msg.Delivery[*msg.Stored]
		for _, d := range letters {
			if d.Detection == nil || !s.want(d) {
				continue
			}
			out = append(out, msg.Delivery[*msg.Stored]{Value: msg.StoredOf(d.Detection), Attempt: 1, Ack: func(err error) { s.answer(d, err) }})
		}
		if len(out) > 0 {
			s.mu.Lock()
			s.out += len(out)
			s.mu.Unlock()
			return out, nil
		}
	}
}

// answer removes what was delivered.
func (s *DeadSource) answer(d Dead, err error) {
	s.mu.Lock()
	_, kept := s.kept[d.Detection.ID]
	s.mu.Unlock()
	if err == nil && !kept {
		ctx, cancel := context.WithTimeout(context.Background(), apiTimeout)
		err = s.b.ForgetDead(ctx, d.Seq)
		cancel()
		s.mu.Lock()
		s.sent++
		if err != nil && s.failed == nil {
			s.failed = fmt.Errorf("delivered, but still among the dead letters: %w", err)
		}
		s.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out--
	s.finish()
}

func (s *DeadSource) finish() {
	if s.exhausted && s.out == 0 {
		s.once.Do(func() { close(s.done) })
	}
}

// Bury keeps a letter where it is.
func (s *DeadSource) Bury(_ context.Context, d msg.DeadLetter) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept[d.Detection.ID] = d.Reason + ": " + d.Error
	return nil
}

// Ended is closed when everything was handed out, Done when all of it was
// answered for.
func (s *DeadSource) Ended() <-chan struct{} { return s.ended }

// Done is closed when all that was handed out was answered for.
func (s *DeadSource) Done() <-chan struct{} { return s.done }

// Result says how many were sent, and of the others why not, by detection. The
// error is about letters that were sent and could not be removed.
func (s *DeadSource) Result() (sent int, kept map[string]string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent, s.kept, s.failed
}

// Close ends it.
func (s *DeadSource) Close() { s.r.close() }

// Publish sends a message of one's own to a subject, outside the streams that
// the stages use, and returns when a stream there has it or, if no stream
// listens, when the server has it. ID lets a stream tell a repetition.
func (b *Bus) Publish(ctx context.Context, subject, id string, data []byte, stored bool) error {
	m := message(subject, id, data)
	if stored {
		_, err := b.js.PublishMsg(ctx, m)
		return err
	}
	if err := b.nc.PublishMsg(m); err != nil {
		return err
	}
	if _, ok := ctx.Deadline(); !ok {
		limited, cancel := context.WithTimeout(ctx, apiTimeout)
		defer cancel()
		ctx = limited
	}
	return b.nc.FlushWithContext(ctx)
}
