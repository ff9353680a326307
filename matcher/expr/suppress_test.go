package expr_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/matcher/expr"
)

const quiet = `
- rule: r
  desc: d
  condition: evt.type = rename
  output: o
  priority: INFO
  suppress: [{fields: {proc.name: crypt}, until: 2100-01-01, reason: why}]
`

// problemsOf loads rules and returns what is wrong with them.
func problemsOf(text string) (matcher.Program, []matcher.Problem) {
	return expr.New(expr.DefaultConfig(), slog.New(slog.DiscardHandler)).Load([]matcher.File{{Path: "r.yaml", Content: []byte(text)}})
}

// TestSuppressRefused: each mistake is reported at its place.
func TestSuppressRefused(t *testing.T) {
	for _, c := range []struct{ suppress, want, caret string }{
		{"all", "'suppress' must be a sequence", "all"},
		{"[all]", "expected a mapping for the suppression", "all"},
		{"[{until: 2100-01-01, reason: why}]", "either 'condition' or 'fields'", "{until"},
		{"[{condition: a, fields: {proc.name: x}, until: 2100-01-01, reason: why}]", "either 'condition' or 'fields'", "{cond"},
		{"[{fields: {proc.name: x}, reason: why}]", "has no key 'until'", "{fields"},
		{"[{fields: {proc.name: x}, until: 2100-01-01}]", "has no key 'reason'", "{fields"},
		{"[{fields: {proc.name: x}, until: soon, reason: why}]", "'until' must be a day", "soon"},
		{"[{fields: {proc.name: x}, until: 2100-01-01, because: why}]", "has no key 'because'", "because"},
		{"[{fields: {}, until: 2100-01-01, reason: why}]", "expected a field with a value", "{}"},
		{"[{fields: {proc.name: {}}, until: 2100-01-01, reason: why}]", "expected a value for proc.name", "{}}"},
		{"[{fields: {proc.nonsense: x}, until: 2100-01-01, reason: why}]", "there is no field proc.nonsense", "proc.nonsense"},
		{"[{fields: {proc.pid: x}, until: 2100-01-01, reason: why}]", "x", "x}"},
		{"[{condition: proc.name = x and nonsense, until: 2100-01-01, reason: why}]", "the macro 'nonsense' is not defined", "nonsense"},
		{"[{condition: proc.name =, until: 2100-01-01, reason: why}]", "expected", ""},
	} {
		t.Run(c.suppress, func(t *testing.T) {
			text := strings.Replace(quiet, "[{fields: {proc.name: crypt}, until: 2100-01-01, reason: why}]", c.suppress, 1)
			prog, problems := problemsOf(text)
			if len(problems) != 1 || problems[0].Warning || !strings.Contains(problems[0].Message, c.want) {
				t.Fatalf("got %v, want …%s…", problems, c.want)
			}
			p := problems[0]
			if at := strings.Index(p.Snippet, c.suppress) + strings.Index(c.suppress, c.caret) + 1; p.Line != 7 || c.caret != "" && p.Column != at {
				t.Errorf("reported at line %d, column %d, want line 7, column %d:\n%s", p.Line, p.Column, at, p.Error())
			}
			if len(prog.Rules()) != 0 {
				t.Error("the rule runs all the same")
			}
		})
	}
}

// TestSuppressEnds: what has ended is warned of and does nothing.
func TestSuppressEnds(t *testing.T) {
	prog, problems := problemsOf(strings.Replace(quiet, "until: 2100", "until: 2001", 1))
	if len(problems) != 1 || !problems[0].Warning || problems[0].Code != "LOAD_SUPPRESS_EXPIRED" || problems[0].Line != 7 || !strings.Contains(problems[0].Message, "why") {
		t.Errorf("got %v", problems)
	}
	_, match := counter(t, prog.(*expr.Program))
	if got := match(rename("h", 1, 1_700_000_000)); got != 1 {
		t.Errorf("%d findings after the end, want 1", got)
	}
	if got := match(rename("h", 1, 900_000_000)); got != 0 {
		t.Errorf("%d findings for an event before the end, want 0", got)
	}
	if n := prog.(*expr.Program).Suppressed(); n != 1 {
		t.Errorf("%d events count as suppressed, want 1", n)
	}
}

// TestSuppressOverride: a file of one's own adds to, and replaces.
func TestSuppressOverride(t *testing.T) {
	add := "- rule: r\n  suppress: [{condition: proc.pid = 2, until: 2100-01-01, reason: why}]\n  override: {suppress: "
	for how, want := range map[string][2]int{"append": {0, 0}, "replace": {1, 0}} {
		_, match := counter(t, load(t, expr.DefaultConfig(), quiet+add+how+"}\n"))
		if got := [2]int{match(rename("h", 1, 1)), match(rename("h", 2, 1))}; got != want {
			t.Errorf("%s: got %v, want %v", how, got, want)
		}
	}
}
