package main

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"regexp"
	"sort"
	"strings"

	"github.com/tripline/tripline/matcher/expr/falco/ast"
	"github.com/tripline/tripline/matcher/expr/falco/check"
	"github.com/tripline/tripline/matcher/expr/falco/loader"
	"github.com/tripline/tripline/pkg/msg"
)

// inputs are the rule files of a case.
func (r runner) inputs(c *testCase) ([]loader.File, error) {
	if c.YAML != nil {
		return []loader.File{{Path: "rules.yaml", Content: []byte(*c.YAML)}}, nil
	}
	var out []loader.File
	for _, f := range c.Files {
		content := []byte(f.YAML)
		if f.File != "" {
			var err error
			if content, err = r.upstream(f.Commit, f.File); err != nil {
				return nil, err
			}
		}
		name := f.Name
		if name == "" {
			name = f.File
		}
		out = append(out, loader.File{Path: name, Content: content})
	}
	if c.File != "" {
		content, err := r.upstream(c.Commit, c.File)
		if err != nil {
			return nil, err
		}
		out = append(out, loader.File{Path: c.File, Content: content})
	}
	return out, nil
}

// upstream reads a file of the repository of rules.
func (r runner) upstream(commit, path string) ([]byte, error) {
	if r.repository == "" {
		return nil, fmt.Errorf("not run: it needs %s of a repository of rules, see -rules", path)
	}
	if commit == "" {
		commit = "HEAD"
	}
	if !strings.Contains(path, "/") {
		path = "rules/" + path
	}
	out, err := exec.Command("git", "-C", r.repository, "show", commit+":"+path).Output()
	if err != nil {
		return nil, fmt.Errorf("not run: git has no %s:%s in %s", commit, path, r.repository)
	}
	return out, nil
}

// loaded is what loading gives, as cases describe it.
type loaded struct {
	Result       string            `json:"result"`
	ErrorCodes   []string          `json:"error_codes"`
	WarningCodes []string          `json:"warning_codes"`
	EnabledRules int               `json:"enabled_rules"`
	Compiled     map[string]string `json:"compiled,omitempty"`
	Messages     []string          `json:"messages,omitempty"`

	res loader.Result
}

func load(files []loader.File, opt loader.Options) loaded {
	opt.Append = append(opt.Append, loader.Append{})
	l := loader.New(opt)
	var unused []loader.Problem
	for _, f := range files {
		l.Add(f)
		unused = append(unused, l.Unused()...) // Falco warns after each file
	}
	res := l.Finish()
	res.Problems = append(res.Problems, unused...)
	out := loaded{Result: "ok", ErrorCodes: []string{}, WarningCodes: []string{}, Compiled: map[string]string{}, res: res}
	seen := map[string]bool{}
	for _, p := range res.Problems {
		out.Messages = append(out.Messages, p.Item+": "+p.Msg)
		if p.Code == loader.WarnFieldNotAvailable || p.Code == loader.WarnExceptionKey || seen[p.Code] {
			continue // ours alone
		}
		seen[p.Code] = true
		if p.Warning {
			out.WarningCodes = append(out.WarningCodes, p.Code)
		} else {
			out.ErrorCodes = append(out.ErrorCodes, p.Code)
			out.Result = "error"
		}
	}
	sort.Strings(out.WarningCodes)
	if out.Result == "ok" && len(out.WarningCodes) > 0 {
		out.Result = "warning"
	}
	for _, r := range res.Rules {
		if r.Enabled {
			out.EnabledRules++
		}
		out.Compiled[r.Name] = ast.Print(r.Resolved)
	}
	return out
}

func (r runner) load(c *testCase) (any, string) {
	files, err := r.inputs(c)
	if err != nil {
		return nil, err.Error()
	}
	var opt loader.Options
	if c.MinPriority != "" {
		p, err := msg.ParsePriority(c.MinPriority)
		if err != nil {
			return nil, err.Error()
		}
		opt.MinPriority = &p
	}
	for _, x := range c.ExtraOutput {
		a := loader.Append{Match: loader.Match{Source: x.Source, Rule: x.Rule, Tags: x.Tags}, Output: x.Format}
		if x.Field != "" {
			a.Fields = map[string]string{x.Field: x.Value}
		}
		opt.Append = append(opt.Append, a)
	}
	got := load(files, opt)
	return got, compareLoad(c, got)
}

