// Package expr_test runs the tests that stand beside the rules of this folder.
package expr_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/matcher/expr"
	"github.com/tripline/tripline/matcher/ruletest"
)

// TestRules: the tests pass, every rule is the expected finding of one, and
// every rule says what its reader needs to know.
func TestRules(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	all := expr.DefaultConfig()
	all.RuleMatching = expr.All
	langs := []matcher.Language{expr.New(all, log)}
	cfg := matcher.DefaultConfig()
	cfg.Rules = []string{"."}
	report, err := ruletest.Run(t.Context(), cfg, langs, fstest.MapFS{}, log)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range report.Problems {
		t.Error(p.Error())
	}
	for _, r := range report.Results {
		if r.Failure != "" {
			t.Errorf("%s:%d: %s: %s", r.File, r.Line, r.Name, r.Failure)
		}
	}
	expected := expectations(t)
	rs, err := matcher.Load(cfg, langs, fstest.MapFS{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rs.Rules {
		if file := tests(r.File); !expected[file][r.Info.Name] && !expected[file][r.Info.ID] {
			t.Errorf("no test in %s expects the rule %q to fire", file, r.Info.Name)
		}
		if len(r.Select) == 0 || r.Info.Description == "" || len(r.Info.Tags) == 0 || r.Info.MITRE == "" {
			t.Errorf("the rule %q lacks events, a description, tags or a technique", r.Info.Name)
		}
	}
}

// tests is the file with the tests of a rule file.
func tests(file string) string { return strings.TrimSuffix(file, ".yaml") + "_test.yaml" }

// expectations lists the rules that each file of tests expects to fire.
func expectations(t *testing.T) map[string]map[string]bool {
	t.Helper()
	paths, err := filepath.Glob("*_test.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no tests: %v", err)
	}
	out := map[string]map[string]bool{}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		cases, _ := ruletest.Parse(matcher.File{Path: p, Content: b})
		out[p] = map[string]bool{}
		for _, c := range cases {
			for _, x := range c.Expect {
				out[p][x.Rule] = true
			}
		}
	}
	return out
}
