// Package expr_test runs the tests that stand beside the rules of this folder.
package expr_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/matcher/expr"
	"github.com/tripline/tripline/matcher/expr/ruletest"
)

// load loads all rule files of this folder, which must be without problems.
func load(t *testing.T) (prog matcher.Program, files []string) {
	t.Helper()
	cfg := expr.DefaultConfig()
	cfg.RuleMatching = expr.All
	lang := expr.New(cfg, slog.New(slog.DiscardHandler))
	paths, err := filepath.Glob("*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var in []matcher.File
	for _, p := range paths {
		if !lang.Owns(p) {
			continue
		}
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		in = append(in, matcher.File{Path: p, Content: b})
		files = append(files, p)
	}
	prog, problems := lang.Load(in)
	for _, p := range problems {
		t.Error(p.Error())
	}
	return prog, files
}

func TestRules(t *testing.T) {
	prog, files := load(t)
	fired := map[string]bool{}
	for _, f := range files {
		if strings.HasPrefix(f, "00-") {
			continue
		}
		t.Run(f, func(t *testing.T) {
			path := strings.TrimSuffix(f, ".yaml") + "_test.yaml"
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatalf("the rule has no tests: %v", err)
			}
			cases, err := ruletest.Parse(path, b)
			if err != nil {
				t.Fatal(err)
			}
			failures, err := ruletest.Run(prog, cases)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range failures {
				t.Error(x.Error())
			}
			for _, c := range cases {
				for _, e := range c.Expect {
					fired[e.Rule] = true
				}
			}
		})
	}
	for _, r := range prog.Rules() {
		if !fired[r.Info.Name] {
			t.Errorf("no test expects the rule %q to fire", r.Info.Name)
		}
		if len(r.Select) == 0 || r.Info.Description == "" || len(r.Info.Tags) == 0 || r.Info.MITRE == "" {
			t.Errorf("the rule %q lacks events, a description, tags or a technique", r.Info.Name)
		}
	}
}
