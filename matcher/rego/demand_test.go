package rego

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/pkg/msg"
)

// TestDemand is which arguments a rule's bodies fix.
func TestDemand(t *testing.T) {
	is := func(name string, values ...string) []msg.ArgDemand {
		return []msg.ArgDemand{{Name: name, Op: "=", Values: values}}
	}
	const traceme = `helpers.get_tracee_argument("request") == "PTRACE_TRACEME"`
	for _, c := range []struct {
		name, body string
		want       []msg.ArgDemand
	}{
		{"helper", "tracee_match { " + traceme + " }", is("request", "PTRACE_TRACEME")},
		{"the other way round", `tracee_match { "PTRACE_TRACEME" = helpers.get_tracee_argument("request") }`, is("request", "PTRACE_TRACEME")},
		{"by name", `tracee_match { input.argsByName.pid == 3 }`, is("pid", "3")},
		{"by name in brackets", `tracee_match { input["argsByName"]["request"] == "A" }`, is("request", "A")},
		{"full name", `tracee_match { data.tracee.helpers.get_tracee_argument("request") == "A" }`, is("request", "A")},
		{"two bodies", "tracee_match { " + traceme + " }\n" + `tracee_match = {"a": 1} { input.argsByName.request == "A" }`, is("request", "A", "PTRACE_TRACEME")},
		{
			"two arguments", `tracee_match { input.argsByName.request == "A"; input.argsByName.pid == 1 }`,
			[]msg.ArgDemand{{Name: "pid", Op: "=", Values: []string{"1"}}, {Name: "request", Op: "=", Values: []string{"A"}}},
		},
		{"bodies on different arguments", `tracee_match { input.argsByName.request == "A" }` + "\n" + `tracee_match { input.argsByName.pid == 1 }`, nil},
		{"a body for another event", "tracee_match { " + traceme + ` }` + "\n" + `tracee_match { input.eventName == "execve" }`, is("request", "PTRACE_TRACEME")},
		{"a body for this event", "tracee_match { " + traceme + ` }` + "\n" + `tracee_match { input.eventName == "ptrace" }`, nil},
		{"a body for any event", "tracee_match { " + traceme + " }\ntracee_match { input.argsNum == 9 }", nil},
		{"negated", "tracee_match { not " + traceme + " }", nil},
		{"unequal", `tracee_match { helpers.get_tracee_argument("request") != "A" }`, nil},
		{"with", "tracee_match { " + traceme + ` with input as {} }`, nil},
		{"a variable", `tracee_match { x := helpers.get_tracee_argument("request"); x == "A" }`, nil},
		{"no constant", `tracee_match { input.argsByName.request == input.processName }`, nil},
		{"true", `tracee_match { input.argsByName.request == true }`, nil},
		{"a fraction", `tracee_match { input.argsByName.pid == 1.5 }`, nil},
		{"default false", "default tracee_match = false\ntracee_match { " + traceme + " }", is("request", "PTRACE_TRACEME")},
		{"default true", "default tracee_match = true\ntracee_match = false { " + traceme + " }", nil},
		{"else", "tracee_match { " + traceme + " } else = true { input.argsNum == 4 }", nil},
		{"input shadowed", `tracee_match { input := {"argsByName": {"request": "A"}}; input.argsByName.request == "A" }`, nil},
		{"helpers shadowed", `tracee_match { helpers := 1; helpers == 1; input.argsByName.request == "A" }`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := load(t, strings.ReplaceAll(v0Head, "security_file_open", "ptrace")+c.body)
			if d := cmp.Diff([]matcher.Selector{{Event: "ptrace", Args: c.want}}, p.Rules()[0].Select); d != "" {
				t.Error(d)
			}
		})
	}
	t.Run("in a set", func(t *testing.T) {
		p := load(t, strings.ReplaceAll(v1Head, "security_file_open", "ptrace")+`tracee_match if input.argsByName.request in {"A", "B"}`)
		if d := cmp.Diff(is("request", "A", "B"), p.Rules()[0].Select[0].Args); d != "" {
			t.Error(d)
		}
	})
	t.Run("helpers replaced", func(t *testing.T) {
		src := strings.ReplaceAll(v0Head, "security_file_open", "ptrace") + "tracee_match { " + traceme + " }"
		p := load(t, src)
		fs := append(files(src), matcher.File{Path: "more_helpers.rego", Content: []byte("package tracee.helpers\nget_tracee_argument(\"x\") := 1\n")})
		q, problems := New(DefaultConfig(), quiet()).Load(fs)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		if p.Rules()[0].Select[0].Args == nil || q.Rules()[0].Select[0].Args != nil {
			t.Errorf("conditions %v alone, %v with more helpers", p.Rules()[0].Select, q.Rules()[0].Select)
		}
	})
}

// meets says whether an event meets the conditions of the selector it is
// chosen by.
func meets(s matcher.Selector, ev *matcher.Event) bool {
	for _, a := range s.Args {
		v, ok := ev.Arg(a.Name)
		if !ok {
			return false
		}
		fits := false
		for _, want := range a.Values {
			fits = fits || v.Text() == want
		}
		if !fits {
			return false
		}
	}
	return true
}

// TestEnvironment is which variables a rule asks for.
func TestEnvironment(t *testing.T) {
	v0 := strings.ReplaceAll(v0Head, "security_file_open", "execve")
	const body = `tracee_match { startswith(helpers.get_tracee_argument("envp")[_], "LD_PRELOAD=") }`
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"named as argument", v0 + body, []string{msg.WholeEnvironment}},
		{"named by a field", v0 + `tracee_match { input.argsByName.env[_] == "A=1" }`, []string{msg.WholeEnvironment}},
		{"not looked at", v0 + `tracee_match { input.argsByName.pathname == "/bin/env" }`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := load(t, c.text).Rules()[0].Environment; !slices.Equal(got, c.want) {
				t.Errorf("asks for %q, want %q", got, c.want)
			}
		})
	}
	t.Run("declared", func(t *testing.T) {
		text := `package tracee.X
__rego_metadoc__ := {"id": "X", "properties": {"Environment": ["LD_PRELOAD", "LD_AUDIT"]}}
tracee_selected_events[s] { s := {"source": "tracee", "name": "execve"} }
tracee_match { startswith(input.argsByName.envp[_], "LD_PRELOAD=") }
`
		if got := load(t, text).Rules()[0].Environment; !slices.Equal(got, []string{"LD_PRELOAD", "LD_AUDIT"}) {
			t.Errorf("asks for %q", got)
		}
	})
}
