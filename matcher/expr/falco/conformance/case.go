package main

import (
	"encoding/json"
	"fmt"
)

// testCase is a case of any kind.
type testCase struct {
	ID    string `json:"id"`
	Kind  string `json:"kind"`
	Quirk bool   `json:"quirk"`

	Condition string          `json:"condition"`
	Canonical *string         `json:"canonical"`
	Expect    json.RawMessage `json:"expect"`
	SameAs    *string         `json:"same_as"`
	Warnings  *int            `json:"warnings"`
	Event     map[string]any  `json:"event"`

	Format      string         `json:"format"`
	Text        *string        `json:"text"`
	FieldValues map[string]any `json:"field_values"`
	JSON        *string        `json:"json"`

	YAML            *string           `json:"yaml"`
	Files           []file            `json:"files"`
	ErrorCodes      []string          `json:"error_codes"`
	WarningCodes    []string          `json:"warning_codes"`
	EnabledRules    *int              `json:"enabled_rules"`
	Compiled        map[string]string `json:"compiled"`
	CompiledOutput  map[string]string `json:"compiled_output"`
	MessagesContain []string          `json:"messages_contain"`
	MessagesAbsent  []string          `json:"messages_absent"`
	NoWarnings      bool              `json:"no_warnings"`
	RuleInfo        map[string]any    `json:"rule_info"`
	MinPriority     string            `json:"min_priority"`
	ExtraOutput     []extraOutput     `json:"extra_output"`
	Reports         []report          `json:"reports"`

	Steps             []step   `json:"steps"`
	EnabledRulesAfter []string `json:"enabled_rules_after"`
	RuleMatching      string   `json:"rule_matching"`

	Pattern string      `json:"pattern"`
	Plugins [][2]string `json:"plugins"`
	CLI     []string    `json:"cli"`

	File   string `json:"file"`
	Commit string `json:"commit"`
	Rule   string `json:"rule"`
}

type file struct {
	Name   string `json:"name"`
	YAML   string `json:"yaml"`
	File   string `json:"file"`
	Commit string `json:"commit"`
}

type extraOutput struct {
	Field  string   `json:"field"`
	Value  string   `json:"value"`
	Format string   `json:"format"`
	Source string   `json:"source"`
	Rule   string   `json:"rule"`
	Tags   []string `json:"tags"`
}

type report struct {
	Level    string `json:"level"`
	Code     string `json:"code"`
	ItemName string `json:"itemname"`
}

type step struct {
	Mode       string `json:"mode"`
	Value      string `json:"value"`
	Enable     bool   `json:"enable"`
	Ruleset    string `json:"ruleset"`
	CountAfter *int   `json:"count_after"`
}

// runner runs cases.
type runner struct{ repository string }

// run runs one case; a case that makes it panic fails.
func (r runner) run(c *testCase) (res result) {
	res.ID = c.ID
	defer func() {
		if p := recover(); p != nil {
			res.Pass, res.Why = false, fmt.Sprint("panic: ", p)
		}
	}()
	kinds := map[string]func(*testCase) (any, string){
		"parse": r.parse, "compile": r.compile, "filter": r.filter, "evttypes": r.eventTypes, "warn": r.warn,
		"format": r.format, "load": r.load, "select": r.selection, "match": r.match,
		"plugin_requirements": r.plugins, "wildcard": r.wildcard, "config_rules": r.configRules,
		"upstream_load": r.upstreamLoad, "rule_evttypes": r.ruleTypes,
	}
	f := kinds[c.Kind]
	if f == nil {
		res.Why = "unknown kind " + c.Kind
		return res
	}
	res.Got, res.Why = f(c)
	res.Pass = res.Why == ""
	return res
}

// expectText is the expectation where it is a word.
func (c *testCase) expectText() string {
	var s string
	if json.Unmarshal(c.Expect, &s) != nil {
		return ""
	}
	return s
}

// expectBool is the expectation where it is a truth value.
func (c *testCase) expectBool() bool {
	var b bool
	_ = json.Unmarshal(c.Expect, &b)
	return b
}

// differ says what was expected when it is not what was got.
func differ(what string, got, want any) string {
	g, w := text(got), text(want)
	if g == w {
		return ""
	}
	return fmt.Sprintf("%s: got %s, want %s", what, g, w)
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
