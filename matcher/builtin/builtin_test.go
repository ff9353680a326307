package builtin_test

import (
	"log/slog"
	"testing"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/matcher/builtin"
	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
	"github.com/tripline/tripline/rules"
)

// TestBuiltinRules loads what comes with Tripline: nothing is wrong with it,
// every language has a rule, and every rule can be told from the others.
func TestBuiltinRules(t *testing.T) {
	cfg := builtin.DefaultConfig()
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	langs := builtin.Languages(cfg, slog.New(slog.DiscardHandler))
	rs, err := matcher.Load(matcher.DefaultConfig(), langs, rules.Files)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range rs.Problems {
		t.Error(p.Error())
	}
	for _, l := range langs {
		if rs.Languages()[l.Name()] == 0 {
			t.Errorf("no rule of language %s", l.Name())
		}
	}
	found := make(map[string]bool)
	for _, r := range rs.Rules {
		found[r.Info.ID] = true
		if r.Info.ID == "" || r.Info.Name == "" || r.Info.Description == "" || len(r.Select) == 0 || r.Hash == "" {
			t.Errorf("%s:%d: id, name, description, events and hash are required: %+v", r.File, r.Line, r)
		}
	}
	for _, id := range []string{"TRC-2", "TRL-1"} {
		if !found[id] {
			t.Errorf("rule %s is not there", id)
		}
	}
}

// traced is a process that asks to be traced, as strace's child does.
func traced(t testing.TB) *msg.Batch {
	t.Helper()
	e, ok := catalogue.Lookup("ptrace")
	if !ok {
		t.Fatal("no event ptrace")
	}
	var b msg.Builder
	b.Batch().Host = "h"
	p := b.Process(&msg.Process{Pid: 10, NsPid: 10, Comm: "strace", Exe: &msg.Executable{Path: "/usr/bin/strace"}})
	b.Event(&msg.Event{Seq: 1, Type: uint32(e.ID), Process: p, Tid: 10, NsTid: 10, Comm: uint32(b.String("strace")), Args: make([]int64, len(e.Params))})
	return b.Take()
}

// TestBuiltinRulesFire holds one event against the rules of all languages.
func TestBuiltinRulesFire(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	rs, err := matcher.Load(matcher.DefaultConfig(), builtin.Languages(builtin.DefaultConfig(), log), rules.Files)
	if err != nil {
		t.Fatal(err)
	}
	e, err := matcher.NewEvaluator(rs, log)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	found := make(map[string]*msg.Detection)
	e.Batch(traced(t), func(d *msg.Detection) { found[d.Rule.ID] = d })
	d := found["TRC-2"]
	if d == nil {
		t.Fatalf("TRC-2 did not fire; these did: %v", found)
	}
	if d.Output == "" || d.Rule.Language != "rego" || d.Severity != 3 || d.Event.Comm != "strace" {
		t.Errorf("detection %+v", d)
	}
}

// BenchmarkBuiltinRules shows what an event costs that concerns rules of all
// languages and on which none fires.
func BenchmarkBuiltinRules(b *testing.B) {
	log := slog.New(slog.DiscardHandler)
	rs, err := matcher.Load(matcher.DefaultConfig(), builtin.Languages(builtin.DefaultConfig(), log), rules.Files)
	if err != nil {
		b.Fatal(err)
	}
	e, err := matcher.NewEvaluator(rs, log)
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	batch := traced(b)
	batch.Events[0].Args[0] = 16 // PTRACE_ATTACH
	n := 0
	for b.Loop() {
		e.Batch(batch, func(*msg.Detection) { n++ })
	}
	b.ReportMetric(float64(n)/float64(b.N), "detections/event")
}
