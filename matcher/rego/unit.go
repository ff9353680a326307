package rego

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/tester"

	"github.com/tripline/tripline/matcher"
)

var _ matcher.Tester = (*Language)(nil)

// OwnsTest implements [matcher.Tester].
func (*Language) OwnsTest(path string) bool { return isTest(path) }

// Test runs tests as "opa test" does: rules, libraries and tests are compiled
// together, and every rule whose name begins with test_ is a test. A rule file
// that does not compile is left out, and the tests that need it fail.
func (l *Language) Test(ctx context.Context, rules, tests []matcher.File) ([]matcher.TestResult, []matcher.Problem) {
	lib, problems := l.loadLibrary(rules)
	mods := lib.modules()
	sources := map[string]source{}
	for _, f := range rules {
		sources[f.Path] = newSource(f)
		if isLibrary(f.Path) || isTest(f.Path) {
			continue
		}
		m, found := l.module(f, lib)
		problems = append(problems, found...)
		if m != nil {
			mods[f.Path] = m
		}
	}
	alone := maps.Clone(mods)
	var own []string
	for _, f := range tests {
		sources[f.Path] = newSource(f)
		parsed, err := parseAny(f)
		if err != nil {
			problems = append(problems, sources[f.Path].problems(err, l.denied)...)
			continue
		}
		mods[f.Path] = parsed[0]
		own = append(own, f.Path)
	}
	results, err := l.runTests(ctx, mods)
	if err == nil {
		return results, problems
	}
	// One file that does not compile should not keep the tests of the others
	// from being run: each gets a compiler of its own.
	for _, path := range own {
		with := maps.Clone(alone)
		with[path] = mods[path]
		more, err := l.runTests(ctx, with)
		if err != nil {
			problems = append(problems, sources[path].problems(err, l.denied)...)
			continue
		}
		results = append(results, more...)
	}
	return results, problems
}

// module reads a rule file in the dialect in which it compiles.
func (l *Language) module(f matcher.File, lib library) (*ast.Module, []matcher.Problem) {
	src := newSource(f)
	mods, err := parseAny(f)
	if err != nil {
		return nil, src.problems(err, l.denied)
	}
	var first error
	for _, m := range mods {
		_, err := l.compilerFor(lib, f.Path, m)
		if err == nil {
			return m, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, src.problems(first, l.denied)
}

func (l *Language) runTests(ctx context.Context, mods map[string]*ast.Module) (out []matcher.TestResult, err error) {
	copies := make(map[string]*ast.Module, len(mods))
	for path, m := range mods {
		copies[path] = m.Copy() // compiling changes them
	}
	compiler := ast.NewCompiler().WithCapabilities(l.caps).WithEnablePrintStatements(true)
	store, txn, err := emptyStore()
	if err != nil {
		return nil, err
	}
	defer func() { store.Abort(ctx, txn) }()
	found, err := tester.NewRunner().SetCompiler(compiler).SetStore(store).SetModules(copies).
		CapturePrintOutput(true).RaiseBuiltinErrors(false).RunTests(ctx, txn)
	if err != nil {
		return nil, err
	}
	for r := range found {
		out = append(out, result(r))
	}
	slices.SortFunc(out, func(a, b matcher.TestResult) int {
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line, strings.Compare(a.Name, b.Name))
	})
	return out, ctx.Err()
}

func result(r *tester.Result) matcher.TestResult {
	out := matcher.TestResult{
		Name: strings.TrimPrefix(r.Package, "data.") + "." + r.Name, Skipped: r.Skip, Output: string(r.Output),
	}
	if r.Location != nil {
		out.File, out.Line = r.Location.File, r.Location.Row
	}
	switch {
	case r.Error != nil:
		out.Failure = r.Error.Error()
	case r.Fail:
		out.Failure = "it is not true"
		if at := r.FailedAt; at != nil && at.Loc() != nil {
			out.Failure += ": " + strings.TrimSpace(string(at.Loc().Text))
		}
		var cases []string
		for name, sub := range r.SubResults.Iter {
			if sub.Fail && len(sub.SubResults) == 0 {
				cases = append(cases, strings.Join(name, "/"))
			}
		}
		if len(cases) > 0 {
			out.Failure += " for " + strings.Join(cases, ", ")
		}
	}
	return out
}
