package bus_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/internal/bus/bustest"
	"github.com/tripline/tripline/pkg/msg"
)

// receive takes n batches without answering and returns their first sequence
// numbers.
func receive(t testing.TB, c *bus.RawConsumer, n int) (seqs []uint64, got []msg.Delivery[*msg.Batch]) {
	t.Helper()
	ctx := context30(t)
	for range n {
		d, err := c.Receive(ctx)
		if err != nil {
			t.Fatalf("after %d of %d batches: %v", len(seqs), n, err)
		}
		seqs = append(seqs, d.Value.FirstSeq)
		got = append(got, d)
	}
	return seqs, got
}

func sequence(from, to uint64) []uint64 {
	var out []uint64
	for i := from; i <= to; i++ {
		out = append(out, i)
	}
	return out
}

func batches(from, to uint64) []*msg.Batch {
	var out []*msg.Batch
	for _, s := range sequence(from, to) {
		out = append(out, batch(s, 1))
	}
	return out
}

func TestRawRoundTrip(t *testing.T) {
	for _, compression := range []string{"none", "s2"} {
		t.Run(compression, func(t *testing.T) {
			b := bustest.Join(t, bustest.Server(t), func(c *bus.Config) { c.Compression = compression })
			publish(t, must(b.RawPublisher(host)), batch(1, 3), batch(4, 200))
			seqs, got := receive(t, b.RawConsumer(host), 2)
			if want := []uint64{1, 4}; !slices.Equal(seqs, want) {
				t.Errorf("received %v, want %v", seqs, want)
			}
			if n := len(got[1].Value.Events); n != 200 {
				t.Errorf("%d events, want 200", n)
			}
			if name := got[1].Value.Record(7).Name(); name != "ptrace" {
				t.Errorf("event %q, want ptrace", name)
			}
			if !got[0].First || got[1].First || got[0].Attempt != 1 {
				t.Errorf("first %v, %v, attempt %d; want true, false, 1", got[0].First, got[1].First, got[0].Attempt)
			}
		})
	}
}

func TestRawOfOtherHostsStaysApart(t *testing.T) {
	b := bustest.New(t)
	publish(t, must(b.RawPublisher("a")), batch(1, 1))
	publish(t, must(b.RawPublisher("a-1")), batch(2, 1))
	publish(t, must(b.RawPublisher("a")), batch(3, 1))
	one, two := b.RawConsumer("a"), b.RawConsumer("a-1")
	if seqs, _ := receive(t, one, 2); !slices.Equal(seqs, []uint64{1, 3}) {
		t.Errorf("host a received %v", seqs)
	}
	if seqs, _ := receive(t, two, 1); !slices.Equal(seqs, []uint64{2}) {
		t.Errorf("host a-1 received %v", seqs)
	}
}

// A killed enricher leaves no trace but silence; here its process is a second
// connection over TCP that is never told to stop, with batches in every state.
func TestRawSuccessorGetsWhatWasNotAnswered(t *testing.T) {
	s := bustest.Server(t)
	b := bustest.Join(t, s, nil)
	publish(t, must(b.RawPublisher(host)), batches(1, 100)...)
	victim := bustest.Dial(t, s.URL(), nil)
	old := victim.RawConsumer(host)
	_, got := receive(t, old, 20)
	for _, i := range []int{0, 1, 2, 3, 4, 7, 9} { // 1 to 5, 8 and 10 are answered
		got[i].Ack(nil)
	}
	eventually(t, "the answers to arrive", func() bool {
		p, err := b.Pending(context30(t))
		return err == nil && p.Raw == 93
	})

	heir := bustest.Dial(t, s.URL(), nil).RawConsumer(host)
	seqs, _ := receive(t, heir, 95)
	if want := sequence(6, 100); !slices.Equal(seqs, want) {
		t.Errorf("the successor received %v, want %v", seqs, want)
	}
	// The old one is still there; it must not get anything any more.
	ctx := context30(t)
	for {
		if _, err := old.Receive(ctx); err != nil {
			if !errors.Is(err, bus.ErrReplaced) {
				t.Errorf("the predecessor ended with %v, want %v", err, bus.ErrReplaced)
			}
			break
		}
	}
}

