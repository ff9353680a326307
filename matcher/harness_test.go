package matcher_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// act is one event of a test: who did what.
type act struct {
	seq       uint64
	event     string
	container string
	args      map[string]any
	comm      string
}

// batch makes a batch of acts, as the enricher would.
func batch(t testing.TB, acts ...act) *msg.Batch {
	t.Helper()
	var b msg.Builder
	out := b.Batch()
	out.Host, out.BootId, out.Enricher = "web-1", "boot-1", "enricher-1"
	for _, a := range acts {
		e, ok := catalogue.Lookup(a.event)
		if !ok {
			t.Fatalf("no event %q", a.event)
		}
		p := &msg.Process{Pid: 100, NsPid: 100, Ppid: 1, NsPpid: 1, StartTime: 7, Comm: a.comm, Cred: &msg.Credentials{Uid: 1000}}
		if a.container != "" {
			p.Container = b.Container(&msg.Container{Id: a.container, Name: "c-" + a.container})
			p.NsPid, p.NsPpid = 10, 0
		}
		ev := &msg.Event{Seq: a.seq, Time: int64(a.seq) * 1000, Type: uint32(e.ID), Process: b.Process(p), Tid: 100, NsTid: p.NsPid, Comm: uint32(b.String(a.comm))}
		for i, param := range e.Params {
			switch v := a.args[param.Name].(type) {
			case string:
				ev.Args = append(ev.Args, b.String(v))
			case int:
				ev.Args = append(ev.Args, int64(v))
			case []string:
				ev.Args = append(ev.Args, b.List(&msg.StringList{Items: v}))
			default:
				ev.Args = append(ev.Args, 0)
				ev.Absent |= 1 << i
			}
		}
		b.Event(ev)
	}
	return b.Take()
}

func exec(seq uint64, path, container string) act {
	return act{seq: seq, event: "sched_process_exec", container: container, comm: "sh", args: map[string]any{"pathname": path}}
}

// source delivers what a test feeds it, one batch of a partition at a time.
type source struct {
	partitions uint32
	queue      []chan msg.Delivery[*msg.Batch]
	// What is read back after a change of owner, and from when it was asked for.
	past    map[uint32][]*msg.Batch
	found   map[string]bool
	pastErr error
	asked   chan time.Time
}

func newSource(partitions uint32) *source {
	s := &source{partitions: partitions, asked: make(chan time.Time, 16)}
	for range partitions {
		s.queue = append(s.queue, make(chan msg.Delivery[*msg.Batch]))
	}
	return s
}

func (s *source) Partitions() uint32 { return s.partitions }

func (s *source) Receive(ctx context.Context, p uint32) (msg.Delivery[*msg.Batch], error) {
	select {
	case d := <-s.queue[p]:
		return d, nil
	case <-ctx.Done():
		return msg.Delivery[*msg.Batch]{}, ctx.Err()
	}
}

// History gives back what the test says was stored.
func (s *source) History(_ context.Context, p uint32, since time.Time, f func(*msg.Batch) error) error {
	select {
	case s.asked <- since:
	default:
	}
	for _, b := range s.past[p] {
		if err := f(b); err != nil {
			return err
		}
	}
	return s.pastErr
}

func (s *source) Found(context.Context, time.Time, []string) (map[string]bool, error) {
	return s.found, nil
}

// feed delivers a batch and returns what it was answered with.
func (s *source) feed(t testing.TB, p uint32, b *msg.Batch, first bool) error {
	t.Helper()
	answer := make(chan error, 1)
	d := msg.Delivery[*msg.Batch]{Value: b, First: first, Attempt: 1, Ack: func(err error) { answer <- err }}
	select {
	case s.queue[p] <- d:
	case <-time.After(20 * time.Second):
		t.Fatal("nobody takes the batch")
	}
	select {
	case err := <-answer:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("the batch is not answered")
		return nil
	}
}

// store keeps detections by id, as JSON, as the stream does, and fails on demand.
type store struct {
	mu    sync.Mutex
	fail  error
	calls int
	byID  map[string]*msg.Detection
	order []*msg.Detection
}

func (s *store) Publish(_ context.Context, d *msg.Detection, done func(error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	if err := s.fail; err != nil {
		go done(err)
		return nil
	}
	if s.byID == nil {
		s.byID = make(map[string]*msg.Detection)
	}
	if s.byID[d.ID] == nil {
		stored := &msg.Detection{}
		if err := json.Unmarshal(text, stored); err != nil {
			return err
		}
		s.byID[d.ID] = stored
		s.order = append(s.order, stored)
	}
	go done(nil)
	return nil
}

func (s *store) failWith(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

func (s *store) all() []*msg.Detection {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*msg.Detection(nil), s.order...)
}

func (s *store) published() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// demands hands every announcement to the test.
type demands chan msg.Demand

func (d demands) Announce(ctx context.Context, demand msg.Demand) error {
	select {
	case d <- demand:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type rig struct {
	*matcher.Matcher
	src   *source
	store *store
	dem   demands
	reg   *prometheus.Registry
	// first is the demand announced at the start.
	first msg.Demand
}

// start runs a matcher until the test ends.
func start(t testing.TB, cfg matcher.Config, langs []matcher.Language) *rig {
	t.Helper()
	r := &rig{src: newSource(4), store: &store{}, dem: make(demands), reg: prometheus.NewRegistry()}
	m, err := matcher.New(cfg, r.src, r.store, r.dem, langs, nil, slog.New(slog.DiscardHandler), r.reg)
	if err != nil {
		t.Fatal(err)
	}
	r.Matcher = m
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("Run does not return")
		}
	})
	r.first = r.announced(t)
	return r
}

func (r *rig) announced(t testing.TB) msg.Demand {
	t.Helper()
	select {
	case d := <-r.dem:
		return d
	case <-time.After(20 * time.Second):
		t.Fatal("nothing is announced")
		return msg.Demand{}
	}
}

var errAway = errors.New("the stream is away")
