package matcher_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/pkg/msg"
)

// waiting is a language of two rules: "waits" finds an event when nothing
// has come for ten seconds after it, "atonce" finds each at once.
type waiting struct{}

func (waiting) Name() string       { return "waiting" }
func (waiting) Owns(p string) bool { return p == "builtin:w" }
func (waiting) Load([]matcher.File) (matcher.Program, []matcher.Problem) {
	return waiting{}, nil
}

func (waiting) Rules() []matcher.Rule {
	sel := []matcher.Selector{{Event: "sched_process_exec"}}
	return []matcher.Rule{
		{Info: msg.RuleInfo{ID: "atonce", Tags: []string{"quick"}}, Select: sel},
		{Info: msg.RuleInfo{ID: "waits"}, Select: sel, Window: time.Minute},
		{Info: msg.RuleInfo{ID: "off"}, Select: sel, Window: time.Hour, Disabled: true},
	}
}

func (waiting) NewWorker() (matcher.Worker, error) {
	return &waitWorker{held: map[uint32]*matcher.Past{}, until: map[uint32]int64{}}, nil
}

type waitWorker struct {
	held  map[uint32]*matcher.Past
	until map[uint32]int64
	again bool
}

func (w *waitWorker) Match(i int, ev *matcher.Event, found func(matcher.Finding)) error {
	if i == 0 {
		found(matcher.Finding{})
		return nil
	}
	p, err := matcher.Keep(ev.Record)
	w.held[ev.Partition], w.until[ev.Partition], w.again = p, ev.Record.Event.Time+10e9, ev.Replayed
	return err
}

func (w *waitWorker) Pass(partition uint32, _ string, now int64, found func(int, matcher.Finding)) {
	if p := w.held[partition]; p != nil && now > w.until[partition] {
		delete(w.held, partition)
		found(1, matcher.Finding{Past: p, Output: "nothing came", Data: map[string]any{"again": w.again}})
		found(2, matcher.Finding{Past: p, Output: "nobody hears this"})
	}
}

func (w *waitWorker) Forget(partition uint32) { delete(w.held, partition) }

// execAt is a batch of one program start, at a time in seconds.
func execAt(t *testing.T, seq uint64, seconds int64) *msg.Batch {
	b := batch(t, exec(seq, "/x", "abc"))
	b.Events[0].Time = seconds * 1e9
	return b
}

func waitEvaluator(t *testing.T) *matcher.Evaluator {
	t.Helper()
	rs := mustLoad(t, config(), []matcher.Language{waiting{}})
	if got := rs.Window(); got != time.Minute {
		t.Errorf("the rules need %s of the past, want that of those that are on: 1m", got)
	}
	e, err := matcher.NewEvaluator(rs, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// collect returns where detections go and a function that takes them.
func collect() (func(*msg.Detection), func() []string) {
	var got []string
	return func(d *msg.Detection) { got = append(got, d.Rule.ID+" "+d.ID) }, func() []string {
		out := got
		got = nil
		return out
	}
}

// TestTimePasses: what waits is found when the events have come past it, or
// when a partition is silent, and either way it is the same finding, about the
// event that began it.
func TestTimePasses(t *testing.T) {
	first := execAt(t, 1, 100)
	id := func(rule string, b *msg.Batch) string { return rule + " " + msg.DetectionID(rule, b.Record(0), 0) }
	quiet := func(e *matcher.Evaluator, after time.Duration, emit func(*msg.Detection)) {
		e.Quiet(time.Now().Add(after), func(uint32) bool { return true }, func(_ uint32, d *msg.Detection) { emit(d) })
	}
	t.Run("with the events", func(t *testing.T) {
		e := waitEvaluator(t)
		emit, got := collect()
		e.Batch(first, emit)
		other := batch(t, act{seq: 2, event: "sched_process_exit"})
		other.Events[0].Time = 111 * 1e9 // within what may come late
		e.Batch(other, emit)
		if diff := cmp.Diff([]string{id("atonce", first)}, got()); diff != "" {
			t.Errorf("too early (-want +got):\n%s", diff)
		}
		other.Events[0].Time = 113 * 1e9
		var d *msg.Detection
		e.Batch(other, func(x *msg.Detection) { d = x; emit(x) })
		if diff := cmp.Diff([]string{id("waits", first)}, got()); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
		if d.Event.Seq != 1 || d.Event.Container == nil || d.Event.Container.ID != "abc" || !d.Time.Equal(time.Unix(100, 0)) || d.Output != "nothing came" || d.Data["again"] != false {
			t.Errorf("the finding is about %+v at %v: %q", d.Event, d.Time, d.Output)
		}
	})
	t.Run("with what became known of its container since", func(t *testing.T) {
		e := waitEvaluator(t)
		emit, got := collect()
		partial := execAt(t, 1, 100)
		partial.Containers[0] = &msg.Container{Id: "abc"}
		e.Batch(partial, func(*msg.Detection) {})
		e.Batch(&msg.Batch{Host: partial.Host, BootId: partial.BootId, Amendments: []*msg.Amendment{
			{Container: &msg.Container{Id: "abc", Name: "web", Completeness: msg.Completeness_COMPLETENESS_COMPLETE}},
			{Container: &msg.Container{Id: "other", Name: "other", Completeness: msg.Completeness_COMPLETENESS_COMPLETE}},
			{},
		}}, emit)
		var d *msg.Detection
		e.Quiet(time.Now().Add(17*time.Second), func(uint32) bool { return true }, func(_ uint32, x *msg.Detection) { d = x; emit(x) })
		if diff := cmp.Diff([]string{id("waits", partial)}, got()); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
		if c := d.Event.Container; c == nil || c.Name != "web" || c.Completeness != "complete" {
			t.Errorf("the container is %+v", c)
		}
	})
	t.Run("in silence", func(t *testing.T) {
		e := waitEvaluator(t)
		emit, got := collect()
		e.Batch(first, func(*msg.Detection) {})
		quiet(e, 14*time.Second, emit)
		if g := got(); g != nil {
			t.Errorf("too early: %v", g)
		}
		quiet(e, 17*time.Second, emit)
		if diff := cmp.Diff([]string{id("waits", first)}, got()); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
	t.Run("elsewhere", func(t *testing.T) {
		e := waitEvaluator(t)
		emit, got := collect()
		e.Batch(first, func(*msg.Detection) {})
		e.Quiet(time.Now(), func(uint32) bool { return false }, nil)
		quiet(e, time.Minute, emit)
		if g := got(); g != nil {
			t.Errorf("a partition that had gone was waited for: %v", g)
		}
	})
	t.Run("replayed", func(t *testing.T) {
		e := waitEvaluator(t)
		emit, got := collect()
		e.Replay(first, first.Partition, nil, emit)
		if g := got(); g != nil {
			t.Errorf("a rule that one event decides saw it again: %v", g)
		}
		later := execAt(t, 2, 200)
		e.Pass(first.Partition, "web-1", 150e9, func(d *msg.Detection) {
			if emit(d); d.Data["again"] != true {
				t.Error("the rule was not told that the event was replayed")
			}
		})
		e.Batch(later, emit)
		if diff := cmp.Diff([]string{id("waits", first), id("atonce", later)}, got()); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}
