package matcher_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// TestLossesAreTold: what the stages before lost, and what is missing in a
// partition, becomes one detection when it passes the threshold.
func TestLossesAreTold(t *testing.T) {
	openat, _ := catalogue.Lookup("openat")
	cfg := config()
	cfg.Losses = matcher.LossConfig{Events: 100, Within: time.Minute}
	r := start(t, cfg, goLanguage(everyTime("T-1", "ptrace", "sched_process_exec")))
	seq := uint64(0)
	feed := func(partition uint32, minute int, at uint64, first bool, drops ...*msg.Drop) *msg.Batch {
		t.Helper()
		seq++
		b := batch(t, exec(seq, "/x", ""))
		b.Events[0].Time = int64(time.Duration(minute) * time.Minute)
		b.Drops, b.PartitionSeq = drops, at
		if err := r.src.feed(t, partition, b, first); err != nil {
			t.Fatal(err)
		}
		return b
	}
	told := func() (out []*msg.Detection) {
		for _, d := range r.store.all() {
			if d.Rule.ID == "tripline-events-lost" {
				out = append(out, d)
			}
		}
		return out
	}
	ring := &msg.Drop{Type: uint32(openat.ID), Cause: "ring", Count: 60}
	feed(0, 1, 0, true, ring)
	b := feed(1, 1, 0, true, &msg.Drop{Cause: "stream", Count: 30})
	for range 3 {
		// It comes again: these were counted.
		if err := r.src.feed(t, 1, b, false); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(told()); n != 0 {
		t.Fatalf("%d detections of 90 lost events, the threshold is 100", n)
	}
	feed(0, 1, 21, false) // 20 are missing
	feed(0, 1, 22, false, ring)
	got := told()
	if len(got) != 1 {
		t.Fatalf("%d detections, want one a minute", len(got))
	}
	d := got[0]
	if d.Output != "events lost on web-1: 110 within 1m0s (events stream 20, ring 60, stream 30)" || d.Host != "web-1" || d.Priority != msg.Error {
		t.Errorf("detection %+v", d)
	}
	if by, _ := d.Data["by_event"].(map[string]any); len(by) != 1 || by["openat"] != 60.0 {
		t.Errorf("by event: %v, want openat 60", d.Data["by_event"])
	}
	feed(0, 2, 23, false, ring)
	feed(0, 3, 24, false, ring)
	if n := len(told()); n != 1 {
		t.Errorf("%d detections, want 1: every minute counts from nothing", n)
	}
	feed(0, 3, 25, false, ring)
	if got := told(); len(got) != 2 || got[0].ID == got[1].ID {
		t.Errorf("%d detections, want a second with an id of its own", len(got))
	}
	if !strings.HasPrefix(told()[0].Event.Name, "events_lost") {
		t.Errorf("event %q", told()[0].Event.Name)
	}
}
