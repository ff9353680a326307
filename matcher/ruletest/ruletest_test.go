package ruletest_test

import (
	"fmt"
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

const rule = `
- rule: shell
  desc: d
  condition: evt.type = execve and proc.name = sh
  output: "shell %proc.cmdline"
  priority: INFO
`

// run runs tests of the rule and returns what is wrong.
func run(t *testing.T, tests string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"r.yaml": rule, "r_test.yaml": tests} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	log := slog.New(slog.DiscardHandler)
	cfg := matcher.DefaultConfig()
	cfg.Rules = []string{dir}
	report, err := ruletest.Run(t.Context(), cfg, []matcher.Language{expr.New(expr.DefaultConfig(), log)}, fstest.MapFS{}, log)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, p := range report.Problems {
		out = append(out, p.Error())
	}
	for _, r := range report.Results {
		if r.Failure != "" {
			out = append(out, fmt.Sprintf("%s:%d: %s: %s", filepath.Base(r.File), r.Line, r.Name, r.Failure))
		}
	}
	if report.Failed() != (len(out) > 0) {
		t.Errorf("the report says that it failed is %t, and has %q", report.Failed(), out)
	}
	return strings.Join(out, "\n")
}

func TestRun(t *testing.T) {
	const head = "- name: n\n  event: {name: sched_process_exec, process: {comm: sh, args: [sh, -c]}"
	for _, c := range []struct{ name, tests, want string }{
		{"as expected", head + "}\n  expect: [{rule: shell, output: [shell sh -c]}]\n", ""},
		{"fires unexpectedly", head + "}\n", `r_test.yaml:1: n: rule "shell" found in event 0`},
		{"does not fire", strings.Replace(head, "comm: sh", "comm: cat", 1) + "}\n  expect: [{rule: shell}]\n", `rule "shell" found nothing`},
		{"another output", head + "}\n  expect: [{rule: shell, output: [bash]}]\n", `lacks "bash"`},
		{
			"another event", "- name: n\n  events: [{name: sched_process_exec, process: {comm: sh}}, {name: sched_process_exec}]\n  expect: [{rule: shell, event: 1}]\n",
			"found in event 0, expected in event 1",
		},
		{"no such rule", head + "}\n  expect: [{rule: nonsense}]\n", `no rule in the folder has the id or name "nonsense"`},
		{"no such event", strings.Replace(head, "sched_process_exec", "nonsense", 1) + "}\n", "nonsense"},
		{"no such argument", head + ", args: {nonsense: 1}}\n", "nonsense"},
		{"no such flag", "- name: n\n  event: {name: openat, args: {flags: O_NONSENSE}}\n", "O_NONSENSE"},
		{"unknown key", strings.Replace(head, "comm", "com", 1) + "}\n", "field com not found"},
		{"no name", "- event: {name: openat}\n", "a test has a name"},
		{"event and events", "- name: n\n  event: {name: openat}\n  events: [{name: openat}]\n", "either event or events"},
		{"no tests", "[]\n", "no test is in it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := run(t, c.tests); (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want …%s…", got, c.want)
			}
		})
	}
}
