package expr_test

import (
	"log/slog"
	"testing"
	"testing/fstest"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/matcher/expr"
	"github.com/tripline/tripline/matcher/ruletest"
)

// TestDisabled runs the tests of the rules that are not enabled at first, each
// with its rule enabled and no other.
func TestDisabled(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	cfg := matcher.DefaultConfig()
	cfg.Rules = []string{"."}
	rs, err := matcher.Load(cfg, []matcher.Language{expr.New(expr.DefaultConfig(), log)}, fstest.MapFS{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rs.Rules {
		if !r.Disabled {
			continue
		}
		t.Run(r.Info.ID, func(t *testing.T) {
			only := expr.DefaultConfig()
			only.Rules = []expr.Selection{
				{Disable: &expr.Target{Rule: "*"}},
				{Enable: &expr.Target{Rule: r.Info.Name}},
			}
			cfg := cfg
			cfg.Rules = []string{r.File}
			report, err := ruletest.Run(t.Context(), cfg, []matcher.Language{expr.New(only, log)}, fstest.MapFS{}, log)
			if err != nil {
				t.Fatal(err)
			}
			if len(report.Results) == 0 {
				t.Error("it has no tests")
			}
			for _, x := range report.Results {
				if x.Failure != "" || x.Skipped {
					t.Errorf("%s:%d: %s: skipped %t, %s", x.File, x.Line, x.Name, x.Skipped, x.Failure)
				}
			}
		})
	}
}
