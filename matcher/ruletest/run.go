package ruletest

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/pkg/msg"
)

// Report is what became of the tests.
type Report struct {
	Results []matcher.TestResult
	// Problems are what is wrong with the files of rules and tests.
	Problems []matcher.Problem
}

// Failed says whether anything was not as it should be.
func (r *Report) Failed() bool {
	for _, x := range r.Results {
		if x.Failure != "" {
			return true
		}
	}
	for _, p := range r.Problems {
		if !p.Warning {
			return true
		}
	}
	return false
}

// Run runs the tests in the sources that cfg.Rules names: directories, files
// (the tests in it, or beside it) and "builtin". The error is about a source
// that cannot be read.
func Run(ctx context.Context, cfg matcher.Config, langs []matcher.Language, builtin fs.FS, log *slog.Logger) (*Report, error) {
	report := &Report{}
	for _, name := range cfg.Rules {
		s, err := open(name, builtin)
		if err != nil {
			return report, err
		}
		s.runLanguages(ctx, langs, report)
		if err := s.runCases(cfg, langs, builtin, log, report); err != nil {
			return report, err
		}
		if err := ctx.Err(); err != nil {
			return report, err
		}
	}
	return report, nil
}

// runLanguages runs the tests that languages have of their own.
func (s *source) runLanguages(ctx context.Context, langs []matcher.Language, report *Report) {
	for _, lang := range langs {
		t, ok := lang.(matcher.Tester)
		if !ok {
			continue
		}
		tests := s.tests(t.OwnsTest)
		if len(tests) == 0 {
			continue
		}
		var rules []matcher.File
		for _, f := range s.files {
			if lang.Owns(f.Path) {
				rules = append(rules, f)
			}
		}
		results, problems := t.Test(ctx, rules, tests)
		report.Results = append(report.Results, results...)
		report.Problems = append(report.Problems, problems...)
	}
}

// runCases runs the tests in YAML.
func (s *source) runCases(cfg matcher.Config, langs []matcher.Language, builtin fs.FS, log *slog.Logger, report *Report) error {
	files := s.tests(isYAML)
	if len(files) == 0 {
		return nil
	}
	cfg.Rules = []string{s.rules}
	rs, err := matcher.Load(cfg, langs, builtin)
	if err != nil {
		return err
	}
	report.add(rs.Problems)
	e, err := matcher.NewEvaluator(rs, log)
	if err != nil {
		return err
	}
	defer e.Close()
	partition := uint32(0)
	for _, f := range files {
		cases, problems := Parse(f)
		report.Problems = append(report.Problems, problems...)
		rules := rulesIn(rs, folder(f.Path))
		if len(rules) == 0 {
			report.Problems = append(report.Problems, matcher.Problem{File: f.Path, Message: "there are no rules in its folder that it could test"})
			continue
		}
		for i := range cases {
			c := &cases[i]
			r := matcher.TestResult{File: c.File, Line: c.Line, Name: c.Name}
			if off := c.disabled(rules); off != "" {
				r.Skipped, r.Output = true, fmt.Sprintf("the rule %q is disabled", off)
				report.Results = append(report.Results, r)
				continue
			}
			// A partition of its own is a memory of its own.
			r.Failure = c.run(e, rules, partition)
			e.Forget(partition)
			partition++
			report.Results = append(report.Results, r)
		}
	}
	return nil
}

// add adds problems that are not reported yet.
func (r *Report) add(problems []matcher.Problem) {
	for _, p := range problems {
		known := false
		for _, q := range r.Problems {
			known = known || p == q
		}
		if !known {
			r.Problems = append(r.Problems, p)
		}
	}
}

func folder(p string) string { return path.Dir(filepath.ToSlash(p)) }

// rulesIn lists the rules that are written in a folder, by id and by name.
func rulesIn(rs *matcher.Ruleset, dir string) map[string]matcher.Rule {
	out := make(map[string]matcher.Rule)
	for _, r := range rs.Rules {
		if folder(r.File) == dir {
			out[r.Info.ID] = r
			out[r.Info.Name] = r
		}
	}
	delete(out, "")
	return out
}

// disabled names an expected rule that is disabled, "" when there is none.
func (c *Case) disabled(rules map[string]matcher.Rule) string {
	for _, x := range c.Expect {
		if rules[x.Rule].Disabled {
			return x.Rule
		}
	}
	return ""
}

// run returns what is not as expected.
func (c *Case) run(e *matcher.Evaluator, rules map[string]matcher.Rule, partition uint32) string {
	for _, x := range c.Expect {
		if _, ok := rules[x.Rule]; !ok {
			return fmt.Sprintf("no rule in the folder has the id or name %q", x.Rule)
		}
	}
	b, err := c.batch(partition)
	if err != nil {
		return err.Error()
	}
	var found []*msg.Detection
	emit := func(d *msg.Detection) {
		_, byID := rules[d.Rule.ID]
		_, byName := rules[d.Rule.Name]
		if byID || byName {
			found = append(found, d)
		}
	}
	e.Batch(b, emit)
	e.Pass(partition, b.Host, b.Events[len(b.Events)-1].Time+int64(c.Passes), emit)
	var wrong []string
	for _, x := range c.Expect {
		at, near, why := -1, -1, ""
		for i, d := range found {
			if d == nil || d.Rule.ID != x.Rule && d.Rule.Name != x.Rule {
				continue
			}
			differs := x.differs(d)
			if differs == "" {
				at = i
				break
			}
			near, why = i, differs
		}
		switch {
		case at >= 0:
			found[at] = nil
		case near >= 0:
			found[near] = nil
			wrong = append(wrong, fmt.Sprintf("rule %q: %s", x.Rule, why))
		default:
			wrong = append(wrong, fmt.Sprintf("rule %q found nothing", x.Rule))
		}
	}
	for _, d := range found {
		if d != nil {
			wrong = append(wrong, fmt.Sprintf("rule %q found in event %d: %q, data %v", name(d), d.Event.Seq-1, d.Output, d.Data))
		}
	}
	return strings.Join(wrong, "; ")
}

func name(d *msg.Detection) string {
	if d.Rule.ID != "" {
		return d.Rule.ID
	}
	return d.Rule.Name
}

// differs says in what a finding differs from the expected one.
func (x *Expect) differs(d *msg.Detection) string {
	if at := int(d.Event.Seq) - 1; x.Event != nil && *x.Event != at {
		return fmt.Sprintf("found in event %d, expected in event %d", at, *x.Event)
	}
	for _, want := range x.Output {
		if !strings.Contains(d.Output, want) {
			return fmt.Sprintf("the output is %q and lacks %q", d.Output, want)
		}
	}
	for key, want := range x.Data {
		got, ok := d.Data[key]
		if !ok {
			return fmt.Sprintf("its data %v lacks %q", d.Data, key)
		}
		if !equal(got, want) {
			return fmt.Sprintf("its data has %q: %v, expected %v", key, got, want)
		}
	}
	return ""
}

// equal compares values as JSON carries them.
func equal(a, b any) bool {
	var x, y any
	for from, to := range map[*any]*any{&a: &x, &b: &y} {
		text, err := json.Marshal(*from)
		if err != nil || json.Unmarshal(text, to) != nil {
			return false
		}
	}
	return reflect.DeepEqual(x, y)
}
