package matcher

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// Ruleset is what was loaded: the rules of all languages, indexed by event.
// It does not change; a reload makes another.
type Ruleset struct {
	// Rules are those that were selected, in the order in which they are held
	// against an event.
	Rules []Rule
	// Problems is everything wrong with the files, also what was wrong
	// already when the rules were loaded before.
	Problems []Problem

	languages []*compiled
	slots     []slot // parallel to Rules
	// all is about all rules, past about those that have a window.
	all, past index
}

// slot says where a rule's code is and how it has behaved.
type slot struct {
	compiled *compiled
	index    int
	guard    *guard
}

// Languages counts the rules of each language that has any.
func (rs *Ruleset) Languages() map[string]int {
	n := make(map[string]int)
	for _, s := range rs.slots {
		n[s.compiled.lang.Name()]++
	}
	return n
}

// Events lists the names of the events that the enabled rules want, sorted;
// all of the catalogue when one of them wants every event.
func (rs *Ruleset) Events() []string {
	var names []string
	for _, d := range rs.Demand("").Events {
		names = append(names, d.Name)
	}
	return names
}

// Window is the longest of the enabled rules: how far back a new owner of a
// partition reads it, see [Evaluator.Replay]. It is 0 when one event decides
// every rule.
func (rs *Ruleset) Window() time.Duration {
	var most time.Duration
	for _, r := range rs.Rules {
		if !r.Disabled {
			most = max(most, r.Window)
		}
	}
	return most
}

// counters calls visit for what languages count.
func (rs *Ruleset) counters(visit func(language, name string, n uint64)) {
	for _, c := range rs.languages {
		if k, ok := c.program.(Counter); ok {
			for name, n := range k.Counters() {
				visit(c.lang.Name(), name, n)
			}
		}
	}
}

// newRuleset joins the compiled languages. Order says which source a file
// came from.
func newRuleset(languages []*compiled, order func(file string) int, sel []string) *Ruleset {
	rs := &Ruleset{languages: languages}
	type entry struct {
		rule  Rule
		slot  slot
		order int
	}
	var all []entry
	for _, c := range languages {
		rs.Problems = append(rs.Problems, c.problems...)
		for i, r := range c.rules {
			all = append(all, entry{r, slot{c, i, c.guards[i]}, order(r.File)})
		}
	}
	slices.SortStableFunc(all, func(a, b entry) int { return a.order - b.order })
	first := make(map[string]entry, len(all))
	used := make([]bool, len(sel))
	for _, e := range all {
		key := ruleKey(e.rule)
		if old, ok := first[key]; ok {
			rs.Problems = append(rs.Problems, duplicate(e.rule, old.rule, e.order != old.order))
			continue
		}
		first[key] = e
		if !selected(e.rule, sel, used) {
			continue
		}
		rs.Rules = append(rs.Rules, e.rule)
		rs.slots = append(rs.slots, e.slot)
	}
	for i, ok := range used {
		if !ok {
			rs.Problems = append(rs.Problems, Problem{
				Warning: true, Code: "no-such-rule", File: "matcher.select",
				Message: fmt.Sprintf("no rule has an id, name or tag that matches %q", sel[i]),
			})
		}
	}
	rs.buildIndex()
	return rs
}

// buildIndex sorts the rules by the events that they want.
func (rs *Ruleset) buildIndex() {
	rs.all = newIndex()
	for n, r := range rs.Rules {
		if r.Disabled {
			continue
		}
		rs.Problems = append(rs.Problems, selectorProblems(r, rs.slots[n].compiled.problems)...)
		for _, sel := range r.Select {
			for _, o := range origins(sel.Origin) {
				rs.all.add(o, sel.Event, n)
			}
		}
	}
	rs.past = rs.all.only(func(n int32) bool { return rs.Rules[n].Window > 0 })
	rs.all.plan(rs)
	rs.past.plan(rs)
}

// remembering lists the ids of the rules that have a window.
func (rs *Ruleset) remembering() (ids []string) {
	for _, r := range rs.Rules {
		if !r.Disabled && r.Window > 0 {
			ids = append(ids, r.Info.ID)
		}
	}
	return ids
}

