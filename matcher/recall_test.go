package matcher_test

import (
	"errors"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/matcher/expr"
	"github.com/tripline/tripline/matcher/golang"
	"github.com/tripline/tripline/pkg/detect"
	"github.com/tripline/tripline/pkg/msg"
)

const everyThird = `
- rule: Every third
  desc: counts
  condition: evt.type = execve and proc.name = sh
  output: three
  priority: NOTICE
  threshold: {count: 3, within: 1m, by: [proc.name]}
`

// windowed is a signature that remembers for a minute.
type windowed struct{ detect.Signature }

func (windowed) Window() time.Duration { return time.Minute }

func wantDetections(t *testing.T, r *rig, seqs ...uint64) {
	t.Helper()
	got := r.store.all()
	if len(got) != len(seqs) {
		t.Errorf("%d detections, want %d", len(got), len(seqs))
		return
	}
	for i, d := range got {
		if d.Event.Seq != seqs[i] {
			t.Errorf("detection %d is of event %d, want %d", i, d.Event.Seq, seqs[i])
		}
	}
}

// TestRecallContinuesTheCount: the owner before found something at 3, 6 and 9.
// What is read back begins in the middle of a count, and the count goes on as it
// would have there.
func TestRecallContinuesTheCount(t *testing.T) {
	file := t.TempDir() + "/third.yaml"
	if err := os.WriteFile(file, []byte(everyThird), 0o644); err != nil {
		t.Fatal(err)
	}
	cfg := config()
	cfg.Rules = []string{file}
	r := start(t, cfg, []matcher.Language{expr.New(expr.DefaultConfig(), slog.New(slog.DiscardHandler))})
	if got := r.Rules().Window(); got != time.Minute {
		t.Fatalf("the longest window is %v, want 1m", got)
	}
	past := batch(t, exec(5, "/x", ""), exec(6, "/x", ""), exec(7, "/x", ""), exec(8, "/x", ""), exec(9, "/x", ""), exec(10, "/x", ""))
	r.src.past = map[uint32][]*msg.Batch{2: {past}}
	r.src.found = map[string]bool{}
	for _, i := range []int{1, 4} { // events 6 and 9
		r.src.found[msg.DetectionID("every-third", past.Record(i), 0)] = true
	}
	if err := r.src.feed(t, 2, batch(t, exec(10, "/x", ""), exec(11, "/x", "")), true); err != nil {
		t.Fatal(err)
	}
	wantDetections(t, r)
	if since := <-r.src.asked; time.Unix(0, 10_000).Sub(since) < time.Minute {
		t.Errorf("read back from %v, the first event is of %v", since, time.Unix(0, 10_000))
	}
	if err := r.src.feed(t, 2, batch(t, exec(12, "/x", ""), exec(13, "/x", "")), false); err != nil {
		t.Fatal(err)
	}
	wantDetections(t, r, 12)
	if n := r.store.published(); n != 1 {
		t.Errorf("%d publications, want 1: what was found before is not found again", n)
	}
	counters, _ := r.Health()
	if counters["recalls"] != 1 || counters["recalled"] != 6 {
		t.Errorf("counters %v, want one recall of 6 events", counters)
	}
}

func TestRecallShowsSignaturesThePast(t *testing.T) {
	remembers := func() detect.Signature { return windowed{countTo("T-W", 3, "sched_process_exec")()} }
	r := start(t, config(), []matcher.Language{golang.New([]func() detect.Signature{remembers, countTo("T-N", 3, "sched_process_exec")}, nil)})
	r.src.past = map[uint32][]*msg.Batch{0: {batch(t, exec(1, "/x", "")), batch(t, exec(1, "/x", ""), exec(2, "/x", ""))}}
	if err := r.src.feed(t, 0, batch(t, exec(3, "/x", "")), true); err != nil {
		t.Fatal(err)
	}
	got := r.store.all()
	if len(got) != 1 || got[0].Rule.ID != "T-W" || got[0].Event.Seq != 3 {
		t.Errorf("%d detections, want one, of T-W and event 3", len(got))
	}
}

// TestRecallThatFails: after a while rules go on without a past, and with
// nothing of what was read in vain.
func TestRecallThatFails(t *testing.T) {
	cfg := config()
	cfg.Recall = 100 * time.Millisecond
	remembers := func() detect.Signature { return windowed{countTo("T-W", 2, "sched_process_exec")()} }
	r := start(t, cfg, []matcher.Language{golang.New([]func() detect.Signature{remembers}, nil)})
	r.src.past = map[uint32][]*msg.Batch{0: {batch(t, exec(1, "/x", ""))}}
	r.src.pastErr = errors.New("the stream is away")
	if err := r.src.feed(t, 0, batch(t, exec(1, "/x", "")), true); err != nil {
		t.Fatal(err)
	}
	wantDetections(t, r)
	if err := r.src.feed(t, 0, batch(t, exec(2, "/x", "")), false); err != nil {
		t.Fatal(err)
	}
	wantDetections(t, r, 2)
	if counters, _ := r.Health(); counters["recall_failures"] != 1 {
		t.Errorf("counters %v, want one failure", counters)
	}
}

// TestRecallLosesNothing: what is read back, of an earlier enricher too, is no
// gap before what comes next.
func TestRecallLosesNothing(t *testing.T) {
	remembers := func() detect.Signature { return windowed{countTo("T-W", 9, "sched_process_exec")()} }
	r := start(t, config(), []matcher.Language{golang.New([]func() detect.Signature{remembers}, nil)})
	numbered := func(enricher string, at, seq uint64) *msg.Batch {
		b := batch(t, exec(seq, "/x", ""))
		b.Enricher, b.PartitionSeq = enricher, at
		return b
	}
	r.src.past = map[uint32][]*msg.Batch{0: {numbered("old", 100, 1), numbered("new", 0, 2)}}
	for i, first := range []bool{true, false, false} {
		if err := r.src.feed(t, 0, numbered("new", uint64(1+i), uint64(3+i)), first); err != nil {
			t.Fatal(err)
		}
	}
	if counters, _ := r.Health(); counters["lost"] != 0 {
		t.Errorf("%d events count as lost, none are", counters["lost"])
	}
}

// TestRecallInSilence: a partition that came here is read back though nothing
// comes in it.
func TestRecallInSilence(t *testing.T) {
	r := start(t, config(), []matcher.Language{waiting{}})
	last := execAt(t, 1, time.Now().Add(-time.Minute).Unix())
	r.src.past = map[uint32][]*msg.Batch{1: {last}}
	r.src.found = map[string]bool{msg.DetectionID("atonce", last.Record(0), 0): true}
	if err := r.src.feed(t, 1, &msg.Batch{Partition: 1}, true); err != nil {
		t.Fatal(err)
	}
	if counters, _ := r.Health(); counters["recalls"] != 1 || counters["recalled"] != 1 || counters["lost"] != 0 {
		t.Errorf("counters %v, want one recall of one event and nothing lost", counters)
	}
}
