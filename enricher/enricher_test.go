package enricher

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tripline/tripline/pkg/msg"
)

// slices as the two sides of the stage.
type fakeSource struct {
	past, present []*msg.Batch
	mu            sync.Mutex
	acks          []error // in order of present, errPending until answered
	idle          chan struct{}
	at            int
}

var errPending = errors.New("not answered")

func newFakeSource(present ...*msg.Batch) *fakeSource {
	s := &fakeSource{present: present, idle: make(chan struct{})}
	for range present {
		s.acks = append(s.acks, errPending)
	}
	return s
}

func (s *fakeSource) Receive(ctx context.Context) (msg.Delivery[*msg.Batch], error) {
	s.mu.Lock()
	i := s.at
	s.at++
	s.mu.Unlock()
	if i >= len(s.present) {
		if i == len(s.present) {
			close(s.idle)
		}
		<-ctx.Done()
		return msg.Delivery[*msg.Batch]{}, ctx.Err()
	}
	return msg.Delivery[*msg.Batch]{Value: s.present[i], Attempt: 1, Ack: func(err error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !errors.Is(s.acks[i], errPending) {
			panic("answered twice")
		}
		s.acks[i] = err
	}}, nil
}

func (s *fakeSource) History(_ context.Context, _ time.Duration, f func(*msg.Batch) error) error {
	for _, b := range s.past {
		if err := f(b); err != nil {
			return err
		}
	}
	return nil
}

func (s *fakeSource) ack(i int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.acks[i]
}

type fakePublisher struct {
	mu   sync.Mutex
	out  []*msg.Batch
	done []func(error)
	// keep leaves answers to the test.
	keep bool
	err  error
}

func (p *fakePublisher) Publish(_ context.Context, b *msg.Batch, done func(error)) error {
	p.mu.Lock()
	if p.err != nil {
		p.mu.Unlock()
		return p.err
	}
	p.out = append(p.out, b)
	if p.keep {
		p.done = append(p.done, done)
		p.mu.Unlock()
		return nil
	}
	p.mu.Unlock()
	done(nil)
	return nil
}

func (p *fakePublisher) batches() []*msg.Batch {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]*msg.Batch(nil), p.out...)
}

// eventually waits for a condition; it is not about how long that takes.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for range 2000 {
		if f() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("never happened: %s", what)
}

// start runs the stage until the test ends.
func start(t *testing.T, cfg Config, src Source, pub Publisher, steps ...Step) (*Enricher, func() error) {
	t.Helper()
	e, err := New(cfg, src, pub, steps, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- e.Run(ctx) }()
	var once sync.Once
	var end error
	stop := func() error {
		once.Do(func() {
			cancel()
			end = <-result
		})
		return end
	}
	t.Cleanup(func() { _ = stop() })
	return e, stop
}

const openat = 257

// raw makes a raw batch of one open a process, in the cgroups given.
func raw(first uint64, cgroups ...string) *msg.Batch {
	var b msg.Builder
	out := b.Batch()
	out.Host, out.BootId, out.Source = "host", "boot", "ebpf"
	out.FirstSeq, out.LastSeq = first, first+uint64(len(cgroups))-1
	for i, cg := range cgroups {
		p := b.Process(&msg.Process{Pid: int32(100 + i), StartTime: 1, Comm: "cat", Cgroup: cg})
		b.Event(&msg.Event{
			Seq: first + uint64(i), Time: int64(first) + int64(i), Type: openat, Process: p,
			Tid: int32(100 + i), Comm: uint32(b.String("cat")),
			Args: []int64{-100, b.String("/file/" + cg), 0, 0},
		})
	}
	return b.Take()
}

func TestPartsAreCompactAndAcknowledgedLast(t *testing.T) {
	src := newFakeSource(raw(1, "/a", "/b", "/a", "/c"))
	pub := &fakePublisher{keep: true}
	_, _ = start(t, DefaultConfig(), src, pub)
	<-src.idle
	eventually(t, "all events published", func() bool {
		n := 0
		for _, b := range pub.batches() {
			n += len(b.Events)
		}
		return n == 4
	})
	for _, b := range pub.batches() {
		frame, err := msg.Marshal(nil, b, msg.Plain)
		if err != nil {
			t.Fatal(err)
		}
		var back msg.Batch
		if err := msg.Unmarshal(frame, &back); err != nil {
			t.Fatalf("partition %d: %v", b.Partition, err)
		}
		if len(b.Processes) != len(b.Events) {
			t.Errorf("partition %d carries %d processes for %d events", b.Partition, len(b.Processes), len(b.Events))
		}
		for i := range back.Events {
			r := back.Record(i)
			path, ok := r.Arg("pathname")
			if !ok || path.Str() != "/file/"+r.Process().Cgroup {
				t.Errorf("event %d opened %q in cgroup %q", r.Event.Seq, path.Str(), r.Process().Cgroup)
			}
			if want := Partition(r.Process(), nil, 16); b.Partition != want {
				t.Errorf("event %d is in partition %d, want %d", r.Event.Seq, b.Partition, want)
			}
			if r.Comm() != "cat" {
				t.Errorf("event %d has comm %q", r.Event.Seq, r.Comm())
			}
		}
	}
	pub.mu.Lock()
	done := pub.done
	pub.mu.Unlock()
	for i, f := range done {
		if err := src.ack(0); !errors.Is(err, errPending) {
			t.Fatalf("answered after %d of %d parts: %v", i, len(done), err)
		}
		f(nil)
	}
	if err := src.ack(0); err != nil {
		t.Fatalf("not acknowledged after all parts: %v", err)
	}
}

