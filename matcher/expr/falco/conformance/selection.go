package main

import (
	"encoding/json"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tripline/tripline/matcher/expr/falco/check"
	"github.com/tripline/tripline/matcher/expr/falco/loader"
)

// selection turns rules on and off step by step. A step names one of several
// sets; all but the default begin empty.
func (r runner) selection(c *testCase) (any, string) {
	files, err := r.inputs(c)
	if err != nil {
		return nil, err.Error()
	}
	res := loader.Load(files, loader.Options{})
	sets := map[string]map[string]bool{}
	set := func(name string) map[string]bool {
		if s, ok := sets[name]; ok {
			return s
		}
		s := map[string]bool{}
		for _, r := range res.Rules {
			s[r.Name] = r.Enabled && name == "falco-default-ruleset"
		}
		sets[name] = s
		return s
	}
	count := func(s map[string]bool) (n int) {
		for _, on := range s {
			if on {
				n++
			}
		}
		return n
	}
	why := ""
	var counts []int
	for _, st := range c.Steps {
		s := set(st.Ruleset)
		for _, rule := range res.Rules {
			if selects(st, rule) {
				s[rule.Name] = st.Enable
			}
		}
		counts = append(counts, count(s))
		if st.CountAfter != nil && why == "" {
			why = differ("rules after "+st.Mode+" "+st.Value, count(s), *st.CountAfter)
		}
	}
	enabled := []string{}
	for name, on := range set("falco-default-ruleset") {
		if on {
			enabled = append(enabled, name)
		}
	}
	sort.Strings(enabled)
	if c.EnabledRulesAfter != nil && why == "" {
		want := append([]string{}, c.EnabledRulesAfter...)
		sort.Strings(want)
		why = differ("enabled", enabled, want)
	}
	return map[string]any{"counts": counts, "enabled_rules_after": enabled}, why
}

// selects says whether a step is about a rule. The empty text is in every
// name and equals none but, in exact mode, selects all, as in Falco.
func selects(st step, r *loader.Rule) bool {
	switch st.Mode {
	case "tag":
		for _, t := range r.Tags {
			if t == st.Value {
				return true
			}
		}
		return false
	case "substring":
		return strings.Contains(r.Name, st.Value)
	case "wildcard":
		return loader.Wildcard(st.Value, r.Name)
	}
	return st.Value == "" || r.Name == st.Value
}

func (r runner) match(c *testCase) (any, string) {
	files, err := r.inputs(c)
	if err != nil {
		return nil, err.Error()
	}
	res := loader.Load(files, loader.Options{})
	name, _ := c.Event["evt.type"].(string)
	got := []string{}
	for _, rule := range res.Rules {
		if !rule.Enabled || !rule.Types.Has(name) || !check.Walk(rule.Compiled, source{c.Event}) {
			continue
		}
		got = append(got, rule.Name)
		if c.RuleMatching != "all" {
			break
		}
	}
	var want []string
	if err := json.Unmarshal(c.Expect, &want); err != nil {
		return got, err.Error()
	}
	if want == nil {
		want = []string{}
	}
	return got, differ("rules", got, want)
}

func (r runner) plugins(c *testCase) (any, string) {
	files, err := r.inputs(c)
	if err != nil {
		return nil, err.Error()
	}
	plugins := map[string]string{}
	for _, p := range c.Plugins {
		plugins[p[0]] = p[1]
	}
	res := loader.Load(files, loader.Options{Plugins: plugins})
	got := "ok"
	for _, p := range res.Problems {
		if !p.Warning {
			got = "error"
		}
	}
	return got, differ("result", got, c.expectText())
}

func (runner) wildcard(c *testCase) (any, string) {
	t := ""
	if c.Text != nil {
		t = *c.Text
	}
	got := loader.Wildcard(c.Pattern, t)
	return got, differ("match", got, c.expectBool())
}

// configRules reads entries of the configuration's rules as the command line
// gives them: rules[]=… with YAML, or rules[].disable.tag=….
func (runner) configRules(c *testCase) (any, string) {
	got := []map[string]string{}
	for _, arg := range c.CLI {
		rest, ok := strings.CutPrefix(arg, "rules[]")
		if !ok {
			return got, "not about rules: " + arg
		}
		entry := map[string]map[string]string{}
		if path, value, ok := strings.Cut(strings.TrimPrefix(rest, "."), "="); ok && path != "" {
			op, key, _ := strings.Cut(path, ".")
			entry[op] = map[string]string{key: value}
		} else if err := yaml.Unmarshal([]byte(strings.TrimPrefix(rest, "=")), &entry); err != nil {
			return got, err.Error()
		}
		for _, op := range []string{"enable", "disable"} {
			if t, ok := entry[op]; ok {
				out := map[string]string{"op": op}
				for k, v := range t {
					out[k] = v
				}
				got = append(got, out)
			}
		}
	}
	var want any
	if err := json.Unmarshal(c.Expect, &want); err != nil {
		return got, err.Error()
	}
	return got, differ("entries", got, want)
}
