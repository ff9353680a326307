package rego_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/tester"

	engine "github.com/tripline/tripline/matcher/rego"
)

// TestUnits runs the *_test.rego beside the rules as "opa test" does.
func TestUnits(t *testing.T) {
	mods := engine.Library()
	names, err := filepath.Glob("*.rego")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		m, err := ast.ParseModule(name, string(content))
		if err != nil {
			t.Fatal(err)
		}
		mods[name] = m
	}
	results, err := tester.NewRunner().SetDefaultRegoVersion(ast.RegoV1).SetModules(mods).RunTests(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for r := range results {
		n++
		t.Run(r.Package+"."+r.Name, func(t *testing.T) {
			if r.Error != nil {
				t.Error(r.Error)
			} else if !r.Pass() {
				t.Errorf("%v: failed", r.Location)
			}
		})
	}
	if n == 0 {
		t.Error("no tests were run")
	}
}
