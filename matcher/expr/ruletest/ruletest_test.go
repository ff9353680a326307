package ruletest_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/matcher/expr"
	"github.com/tripline/tripline/matcher/expr/ruletest"
)

const rule = `
- rule: shell
  desc: d
  condition: evt.type = execve and proc.name = sh
  output: "shell %proc.cmdline"
  priority: INFO
`

func run(t *testing.T, tests string) []string {
	t.Helper()
	prog, problems := expr.New(expr.DefaultConfig(), slog.New(slog.DiscardHandler)).Load([]matcher.File{{Path: "r.yaml", Content: []byte(rule)}})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	cases, err := ruletest.Parse("r_test.yaml", []byte(tests))
	if err != nil {
		return []string{err.Error()}
	}
	failures, err := ruletest.Run(prog, cases)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range failures {
		out = append(out, f.Error())
	}
	return out
}

func TestRun(t *testing.T) {
	const head = "- name: n\n  event: {name: sched_process_exec, process: {comm: sh, args: [sh, -c]}"
	for _, c := range []struct{ name, tests, want string }{
		{"as expected", head + "}\n  expect: [{rule: shell, output: [shell sh -c]}]\n", ""},
		{"fires unexpectedly", head + "}\n", `r_test.yaml:1: n: rule "shell" fired`},
		{"does not fire", strings.Replace(head, "comm: sh", "comm: cat", 1) + "}\n  expect: [{rule: shell}]\n", `rule "shell" did not fire`},
		{"another output", head + "}\n  expect: [{rule: shell, output: [bash]}]\n", `lacks "bash"`},
		{"no such event", strings.Replace(head, "sched_process_exec", "nonsense", 1) + "}\n", `there is no event "nonsense"`},
		{"no such argument", head + ", args: {nonsense: 1}}\n", `no argument "nonsense"`},
		{"no such flag", "- name: n\n  event: {name: openat, args: {flags: O_NONSENSE}}\n", `there is no value "O_NONSENSE"`},
		{"unknown key", strings.Replace(head, "comm", "com", 1) + "}\n", "field com not found"},
		{"no name", "- event: {name: openat}\n", "a test has a name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := strings.Join(run(t, c.tests), "\n")
			if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want …%s…", got, c.want)
			}
		})
	}
}
