package sensor

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func id(t testing.TB, name string) uint32 {
	t.Helper()
	e, ok := catalogue.Lookup(name)
	if !ok {
		t.Fatalf("the catalogue has no %s", name)
	}
	return uint32(e.ID)
}

// batchOf makes a batch with one event for each name, all of one process.
func batchOf(t testing.TB, names ...string) *msg.Batch {
	t.Helper()
	var b msg.Builder
	b.Batch().Source = "test"
	p := b.Process(&msg.Process{Pid: 7, Comm: "x"})
	for _, name := range names {
		e, ok := catalogue.Lookup(name)
		if !ok {
			t.Fatalf("the catalogue has no %s", name)
		}
		ev := &msg.Event{Type: uint32(e.ID), Process: p, Comm: uint32(b.String("comm-" + name)), Args: make([]int64, len(e.Params))}
		for i, param := range e.Params {
			switch param.Kind {
			case catalogue.String, catalogue.Path:
				ev.Args[i] = b.String("/" + name + "/" + param.Name)
			case catalogue.Bytes:
				ev.Args[i] = b.Bytes([]byte(name))
			case catalogue.Strings:
				ev.Args[i] = b.List(&msg.StringList{Items: []string{name, param.Name}})
			case catalogue.SockAddr:
				ev.Args[i] = b.Address(&msg.SocketAddress{Family: msg.AFUnix, Path: "/" + name})
			case catalogue.Cred:
				ev.Args[i] = b.Cred(&msg.Credentials{Uid: uint32(i)})
			default:
				ev.Args[i] = int64(i)
			}
		}
		b.Event(ev)
	}
	return b.Take()
}

// texts renders the events of a batch, for comparison.
func texts(t testing.TB, b *msg.Batch) []string {
	t.Helper()
	var out []string
	for i := range b.Events {
		j, err := json.Marshal(b.Record(i).JSON())
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(j))
	}
	return out
}

// tape is a publisher that keeps what it gets, as a reader would see it.
type tape struct {
	mu      sync.Mutex
	batches []*msg.Batch
	// refuse, if set, is asked before a batch is taken; outcome for the
	// result of storing it.
	refuse  func(*msg.Batch) error
	outcome func(*msg.Batch) error
	// gate, if set, holds publishing back.
	gate chan struct{}
}

func (p *tape) Publish(ctx context.Context, b *msg.Batch, done func(error)) error {
	if p.gate != nil {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.gate:
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse != nil {
		if err := p.refuse(b); err != nil {
			return err
		}
	}
	if p.outcome != nil {
		if err := p.outcome(b); err != nil {
			go done(err)
			return nil
		}
	}
	frame, err := msg.Marshal(nil, b, msg.Plain)
	if err != nil {
		return err
	}
	got := &msg.Batch{}
	if err := msg.Unmarshal(frame, got); err != nil {
		return err
	}
	p.batches = append(p.batches, got)
	go done(nil)
	return nil
}

func (p *tape) all() []*msg.Batch {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]*msg.Batch(nil), p.batches...)
}

// names lists the published events, in order.
func (p *tape) names() []string {
	var out []string
	for _, b := range p.all() {
		for i := range b.Events {
			out = append(out, b.Record(i).Name())
		}
	}
	return out
}

// dropped sums up the drops that travelled, by event.
func (p *tape) dropped() map[string]uint64 {
	out := map[string]uint64{}
	for _, b := range p.all() {
		for _, d := range b.Drops {
			out[eventName(d.Type)+" "+d.Cause] += d.Count
		}
	}
	return out
}

// script is a source that does what a test says.
type script struct {
	run func(ctx context.Context, emit func(*msg.Batch)) error

	mu      sync.Mutex
	wants   [][]msg.EventDemand
	missing map[string]string
	drops   []*msg.Drop
}

func (s *script) Run(ctx context.Context, emit func(*msg.Batch)) error { return s.run(ctx, emit) }

func (s *script) Want(events []msg.EventDemand) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wants = append(s.wants, events)
	return s.missing
}

func (s *script) Enabled() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []string{"sched_process_fork"}
	if len(s.wants) > 0 {
		for _, e := range s.wants[len(s.wants)-1] {
			out = append(out, e.Name)
		}
	}
	return out
}

func (s *script) Drops() []*msg.Drop {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drops
}

// board is a set of demands that a test changes.
type board struct{ ch chan []msg.Demand }

func (b board) Watch(ctx context.Context, changed func([]msg.Demand)) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case d := <-b.ch:
			changed(d)
		}
	}
}