// What was made but never answered anything still hands the position on.
func TestRawPositionSurvivesIdleSuccessors(t *testing.T) {
	s := bustest.Server(t)
	b := bustest.Join(t, s, nil)
	publish(t, must(b.RawPublisher(host)), batches(1, 10)...)
	first := bustest.Join(t, s, nil)
	_, got := receive(t, first.RawConsumer(host), 10)
	for _, d := range got[:5] {
		d.Ack(nil)
	}
	first.Close()
	for range 2 {
		next := bustest.Join(t, s, nil)
		seqs, _ := receive(t, next.RawConsumer(host), 5)
		if want := sequence(6, 10); !slices.Equal(seqs, want) {
			t.Errorf("received %v, want %v", seqs, want)
		}
		next.Close()
	}
}

func TestRawHistory(t *testing.T) {
	s := bustest.Server(t)
	b := bustest.Join(t, s, nil)
	publish(t, must(b.RawPublisher(host)), batches(1, 200)...)
	publish(t, must(b.RawPublisher("other")), batches(500, 510)...)
	before := bustest.Join(t, s, nil)
	_, got := receive(t, before.RawConsumer(host), 150)
	for _, d := range got {
		d.Ack(nil)
	}
	before.Close()

	c := b.RawConsumer(host)
	var seqs []uint64
	read := func(x *msg.Batch) error {
		seqs = append(seqs, x.FirstSeq)
		return nil
	}
	if err := c.History(context30(t), time.Minute, read); err != nil {
		t.Fatal(err)
	}
	if want := sequence(1, 150); !slices.Equal(seqs, want) {
		t.Errorf("history is %v, want 1 to 150", seqs)
	}
	if live, _ := receive(t, c, 50); !slices.Equal(live, sequence(151, 200)) {
		t.Errorf("received %v after the history, want 151 to 200", live)
	}
	seqs = nil
	if err := c.History(context30(t), time.Nanosecond, read); err != nil || len(seqs) != 0 {
		t.Errorf("history of the last nanosecond is %v, %v", seqs, err)
	}
	stop := errors.New("stop")
	if err := c.History(context30(t), time.Minute, func(*msg.Batch) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("history ended with %v, want the callback's error", err)
	}
	fresh := b.RawConsumer("third")
	if err := fresh.History(context30(t), time.Minute, read); err != nil || len(seqs) != 0 {
		t.Errorf("history of a new host is %v, %v", seqs, err)
	}
}

// A refused batch comes again, and with it, in order, all that came after it.
func TestRawRefusedComesAgainInOrder(t *testing.T) {
	b := bustest.Join(t, bustest.Server(t), func(c *bus.Config) { c.Consumer.RetryMin = time.Millisecond })
	publish(t, must(b.RawPublisher(host)), batches(1, 30)...)
	c := b.RawConsumer(host)
	_, got := receive(t, c, 12)
	got[0].Ack(nil)
	got[2].Ack(nil)
	got[5].Ack(errors.New("not now"))
	got[6].Ack(nil) // given back with the one before: counts no more
	seqs, again := receive(t, c, 25)
	if want := sequence(6, 30); !slices.Equal(seqs, want) {
		t.Fatalf("received %v, want %v", seqs, want)
	}
	if again[0].Attempt != 2 || again[1].Attempt != 1 {
		t.Errorf("attempts %d, %d; want 2, 1", again[0].Attempt, again[1].Attempt)
	}
	for _, i := range []int{1, 3, 4} { // 2, 4, 5: still in hand from before
		got[i].Ack(nil)
	}
	for _, d := range again {
		d.Ack(nil)
	}
	eventually(t, "everything to be answered", func() bool {
		p, err := b.Pending(context30(t))
		return err == nil && p.Raw == 0
	})
}

func TestRawMalformedIsLeftOut(t *testing.T) {
	b := bustest.New(t)
	publish(t, must(b.RawPublisher(host)), batches(1, 3)...)
	c := b.RawConsumer(host)
	_, got := receive(t, c, 3)
	got[1].Ack(errors.Join(errors.New("table"), msg.ErrMalformed))
	got[0].Ack(nil)
	got[2].Ack(nil)
	eventually(t, "everything to be answered", func() bool {
		p, err := b.Pending(context30(t))
		return err == nil && p.Raw == 0
	})
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if d, err := c.Receive(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("received %v, %v; want nothing", d.Value, err)
	}
}