// wanted says whether any rule wants the event, wherever it comes from.
func (rs *Ruleset) wanted(event uint32) bool {
	return len(rs.all.want(HostOrigin, event)) > 0 || len(rs.all.want(ContainerOrigin, event)) > 0
}

// positions lists where the rules of a language's program are in Rules, -1 for
// those that are not run.
func (rs *Ruleset) positions(c *compiled) []int {
	at := make([]int, len(c.rules))
	for i := range at {
		at[i] = -1
	}
	for n, s := range rs.slots {
		if s.compiled == c && !rs.Rules[n].Disabled {
			at[s.index] = n
		}
	}
	return at
}

// ruleKey identifies a rule: its id, else its name, else where it is written.
func ruleKey(r Rule) string {
	switch {
	case r.Info.ID != "":
		return r.Info.ID
	case r.Info.Name != "":
		return r.Info.Name
	default:
		return r.File + ":" + strconv.Itoa(r.Line)
	}
}

func duplicate(r, old Rule, otherSource bool) Problem {
	where := old.File
	if old.Line > 0 {
		where += ":" + strconv.Itoa(old.Line)
	}
	return Problem{
		Warning: otherSource, Code: "duplicate-rule", File: r.File, Line: r.Line, Rule: ruleKey(r),
		Message: "this id is taken by the rule at " + where + ", which counts; this one is left out",
	}
}

// selected says whether a rule is kept by the patterns of [Config.Select], and
// notes which of them speak of it.
func selected(r Rule, patterns []string, used []bool) bool {
	hit, some, out := false, false, false
	for i, p := range patterns {
		p, not := strings.CutPrefix(p, "!")
		matches := matchesRule(r, p)
		used[i] = used[i] || matches
		if not {
			out = out || matches
		} else {
			hit, some = hit || matches, true
		}
	}
	return !out && (hit || !some)
}

func matchesRule(r Rule, pattern string) bool {
	if tag, ok := strings.CutPrefix(pattern, "tag:"); ok {
		return slices.Contains(r.Info.Tags, tag)
	}
	return slices.ContainsFunc([]string{r.Info.ID, r.Info.Name}, func(name string) bool {
		ok, err := path.Match(pattern, name)
		return name != "" && (name == pattern || err == nil && ok)
	})
}

// selectorProblems finds what keeps a rule from ever seeing an event, unless
// its language has said so already.
func selectorProblems(r Rule, known []Problem) []Problem {
	said := slices.ContainsFunc(known, func(p Problem) bool {
		return p.File == r.File && (p.Code == "unknown-event" || p.Code == "no-events") && (p.Rule == "" || p.Rule == r.Info.ID || p.Rule == r.Info.Name)
	})
	if said {
		return nil
	}
	p := Problem{Warning: true, File: r.File, Line: r.Line, Rule: ruleKey(r)}
	if len(r.Select) == 0 {
		p.Code, p.Message = "no-events", "it selects no event, so it never fires"
		return []Problem{p}
	}
	var out []Problem
	for _, sel := range r.Select {
		if _, ok := catalogue.Lookup(sel.Event); !ok && sel.Event != "" {
			p.Code = "unknown-event"
			p.Message = fmt.Sprintf("there is no event %q; `tripline events list` shows those there are", sel.Event)
			if near := nearest(sel.Event); near != "" {
				p.Message = fmt.Sprintf("there is no event %q; %q is near", sel.Event, near)
			}
			out = append(out, p)
		}
	}
	return out
}

// nearest finds the event that somebody who wrote this may have meant: one
// that has it as a part, or the other way round.
func nearest(name string) string {
	best := ""
	for e := range catalogue.All() {
		if len(name) > 2 && strings.Contains(e.Name, name) || len(e.Name) > 2 && strings.Contains(name, e.Name) {
			if best == "" || abs(len(e.Name)-len(name)) < abs(len(best)-len(name)) {
				best = e.Name
			}
		}
	}
	return best
}

func abs(n int) int { return max(n, -n) }
