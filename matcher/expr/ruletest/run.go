package ruletest

import (
	"fmt"
	"sort"
	"strings"

	"github.com/tripline/tripline/matcher"
)

// Failure is a test that failed.
type Failure struct {
	Case *Case
	Why  string
}

// Error renders the failure as file:line: test: why.
func (f Failure) Error() string {
	return fmt.Sprintf("%s:%d: %s: %s", f.Case.File, f.Case.Line, f.Case.Name, f.Why)
}

// Run holds the event of every case against all rules of a program that select
// it, and returns what is not as expected.
func Run(p matcher.Program, cases []Case) ([]Failure, error) {
	w, err := p.NewWorker()
	if err != nil {
		return nil, err
	}
	var out []Failure
	for i := range cases {
		c := &cases[i]
		if why := run(p, w, c, uint64(i)+1); why != "" {
			out = append(out, Failure{c, why})
		}
	}
	return out, nil
}

func run(p matcher.Program, w matcher.Worker, c *Case, serial uint64) string {
	rec, err := c.Record()
	if err != nil {
		return err.Error()
	}
	ev := &matcher.Event{Record: rec, Serial: serial, Origin: matcher.HostOrigin}
	if rec.Container() != nil {
		ev.Origin = matcher.ContainerOrigin
	}
	outputs := map[string]string{}
	for i, r := range p.Rules() {
		if r.Disabled || !selected(r, ev) {
			continue
		}
		err := w.Match(i, ev, func(f matcher.Finding) { outputs[r.Info.Name] = f.Output })
		if err != nil {
			return fmt.Sprintf("rule %q: %v", r.Info.Name, err)
		}
	}
	return compare(c, outputs)
}

func selected(r matcher.Rule, ev *matcher.Event) bool {
	for _, s := range r.Select {
		if (s.Event == "" || s.Event == ev.Name()) && (s.Origin == matcher.AnyOrigin || s.Origin == ev.Origin) {
			return true
		}
	}
	return false
}

func compare(c *Case, outputs map[string]string) string {
	var wrong []string
	for _, e := range c.Expect {
		out, ok := outputs[e.Rule]
		if !ok {
			wrong = append(wrong, fmt.Sprintf("rule %q did not fire", e.Rule))
			continue
		}
		delete(outputs, e.Rule)
		for _, want := range e.Output {
			if !strings.Contains(out, want) {
				wrong = append(wrong, fmt.Sprintf("the output of %q is %q and lacks %q", e.Rule, out, want))
			}
		}
	}
	var more []string
	for name := range outputs {
		more = append(more, name)
	}
	sort.Strings(more)
	for _, name := range more {
		wrong = append(wrong, fmt.Sprintf("rule %q fired, with %q", name, outputs[name]))
	}
	return strings.Join(wrong, "; ")
}
