package matcher_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/pkg/detect"
	"github.com/tripline/tripline/pkg/detect/protocol"
	"github.com/tripline/tripline/pkg/detect/trace"
	"github.com/tripline/tripline/pkg/msg"
)

// doing makes a signature that does this on every exec.
func doing(id string, f func() error) func() detect.Signature {
	return func() detect.Signature {
		return &sig{id: id, selectors: on("sched_process_exec"), onEvent: func(s *sig, _ trace.Event, ev protocol.Event) error {
			s.count++
			return f()
		}}
	}
}

func TestGuard(t *testing.T) {
	for _, c := range []struct {
		name, kind, shown string
		do                func(calls int) error
	}{
		{"error", "error", "no such luck", func(int) error { return errors.New("no such luck") }},
		{"panic", "panic", "index out of range", func(n int) error { return []error{}[n] }},
		{"overrun", "overrun", "the limit is 20ms", func(int) error { time.Sleep(80 * time.Millisecond); return nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			calls := 0
			var log bytes.Buffer
			cfg := config()
			cfg.Guard = matcher.GuardConfig{Failures: 4, Window: time.Hour, Overrun: 20 * time.Millisecond, Stuck: time.Hour}
			rs := mustLoad(t, cfg, goLanguage(
				everyTime("BEFORE", "sched_process_exec"),
				doing("BAD", func() error { calls++; return c.do(calls) }),
				everyTime("AFTER", "sched_process_exec"),
			))
			e, err := matcher.NewEvaluator(rs, slog.New(slog.NewTextHandler(&log, nil)))
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			got := make(map[string]int)
			// On a busy machine an overrun may go unnoticed: then it takes more.
			events, after := 0, 0
			for after < 3 && events < 100 {
				if strings.Contains(log.String(), "is disabled") {
					after++
				}
				events++
				e.Batch(batch(t, exec(uint64(events), "/x", "")), func(d *msg.Detection) { got[d.Rule.ID]++ })
			}
			if got["BEFORE"] != events || got["AFTER"] != events {
				t.Errorf("the rules beside it fired %v, want %d times each", got, events)
			}
			if calls != events-3 || c.kind != "overrun" && calls != 4 {
				t.Errorf("the rule ran %d times in %d events, want 4, the limit, and none of the last 3", calls, events)
			}
			text := log.String()
			if strings.Count(text, "a rule failed") != 1 || strings.Count(text, "is disabled") != 1 {
				t.Errorf("want one line on the first failure and one on disabling:\n%s", text)
			}
			if !strings.Contains(text, c.shown) || !strings.Contains(text, "kind="+c.kind) || !strings.Contains(text, "rule=BAD") {
				t.Errorf("the log does not show rule, kind and %q:\n%s", c.shown, text)
			}
		})
	}
}

// TestGuardWindow spreads failures so that the limit is not reached.
func TestGuardWindow(t *testing.T) {
	calls := 0
	cfg := config()
	cfg.Guard.Failures, cfg.Guard.Window = 2, time.Nanosecond
	rs := mustLoad(t, cfg, goLanguage(doing("BAD", func() error {
		calls++
		time.Sleep(time.Microsecond)
		return errors.New("again")
	})))
	e, err := matcher.NewEvaluator(rs, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for seq := range uint64(10) {
		e.Batch(batch(t, exec(seq, "/x", "")), func(*msg.Detection) {})
	}
	if calls != 10 {
		t.Errorf("the rule ran %d times, want 10: its failures are apart", calls)
	}
}

// TestGuardIsSeen reads metrics and health of a rule that fails.
func TestGuardIsSeen(t *testing.T) {
	cfg := config()
	cfg.Guard.Failures = 3
	r := start(t, cfg, goLanguage(
		doing("BAD", func() error { panic("ouch") }), everyTime("GOOD", "sched_process_exec"),
	))
	var acts []act
	for seq := range uint64(5) {
		acts = append(acts, exec(seq, "/x", ""))
	}
	if err := r.src.feed(t, 0, batch(t, acts...), true); err != nil {
		t.Fatal(err)
	}
	counters, detail := r.Health()
	if counters["evaluations"] != 8 || counters["detections"] != 5 || counters["matched"] != 5 {
		t.Errorf("counters %v", counters)
	}
	if got, _ := detail["rules"].(map[string][]string); len(got["golang"]) != 1 || got["golang"][0] != "GOOD" {
		t.Errorf("rules %v", detail["rules"])
	}
	off, _ := detail["disabled"].([]map[string]any)
	if len(off) != 1 || off[0]["rule"] != "BAD" || off[0]["last"] != "panic: ouch" || off[0]["failures"] != uint64(3) {
		t.Errorf("disabled %v", detail["disabled"])
	}
	families, err := r.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var failures []string
	for _, f := range families {
		if f.GetName() == "tripline_matcher_rule_failures_total" {
			for _, m := range f.GetMetric() {
				failures = append(failures, m.String())
			}
		}
	}
	if len(failures) != 1 || !strings.Contains(failures[0], `value:"BAD"`) || !strings.Contains(failures[0], `value:"panic"`) || !strings.Contains(failures[0], "value:3") {
		t.Errorf("failures by rule: %v", failures)
	}
}

// TestStuck has a rule that does not return until it is let go.
func TestStuck(t *testing.T) {
	release := make(chan struct{})
	cfg := config()
	cfg.Guard.Stuck = 5 * time.Millisecond
	r := start(t, cfg, goLanguage(doing("LOOP", func() error { <-release; return nil })))
	answered := make(chan error, 1)
	go func() { answered <- r.src.feed(t, 0, batch(t, exec(1, "/x", "")), true) }()
	named := func() bool {
		_, detail := r.Health()
		stuck, _ := detail["stuck"].([]string)
		return len(stuck) == 1 && stuck[0] == "LOOP"
	}
	for deadline := time.Now().Add(20 * time.Second); !named(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the rule that does not return is not named")
		}
	}
	// Partition 1 is of the other worker.
	if err := r.src.feed(t, 1, batch(t, act{seq: 2, event: "ptrace"}), true); err != nil {
		t.Fatal(err)
	}
	close(release)
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); named(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the rule has returned and is still named")
		}
	}
}
