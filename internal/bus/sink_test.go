package bus_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/internal/bus/bustest"
	"github.com/tripline/tripline/pkg/msg"
)

func receiveFound(t testing.TB, c *bus.SinkConsumer, sink string, n int) (ids []string, got []msg.Delivery[*msg.Stored]) {
	t.Helper()
	ctx := context30(t)
	for len(got) < n {
		ds, err := c.Receive(ctx, sink, n-len(got))
		if err != nil {
			t.Fatalf("after %d of %d detections: %v", len(ids), n, err)
		}
		for _, d := range ds {
			ids = append(ids, d.Value.ID)
			got = append(got, d)
		}
	}
	return ids, got
}

func nothingFor(t testing.TB, c *bus.SinkConsumer, sink string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if d, err := c.Receive(ctx, sink, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("received %+v, %v; want nothing", d, err)
	}
}

func detections(from, to int) (out []*msg.Detection, ids []string) {
	for i := from; i <= to; i++ {
		id := fmt.Sprintf("d%04d", i)
		out, ids = append(out, detection(id)), append(ids, id)
	}
	return out, ids
}

func TestDetectionsAreStoredOncePerID(t *testing.T) {
	s := bustest.Server(t)
	b := bustest.Join(t, s, nil)
	found, ids := detections(1, 50)
	publish(t, must(b.DetectionPublisher()), found...)
	publish(t, must(b.DetectionPublisher()), found[10:20]...)                       // the same process again
	publish(t, must(bustest.Join(t, s, nil).DetectionPublisher()), found[15:50]...) // another one
	c := b.SinkConsumer()
	got, _ := receiveFound(t, c, "stdout", 50)
	if !slices.Equal(got, ids) {
		t.Errorf("received %v, want %v", got, ids)
	}
	nothingFor(t, c, "stdout")
}

func TestSinksHaveTheirOwnPositions(t *testing.T) {
	s := bustest.Server(t)
	b := bustest.Join(t, s, nil)
	found, ids := detections(1, 10)
	publish(t, must(b.DetectionPublisher()), found...)
	first := bustest.Join(t, s, nil)
	c := first.SinkConsumer()
	_, got := receiveFound(t, c, "web/hook", 4)
	for _, d := range got {
		d.Ack(nil)
	}
	if all, _ := receiveFound(t, c, "stdout", 10); !slices.Equal(all, ids) {
		t.Errorf("stdout received %v", all)
	}
	eventually(t, "the answers to arrive", func() bool {
		p, err := b.Pending(context30(t))
		return err == nil && p.Detections[msg.Token("web/hook")] == 6 && p.Detections["stdout"] == 10
	})
	if n, err := c.Pending(context30(t)); err != nil || n != 16 {
		t.Errorf("%d pending for both sinks, %v; want 16", n, err)
	}
	if n, err := b.SinkConsumer().Pending(context30(t)); err != nil || n != 0 {
		t.Errorf("%d pending for no sinks, %v", n, err)
	}
	first.Close()
	again, _ := receiveFound(t, b.SinkConsumer(), "web/hook", 6)
	slices.Sort(again) // those that the first one held come after the others
	if !slices.Equal(again, ids[4:]) {
		t.Errorf("the successor received %v, want %v", again, ids[4:])
	}
}

// retryAfter is an error as a sink gives it on HTTP 429.
type retryAfter time.Duration

func (r retryAfter) Error() string             { return "too many requests" }
func (r retryAfter) RetryAfter() time.Duration { return time.Duration(r) }

func TestSinkRefusedComesAgainLater(t *testing.T) {
	b := bustest.Join(t, bustest.Server(t), func(c *bus.Config) { c.Consumer.RetryMin = time.Millisecond })
	found, _ := detections(1, 3)
	publish(t, must(b.DetectionPublisher()), found...)
	c := b.SinkConsumer()
	_, got := receiveFound(t, c, "s", 3)
	got[0].Ack(retryAfter(200 * time.Millisecond))
	got[1].Ack(errors.New("refused"))
	got[2].Ack(nil)
	ids, got := receiveFound(t, c, "s", 2)
	if want := []string{"d0002", "d0001"}; !slices.Equal(ids, want) {
		t.Errorf("received %v, want %v", ids, want)
	}
	for _, d := range got {
		if d.Attempt != 2 {
			t.Errorf("attempt %d of %s, want 2", d.Attempt, d.Value.ID)
		}
		d.Ack(fmt.Errorf("template: %w", msg.ErrMalformed)) // never again
	}
	eventually(t, "nothing to be pending", func() bool {
		p, err := b.Pending(context30(t))
		return err == nil && p.Detections["s"] == 0
	})
}

// A sink may take longer than AckWait: what it has does not go to another.
func TestSinkMayBeSlow(t *testing.T) {
	s := bustest.Server(t)
	short := func(c *bus.Config) { c.Consumer.AckWait = time.Second }
	b := bustest.Join(t, s, short)
	found, _ := detections(1, 2)
	publish(t, must(b.DetectionPublisher()), found...)
	_, got := receiveFound(t, b.SinkConsumer(), "s", 2)
	other := bustest.Join(t, s, short).SinkConsumer()
	ctx, cancel := context.WithTimeout(context.Background(), 2500*time.Millisecond)
	defer cancel()
	if d, err := other.Receive(ctx, "s", 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("another notifier received %+v, %v", d, err)
	}
	for _, d := range got {
		d.Ack(nil)
	}
}