// compareLoad says how a load differs from what a case expects. Falco stops
// at the first error, so only the first of ours counts, and warnings that come
// after it may be missing from what is expected.
func compareLoad(c *testCase, got loaded) string {
	want := c.expectText()
	if want == "error" {
		if got.Result != "error" {
			return differ("result", got.Result, want)
		}
		if len(c.ErrorCodes) > 0 && got.ErrorCodes[0] != c.ErrorCodes[0] {
			return differ("first error", got.ErrorCodes[0], c.ErrorCodes[0])
		}
		for _, w := range c.WarningCodes {
			if !has(got.WarningCodes, w) {
				return "missing warning " + w
			}
		}
		return compareTexts(c, got)
	}
	if got.Result == "error" {
		return fmt.Sprintf("result: got error %v, want %s", got.ErrorCodes, want)
	}
	if want == "warning" && got.Result != "warning" {
		return "no warning"
	}
	if c.WarningCodes != nil {
		codes := append([]string{}, c.WarningCodes...)
		sort.Strings(codes)
		if why := differ("warnings", got.WarningCodes, codes); why != "" {
			return why
		}
	}
	if c.NoWarnings && len(got.WarningCodes) > 0 {
		return differ("warnings", got.WarningCodes, []string{})
	}
	if c.EnabledRules != nil {
		if why := differ("enabled rules", got.EnabledRules, *c.EnabledRules); why != "" {
			return why
		}
	}
	for name, cond := range c.Compiled {
		if why := differ("condition of "+name, got.Compiled[name], cond); why != "" {
			return why
		}
	}
	for name, out := range c.CompiledOutput {
		if r := findRule(got.res, name); r == nil || r.OutputText != out {
			return "output of " + name + " differs"
		}
	}
	if why := compareInfo(c, got); why != "" {
		return why
	}
	return compareTexts(c, got)
}

func has(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func findRule(res loader.Result, name string) *loader.Rule {
	for _, r := range res.Rules {
		if r.Name == name || name == "" {
			return r
		}
	}
	return nil
}

// compareInfo compares what is known of a rule.
func compareInfo(c *testCase, got loaded) string {
	if c.RuleInfo == nil {
		return ""
	}
	name, _ := c.RuleInfo["name"].(string)
	r := findRule(got.res, name)
	if r == nil {
		return "no such rule"
	}
	p := r.Priority.String()
	tags := append([]string{}, r.Tags...)
	sort.Strings(tags)
	info := map[string]any{
		"name": r.Name, "condition": r.Condition, "output": r.OutputText, "description": r.Desc, "desc": r.Desc,
		"priority": strings.ToUpper(p[:1]) + p[1:], "tags": tags, "source": r.Source, "enabled": r.Enabled,
		"capture": r.Capture, "capture_duration": r.CaptureDuration,
	}
	for key, want := range c.RuleInfo {
		if why := differ(key, info[key], want); why != "" {
			return why
		}
	}
	return ""
}

var (
	quoted = regexp.MustCompile(`'([^']+)'`)
	words  = regexp.MustCompile(`\w+`)
)

// compareTexts looks for what messages must name, and reports for their items.
func compareTexts(c *testCase, got loaded) string {
	all := strings.Join(got.Messages, "\n")
	for _, m := range c.MessagesContain {
		for _, q := range quoted.FindAllStringSubmatch(m, -1) {
			if !mentions(all, q[1]) {
				return fmt.Sprintf("no message names '%s'", q[1])
			}
		}
	}
	for _, m := range c.MessagesAbsent {
		if strings.Contains(all, m) {
			return "a message says " + m
		}
	}
	for _, rep := range c.Reports {
		if !reported(rep, got) {
			return fmt.Sprintf("no %s %s for %q", rep.Level, rep.Code, rep.ItemName)
		}
	}
	return ""
}

// mentions looks for a phrase, then for each of its words.
func mentions(text, phrase string) bool {
	if strings.Contains(text, phrase) {
		return true
	}
	for _, w := range words.FindAllString(phrase, -1) {
		if w != "true" && w != "key" && !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

func reported(rep report, got loaded) bool {
	for _, p := range got.res.Problems {
		if p.Warning == (rep.Level == "warning") && (rep.Code == "" || rep.Code == p.Code) &&
			(rep.ItemName == "" || p.Item == rep.ItemName) {
			return true
		}
	}
	return false
}

func (r runner) upstreamLoad(c *testCase) (any, string) {
	files, err := r.inputs(c)
	if err != nil {
		return nil, err.Error()
	}
	got := load(files, loader.Options{})
	if got.Result == "error" {
		return got, "errors: " + strings.Join(got.Messages, "; ")
	}
	return got, ""
}

func (r runner) ruleTypes(c *testCase) (any, string) {
	files, err := r.inputs(c)
	if err != nil {
		return nil, err.Error()
	}
	got := load(files, loader.Options{})
	if c.Rule != "" {
		rule := findRule(got.res, c.Rule)
		if rule == nil {
			return nil, "no rule " + c.Rule
		}
		return showTypes(rule.Types), differ("types", showTypes(rule.Types), normal(c.Expect))
	}
	var want map[string]json.RawMessage
	if err := json.Unmarshal(c.Expect, &want); err != nil {
		return nil, err.Error()
	}
	types := map[string]any{}
	why := ""
	for name, w := range want {
		var t check.Types
		if rule := findRule(got.res, name); rule != nil {
			t = rule.Types
		}
		types[name] = showTypes(t)
		if d := differ("types of "+name, showTypes(t), normal(w)); d != "" {
			why = d
		}
	}
	return types, why
}
