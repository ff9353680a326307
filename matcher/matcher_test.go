package matcher_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tripline/tripline/pkg/detect"
	"github.com/tripline/tripline/pkg/detect/protocol"
	"github.com/tripline/tripline/pkg/detect/trace"
	"github.com/tripline/tripline/pkg/msg"
)

func TestDetection(t *testing.T) {
	r := start(t, config(), goLanguage(everyTime("T-1", "sched_process_exec")))
	if err := r.src.feed(t, 1, batch(t, exec(5, "/tmp/x", "abc"), act{seq: 6, event: "sched_process_exit"}), true); err != nil {
		t.Fatal(err)
	}
	got := r.store.all()
	if len(got) != 1 {
		t.Fatalf("%d detections, want 1", len(got))
	}
	d := got[0]
	type view struct {
		Rule, Language, MITRE, Output, Host, Event, Comm, Container string
		Severity                                                    int
		Priority                                                    msg.Priority
		Data                                                        map[string]any
	}
	want := view{"T-1", "golang", "Execution", "name of T-1", "web-1", "sched_process_exec", "sh", "abc", 3, msg.Error, map[string]any{"count": 1.0}}
	if diff := cmp.Diff(want, view{d.Rule.ID, d.Rule.Language, d.Rule.MITRE, d.Output, d.Host, d.Event.Name, d.Event.Comm, d.Event.Container.ID, d.Severity, d.Priority, d.Data}); diff != "" {
		t.Errorf("detection (-want +got):\n%s", diff)
	}
	if d.Event.Process == nil || d.Event.Process.PID != 100 || d.Event.Seq != 5 || d.ID == "" {
		t.Errorf("event %+v, process %+v, id %q", d.Event, d.Event.Process, d.ID)
	}
}

func TestOrigin(t *testing.T) {
	sel := func(origin string) func() detect.Signature {
		return func() detect.Signature {
			return &sig{
				id: "o-" + origin, selectors: []detect.SignatureEventSelector{{Source: "tracee", Name: "sched_process_exec", Origin: origin}},
				onEvent: func(s *sig, _ trace.Event, ev protocol.Event) error { s.find(ev); return nil },
			}
		}
	}
	r := start(t, config(), goLanguage(sel("host"), sel("container"), sel("*"), sel("")))
	for i, c := range []struct {
		container string
		want      []string
	}{
		{"", []string{"o-host", "o-*", "o-"}},
		{"abc", []string{"o-container", "o-*", "o-"}},
	} {
		before := len(r.store.all())
		if err := r.src.feed(t, 0, batch(t, exec(uint64(i+1), "/x", c.container)), false); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range r.store.all()[before:] {
			got = append(got, d.Rule.ID)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("container %q (-want +got):\n%s", c.container, diff)
		}
	}
}

// TestRepeated delivers batches again in the ways that the bus can.
func TestRepeated(t *testing.T) {
	newRig := func(t *testing.T) *rig {
		return start(t, config(), goLanguage(countTo("T-3", 3, "sched_process_exec")))
	}
	feed := func(t *testing.T, r *rig, first bool, seqs ...uint64) error {
		t.Helper()
		var acts []act
		for _, s := range seqs {
			acts = append(acts, exec(s, "/x", ""))
		}
		return r.src.feed(t, 2, batch(t, acts...), first)
	}
	ok := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Run("the answer was lost", func(t *testing.T) {
		r := newRig(t)
		ok(t, feed(t, r, true, 1, 2))
		ok(t, feed(t, r, false, 1, 2))
		if n := len(r.store.all()); n != 0 {
			t.Errorf("%d detections: events that came again were counted again", n)
		}
		ok(t, feed(t, r, false, 3))
		if n := len(r.store.all()); n != 1 {
			t.Errorf("%d detections, want 1", n)
		}
	})
	t.Run("the same events in other batches", func(t *testing.T) {
		r := newRig(t)
		ok(t, feed(t, r, true, 10))
		ok(t, feed(t, r, false, 9, 10))
		if n := len(r.store.all()); n != 0 {
			t.Errorf("%d detections, want 0: two events so far", n)
		}
		ok(t, feed(t, r, false, 8, 9, 10))
		if n := len(r.store.all()); n != 1 {
			t.Errorf("%d detections, want 1: the third event came late, not again", n)
		}
	})
	t.Run("a detection could not be stored", func(t *testing.T) {
		r := newRig(t)
		r.store.failWith(errAway)
		if err := feed(t, r, true, 1, 2, 3); err == nil {
			t.Fatal("acknowledged although the detection is not stored")
		}
		if err := feed(t, r, false, 1, 2, 3); err == nil {
			t.Fatal("acknowledged although the detection is not stored at the second attempt")
		}
		r.store.failWith(nil)
		ok(t, feed(t, r, false, 1, 2, 3))
		got := r.store.all()
		if len(got) != 1 || got[0].Event.Seq != 3 {
			t.Fatalf("detections %v, want one, of event 3", got)
		}
		ok(t, feed(t, r, false, 4, 5))
		if n := len(r.store.all()); n != 1 {
			t.Errorf("%d detections, want 1: the rule had started over at 3", n)
		}
		ok(t, feed(t, r, false, 6))
		if n := len(r.store.all()); n != 2 {
			t.Errorf("%d detections, want 2", n)
		}
	})
	t.Run("the batch that failed is discarded", func(t *testing.T) {
		r := newRig(t)
		r.store.failWith(errAway)
		if err := feed(t, r, true, 1, 2, 3); err == nil {
			t.Fatal("acknowledged")
		}
		r.store.failWith(nil)
		ok(t, feed(t, r, false, 100))
		if n := len(r.store.all()); n != 1 {
			t.Errorf("%d detections, want the one that was kept", n)
		}
	})
	t.Run("the partition was elsewhere", func(t *testing.T) {
		r := newRig(t)
		ok(t, feed(t, r, true, 1, 2))
		ok(t, feed(t, r, true, 1, 2))
		if n := len(r.store.all()); n != 0 {
			t.Errorf("%d detections: the rule was not started afresh", n)
		}
		ok(t, feed(t, r, false, 3))
		if n := len(r.store.all()); n != 1 {
			t.Errorf("%d detections, want 1: all three were evaluated afresh", n)
		}
	})
	t.Run("another boot has the same numbers", func(t *testing.T) {
		r := newRig(t)
		ok(t, feed(t, r, true, 1, 2))
		b := batch(t, exec(1, "/x", ""))
		b.BootId = "boot-2"
		ok(t, r.src.feed(t, 2, b, false))
		if n := len(r.store.all()); n != 1 {
			t.Errorf("%d detections, want 1", n)
		}
	})
}