func TestBury(t *testing.T) {
	b := bustest.New(t)
	c := b.SinkConsumer()
	letter := msg.DeadLetter{Sink: "web hook", Reason: "client", Error: "400", Attempts: 3, Detection: detection("d1")}
	for range 2 { // the same one twice is one
		if err := c.Bury(context30(t), letter); err != nil {
			t.Fatal(err)
		}
	}
	infos, err := b.Streams(context30(t))
	if err != nil {
		t.Fatal(err)
	}
	if dead := infos[3]; dead.Name != bus.StreamDead || dead.Messages != 1 {
		t.Errorf("%s holds %d letters, want 1", dead.Name, dead.Messages)
	}
}

// Dead letters are listed, looked at, sent again and removed then; one that is
// buried again stays.
func TestDeadLettersAreSentAgain(t *testing.T) {
	b := bustest.New(t)
	c := b.SinkConsumer()
	const n = 600
	for i := range n {
		for _, sink := range []string{"hook", "other"} {
			if sink == "hook" || i < 3 {
				if err := c.Bury(context30(t), msg.DeadLetter{Sink: sink, Reason: "server", Error: "500", Attempts: 3, Detection: detection(fmt.Sprint("d", i))}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	list := func(sink string) (ids []string, seqs []uint64) {
		if err := b.DeadLetters(context30(t), sink, func(d bus.Dead) error {
			ids, seqs = append(ids, d.Detection.ID), append(seqs, d.Seq)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return ids, seqs
	}
	if all, _ := list(""); len(all) != n+3 {
		t.Errorf("%d letters of all sinks", len(all))
	}
	ids, seqs := list("hook")
	if len(ids) != n || ids[0] != "d0" || ids[n-1] != fmt.Sprint("d", n-1) {
		t.Fatalf("%d letters, %v …", len(ids), ids[:1])
	}
	one, err := b.DeadLetter(context30(t), seqs[5])
	if err != nil || one.Detection.ID != "d5" || one.Reason != "server" {
		t.Errorf("%+v, %v", one, err)
	}
	if _, err := b.DeadLetter(context30(t), 1<<40); !errors.Is(err, bus.ErrNoSuchLetter) {
		t.Errorf("no such letter: %v", err)
	}
	src, err := b.DeadSource(context30(t), "hook", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	ctx, cancel := context.WithCancel(context30(t))
	defer cancel()
	go func() { <-src.Done(); cancel() }()
	var got []string
	for {
		ds, err := src.Receive(ctx, "hook", 100)
		if err != nil {
			break
		}
		for i, d := range ds {
			got = append(got, d.Value.ID)
			if len(got) == 1 && i == 0 {
				if err := src.Bury(ctx, msg.DeadLetter{Reason: "client", Error: "400", Detection: detection(d.Value.ID)}); err != nil {
					t.Fatal(err)
				}
			}
			if len(got) == 2 {
				d.Ack(errors.New("stopped"))
				continue
			}
			d.Ack(nil)
		}
	}
	if !slices.Equal(got, ids) {
		t.Errorf("received %d", len(got))
	}
	if sent, kept, err := src.Result(); sent != n-2 || kept["d0"] != "client: 400" || err != nil {
		t.Errorf("%d sent, kept %v, %v", sent, kept, err)
	}
	if left, seqs := list("hook"); !slices.Equal(left, []string{"d0", "d1"}) {
		t.Errorf("left %v", left)
	} else if err := b.ForgetDead(context30(t), seqs[0]); err != nil {
		t.Error(err)
	}
	if left, _ := list("hook"); len(left) != 1 {
		t.Errorf("left %v", left)
	}
	if left, _ := list("other"); len(left) != 3 {
		t.Errorf("another sink's: %v", left)
	}
}

// The payload is the documented JSON, readable with any NATS client.
func TestDetectionIsJSONOnItsSubject(t *testing.T) {
	b := bustest.New(t)
	ctx, cancel := context.WithCancel(context30(t))
	lines := make(chan []byte, 1)
	subjects := make(chan string, 1)
	go func() {
		_, _ = b.Tail(ctx, "tripline.detections.>", func(subject string, data []byte) {
			subjects <- subject
			lines <- data
		})
	}()
	p := must(b.DetectionPublisher())
	n := 0
	eventually(t, "the tail to see a detection", func() bool {
		n++
		publish(t, p, detection(fmt.Sprint("d", n)))
		return len(lines) == 1
	})
	cancel()
	if got, want := <-subjects, "tripline.detections.warning.host=2Eexample.TRC-2"; got != want {
		t.Errorf("subject %q, want %q", got, want)
	}
	var d msg.Detection
	if err := json.Unmarshal(<-lines, &d); err != nil || d.Rule.Name != "Anti-Debugging" {
		t.Errorf("payload %+v, %v", d, err)
	}
}