func TestFailedPartBringsTheRawBatchAgain(t *testing.T) {
	for name, sync := range map[string]bool{"refused at once": true, "failed later": false} {
		t.Run(name, func(t *testing.T) {
			src := newFakeSource(raw(1, "/a", "/b"))
			full := errors.New("stream is full")
			pub := &fakePublisher{keep: true}
			if sync {
				pub.err = full
			}
			_, _ = start(t, DefaultConfig(), src, pub)
			<-src.idle
			if !sync {
				eventually(t, "published", func() bool {
					pub.mu.Lock()
					defer pub.mu.Unlock()
					return len(pub.done) == 2
				})
				pub.done[0](full)
				pub.done[1](nil)
			}
			eventually(t, "answered", func() bool { return !errors.Is(src.ack(0), errPending) })
			if err := src.ack(0); !errors.Is(err, full) {
				t.Fatalf("answered with %v, want %v", err, full)
			}
		})
	}
}

func TestGapsAndDrops(t *testing.T) {
	quiet := &msg.Batch{
		Host: "host", BootId: "boot", FirstSeq: 31, LastSeq: 30,
		Drops: []*msg.Drop{{Type: openat, Cause: "ring", Count: 7}},
	}
	otherBoot := raw(500, "/a")
	otherBoot.BootId = "next"
	// A sensor that starts anew says from where it numbers on: no loss.
	marker := &msg.Batch{Host: "host", BootId: "boot", FirstSeq: 5000, LastSeq: 4999}
	src := newFakeSource(raw(1, "/a"), raw(2, "/a"), raw(13, "/a"), quiet, marker, raw(5000, "/a"), otherBoot)
	src.past = []*msg.Batch{}
	pub := &fakePublisher{}
	e, _ := start(t, DefaultConfig(), src, pub)
	<-src.idle
	eventually(t, "all answered", func() bool { return src.ack(6) == nil })
	sum := map[string]uint64{}
	for _, b := range pub.batches() {
		for _, d := range b.Drops {
			sum[d.Cause] += d.Count
		}
	}
	if sum["stream"] != 10 || sum["ring"] != 7 {
		t.Errorf("drops passed on are %v, want 10 of the stream and 7 of the ring", sum)
	}
	c, _ := e.Health()
	if c["lost"] != 17 || c["events"] != 5 {
		t.Errorf("health says %d lost of %d events", c["lost"], c["events"])
	}
}

func TestHistorySetsWhereTheSequenceGoesOn(t *testing.T) {
	src := newFakeSource(raw(20, "/a"))
	src.past = []*msg.Batch{raw(1, "/a"), raw(10, "/a")}
	pub := &fakePublisher{}
	e, _ := start(t, DefaultConfig(), src, pub)
	<-src.idle
	eventually(t, "answered", func() bool { return src.ack(0) == nil })
	if c, _ := e.Health(); c["lost"] != 9 || c["replayed"] != 2 {
		t.Errorf("lost %d and replayed %d, want 9 and 2", c["lost"], c["replayed"])
	}
	if n := len(pub.batches()); n != 1 {
		t.Errorf("published %d batches, want only the new one", n)
	}
}

func TestPartitionSequence(t *testing.T) {
	src := newFakeSource(raw(1, "/a", "/a"), raw(3, "/a"), raw(4, "/a", "/a", "/a"))
	pub := &fakePublisher{}
	_, _ = start(t, DefaultConfig(), src, pub)
	<-src.idle
	eventually(t, "all answered", func() bool { return src.ack(2) == nil })
	var got []uint64
	for _, b := range pub.batches() {
		got = append(got, b.PartitionSeq)
		if b.Enricher == "" {
			t.Error("no instance")
		}
	}
	if len(got) != 3 || got[0] != 0 || got[1] != 2 || got[2] != 3 {
		t.Errorf("partition sequence is %v, want 0 2 3", got)
	}
}

func TestRunEndsWithTheErrorOfASource(t *testing.T) {
	broken := errors.New("broken")
	e, err := New(DefaultConfig(), failing{broken}, &fakePublisher{}, nil, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Run(context.Background()); !errors.Is(err, broken) {
		t.Fatalf("got %v, want %v", err, broken)
	}
}

type failing struct{ err error }

func (f failing) Receive(context.Context) (msg.Delivery[*msg.Batch], error) {
	return msg.Delivery[*msg.Batch]{}, f.err
}
func (failing) History(context.Context, time.Duration, func(*msg.Batch) error) error { return nil }