func TestSameIDWhenEvaluatedAgain(t *testing.T) {
	r := start(t, config(), goLanguage(everyTime("T-1", "sched_process_exec")))
	for range 2 {
		if err := r.src.feed(t, 3, batch(t, exec(1, "/x", ""), exec(2, "/y", "")), true); err != nil {
			t.Fatal(err)
		}
	}
	if n, calls := len(r.store.all()), r.store.published(); n != 2 || calls != 4 {
		t.Errorf("%d detections of %d publications, want 2 of 4", n, calls)
	}
}

func TestPartitionsAreApart(t *testing.T) {
	r := start(t, config(), goLanguage(countTo("T-2", 2, "sched_process_exec")))
	for p := range uint32(4) {
		if err := r.src.feed(t, p, batch(t, exec(uint64(p+1), "/x", "")), true); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(r.store.all()); n != 0 {
		t.Errorf("%d detections: partitions share state", n)
	}
	if err := r.src.feed(t, 1, batch(t, exec(9, "/x", "")), false); err != nil {
		t.Fatal(err)
	}
	if n := len(r.store.all()); n != 1 {
		t.Errorf("%d detections, want 1", n)
	}
}

func TestLostIsCounted(t *testing.T) {
	r := start(t, config(), goLanguage(everyTime("T-1", "ptrace")))
	for _, c := range []struct {
		at    uint64
		first bool
	}{{100, true}, {102, false}, {112, false}, {102, false}, {500, true}, {502, false}} {
		b := batch(t, exec(c.at, "/x", ""), exec(c.at+1, "/x", ""))
		b.PartitionSeq = c.at
		if err := r.src.feed(t, 0, b, c.first); err != nil {
			t.Fatal(err)
		}
	}
	counters, _ := r.Health()
	want := map[string]uint64{"batches": 6, "events": 12, "matched": 0, "lost": 8, "detections": 0}
	for name, n := range want {
		if counters[name] != n {
			t.Errorf("%s = %d, want %d", name, counters[name], n)
		}
	}
}

// TestDataThatIsNotJSON has a rule hand over what cannot be stored.
func TestDataThatIsNotJSON(t *testing.T) {
	r := start(t, config(), goLanguage(func() detect.Signature {
		return &sig{id: "ODD", selectors: on("sched_process_exec"), onEvent: func(s *sig, _ trace.Event, ev protocol.Event) error {
			cycle := map[string]any{}
			cycle["me"] = cycle
			s.cb(detect.Finding{Event: ev, Data: map[string]any{"channel": make(chan int), "cycle": cycle, "good": "kept"}})
			return nil
		}}
	}))
	b := batch(t, exec(1, "/x", ""))
	if err := r.src.feed(t, 0, b, true); err == nil {
		t.Fatal("acknowledged although the detection is not stored")
	}
	if err := r.src.feed(t, 0, b, false); err != nil {
		t.Fatalf("the batch is refused for ever: %v", err)
	}
	got := r.store.all()
	if len(got) != 1 || got[0].Data["good"] != "kept" || got[0].Data["channel"] != "(json: unsupported type: chan int)" {
		t.Fatalf("detections %+v", got)
	}
	if reason, _ := got[0].Data["cycle"].(string); !strings.Contains(reason, "cycle") {
		t.Errorf("cycle: %v", got[0].Data["cycle"])
	}
}
