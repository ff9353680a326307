package builtin_test

import (
	"log/slog"
	"testing"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/matcher/builtin"
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
