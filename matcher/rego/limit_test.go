package rego

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tripline/tripline/matcher"
)

// TestTimeLimit holds an event against rules that do not end, in turn with one
// that does. That the test ends at all is the point.
func TestTimeLimit(t *testing.T) {
	head := v1Head[strings.Index(v1Head, "\n")+1:]
	for name, body := range map[string]string{
		"nested loops":  "tracee_match if { some x in numbers.range(1, 3000); some y in numbers.range(1, 3000); some z in numbers.range(1, 3000); x + y + z == 0 }",
		"huge range":    "tracee_match if count(numbers.range(1, 1000000000)) == 1",
		"comprehension": "tracee_match if { r := numbers.range(1, 5000); count([[x, y] | some x in r; some y in r]) == 1 }",
		"long loop":     "tracee_match if { some x in numbers.range(1, 100000000); x < 0 }",
	} {
		t.Run(name, func(t *testing.T) {
			p := load(t, "package tracee.SLOW\n"+head+body, "package tracee.FAST\n"+head+"tracee_match if true")
			w, err := p.NewWorker()
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				ev := open(t, "/etc/passwd", 0)
				err := w.Match(0, ev, func(matcher.Finding) { t.Error("the slow rule found something") })
				if !errors.Is(err, ErrTimeLimit) {
					t.Errorf("error is %v, expected the time limit", err)
				}
				n := 0
				if err := w.Match(1, ev, func(matcher.Finding) { n++ }); err != nil || n != 1 {
					t.Errorf("the rule after it: %v, %d findings", err, n)
				}
			}
		})
	}
}

// TestBudget has a loop that the screen can run, over more turns than it may:
// OPA is asked, and runs out of time too.
func TestBudget(t *testing.T) {
	p := load(t, "package t\n__rego_metadoc__ := {\"id\": \"T\"}\ntracee_selected_events contains {\"source\": \"tracee\"}\n"+
		"tracee_match if { e := input.argsByName.envp; some a in e; some b in e; some c in e; some d in e; a == \"x\"; b == c; c != d }\n")
	env := make([]string, 200)
	for i := range env {
		env[i] = "x"
	}
	w, err := p.NewWorker()
	if err != nil {
		t.Fatal(err)
	}
	ev := eventOf(t, mustType(t, "execve"), "/bin/ls", []string{"ls"}, env)
	if err := w.Match(0, ev, func(matcher.Finding) { t.Error("a finding") }); !errors.Is(err, ErrTimeLimit) {
		t.Errorf("error is %v, expected the time limit", err)
	}
	m := w.(*worker).machine
	if m.spent < budget {
		t.Errorf("the screen gave up after %d of %d", m.spent, budget)
	}
	ev = eventOf(t, mustType(t, "execve"), "/bin/ls", []string{"ls"}, env[:3])
	if err := w.Match(0, ev, func(matcher.Finding) { t.Error("a finding") }); err != nil {
		t.Error(err)
	}
}

// TestLoadLimit loads a signature whose metadata takes for ever to compute.
func TestLoadLimit(t *testing.T) {
	cfg := DefaultConfig()
	cfg.LoadLimit = cfg.TimeLimit
	src := "package t\n__rego_metadoc__ := {\"id\": \"T\"} if { some x in numbers.range(1, 100000000); x < 0 }\n" +
		"tracee_selected_events contains {\"source\": \"tracee\"}\ntracee_match if true\n"
	p, problems := New(cfg, quiet()).Load(files(src))
	if len(p.Rules()) != 1 || len(problems) == 0 || !strings.Contains(problems[0].Message, "takes more than") {
		t.Errorf("%d rules, problems %v", len(p.Rules()), problems)
	}
}

// TestHostileStrings gives rules what a process may put into its strings.
func TestHostileStrings(t *testing.T) {
	cfg := DefaultConfig()
	cfg.MaxString = 1024
	src := v1Head +
		"tracee_match := {\"path\": helpers.get_tracee_argument(\"pathname\"), \"comm\": input.processName}"
	for _, screen := range []bool{false, true} {
		cfg.Screen = screen
		p, problems := New(cfg, quiet()).Load(files(src))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		for _, s := range []string{
			strings.Repeat("a", 1<<20), strings.Repeat("\xff", 5000), strings.Repeat("\u00e4", 4000), "\x00\x1b[31m\n", "\xf0\x9f", "",
			`{"a": "b"}`, "${x} {{.}} %s", strings.Repeat("(a+)+", 500),
		} {
			ev := open(t, s, 0)
			got, err := match(t, p, ev)
			if err != nil || len(got) != 1 {
				t.Fatalf("%.20q: %v, %d findings", s, err, len(got))
			}
			path := got[0].Data["path"].(string)
			if len(path) > cfg.MaxString || !utf8.ValidString(path) {
				t.Errorf("%.20q became %d bytes, valid %v", s, len(path), utf8.ValidString(path))
			}
			if utf8.ValidString(s) && len(s) <= cfg.MaxString && path != s {
				t.Errorf("%q became %q", s, path)
			}
		}
	}
}

func TestConfig(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	if err := (Config{}).Validate(); err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("an empty configuration gives %v, expected three errors", err)
	}
}
