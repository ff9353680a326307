package expr_test

import (
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/matcher/expr"
	"github.com/tripline/tripline/pkg/msg"
)

// TestEnvironment is which variables rules ask for, wherever they name them.
func TestEnvironment(t *testing.T) {
	const whole = msg.WholeEnvironment
	for _, c := range []struct {
		name, rule string
		want       []string
	}{
		{"in a condition", `{condition: 'evt.type = execve and proc.env[B] != "" and not proc.aenv[A] = x', output: o}`, []string{"A", "B"}},
		{"in an output", `{condition: evt.type = execve, output: "%proc.env[HOME]"}`, []string{"HOME"}},
		{"in a macro", `{condition: evt.type = execve and odd, output: o}`, []string{"ODD"}},
		{"in an exception", `{condition: evt.type = execve, output: o, exceptions: [{name: e, fields: ["proc.env[E]"], comps: ["="], values: [[x]]}]}`, []string{"E"}},
		{"in a threshold", `{condition: evt.type = execve, output: o, threshold: {count: 2, within: 1m, by: ["proc.env[T]"]}}`, []string{"T"}},
		{"in expr", `{expr: 'evt.type == "execve" && proc.env["X"] != ""', output: o}`, []string{"X"}},
		{"as a whole", `{condition: evt.type = execve and proc.env contains A, output: "%proc.env[B]"}`, []string{whole, "B"}},
		{"of a given ancestor", `{condition: 'evt.type = execve and proc.aenv[2] contains A', output: o}`, []string{whole}},
		{"as an argument", `{condition: evt.type = execve and evt.arg.env contains A, output: o}`, []string{whole}},
		{"as an argument by number", `{condition: 'evt.type = execve and evt.arg[15] contains A', output: o}`, []string{whole}},
		{"not at all", `{condition: 'evt.type = execve and evt.arg[1] contains A', output: "%evt.args %proc.cmdline"}`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := "  " + strings.TrimSuffix(strings.TrimPrefix(c.rule, "{"), "}")
			text := "- macro: odd\n  condition: (proc.env[ODD] = yes)\n- {rule: r, desc: d, priority: INFO, " + strings.TrimSpace(body) + "}\n"
			prog, problems := expr.New(expr.DefaultConfig(), slog.New(slog.DiscardHandler)).Load([]matcher.File{{Path: "r.yaml", Content: []byte(text)}})
			for _, p := range problems {
				if !p.Warning {
					t.Error(p.Error())
				}
			}
			if t.Failed() {
				t.FailNow()
			}
			if got := prog.Rules()[0].Environment; !slices.Equal(got, c.want) {
				t.Errorf("asks for %q, want %q", got, c.want)
			}
		})
	}
}

// TestOurRulesAskForNames: no rule that comes with Tripline needs whole
// environments.
func TestOurRulesAskForNames(t *testing.T) {
	prog, _ := expr.New(expr.DefaultConfig(), slog.New(slog.DiscardHandler)).Load(ours(t))
	asked := 0
	for _, r := range prog.Rules() {
		asked += len(r.Environment)
		if slices.Contains(r.Environment, msg.WholeEnvironment) {
			t.Errorf("%s asks for all variables", r.Info.Name)
		}
	}
	if asked == 0 {
		t.Error("none asks for any")
	}
}
