package main

import (
	"encoding/json"
	"errors"
	"sort"

	"github.com/tripline/tripline/matcher/expr/falco/ast"
	"github.com/tripline/tripline/matcher/expr/falco/check"
	"github.com/tripline/tripline/matcher/expr/falco/fields"
	"github.com/tripline/tripline/matcher/expr/falco/loader"
	"github.com/tripline/tripline/matcher/expr/falco/output"
	"github.com/tripline/tripline/matcher/expr/falco/parser"
)

func parse(condition string) (ast.Node, error) {
	return parser.Parse(ast.Plain(condition), parser.BareDepth)
}

func (runner) parse(c *testCase) (any, string) {
	got := map[string]any{"result": "accept"}
	n, err := parse(c.Condition)
	if err != nil {
		got["result"], got["error"] = "reject", err.Error()
	} else {
		got["canonical"] = ast.Print(n)
	}
	why := differ("result", got["result"], c.expectText())
	if why == "" && c.Canonical != nil {
		why = differ("canonical", got["canonical"], *c.Canonical)
	}
	return got, why
}

func compile(condition string) (check.Node, []check.Warning, error) {
	n, err := parse(condition)
	if err != nil {
		return nil, nil, err
	}
	return check.Compile(n, fields.NewTable(nil))
}

func (runner) compile(c *testCase) (any, string) {
	got := map[string]any{"result": "ok"}
	_, warnings, err := compile(c.Condition)
	if err != nil {
		got["result"], got["error"] = "error", err.Error()
	}
	got["warnings"] = len(warnings)
	why := differ("result", got["result"], c.expectText())
	if why == "" && c.Warnings != nil {
		why = differ("warnings", len(warnings), *c.Warnings)
	}
	return got, why
}

func (runner) filter(c *testCase) (any, string) {
	n, _, err := compile(c.Condition)
	if err != nil {
		return map[string]any{"error": err.Error()}, err.Error()
	}
	src := source{c.Event}
	got := check.Walk(n, src)
	return got, differ("result", got, c.expectBool())
}

func typesOf(condition string) (check.Types, error) {
	n, err := parse(condition)
	if err != nil {
		return check.Types{}, err
	}
	return check.EventTypes(n)
}

// showTypes writes a set as cases do.
func showTypes(t check.Types) any {
	switch {
	case t.All():
		return "all"
	case t.Except:
		return map[string]any{"all_except": t.Sorted()}
	}
	return t.Sorted()
}

func (runner) eventTypes(c *testCase) (any, string) {
	got, err := typesOf(c.Condition)
	if c.SameAs != nil {
		want, werr := typesOf(*c.SameAs)
		if err = errors.Join(err, werr); err != nil {
			return nil, err.Error()
		}
		return showTypes(got), differ("types", showTypes(got), showTypes(want))
	}
	switch want := c.expectText(); want {
	case "error", "no-error":
		if err != nil {
			return map[string]any{"error": err.Error()}, differ("result", "error", want)
		}
		return "no-error", differ("result", "no-error", want)
	}
	if err != nil {
		return map[string]any{"error": err.Error()}, err.Error()
	}
	return showTypes(got), differ("types", showTypes(got), normal(c.Expect))
}

// normal sorts the names of an expected set.
func normal(raw json.RawMessage) any {
	var names []string
	if json.Unmarshal(raw, &names) == nil {
		sort.Strings(names)
		if names == nil {
			names = []string{}
		}
		return names
	}
	var set map[string][]string
	if json.Unmarshal(raw, &set) == nil {
		for _, n := range set {
			sort.Strings(n)
		}
		return set
	}
	var word string
	_ = json.Unmarshal(raw, &word)
	return word
}

func (runner) warn(c *testCase) (any, string) {
	n, err := parse(c.Condition)
	if err != nil {
		return nil, err.Error()
	}
	got := len(loader.Suspicious(n)) > 0
	return got, differ("warning", got, c.expectBool())
}

func (runner) format(c *testCase) (any, string) {
	f, err := output.Compile(ast.Plain(c.Format), fields.NewTable(nil))
	if want := c.expectText(); want == "error" || want == "ok" {
		if err != nil {
			return map[string]any{"error": err.Error()}, differ("result", "error", want)
		}
		return "ok", differ("result", "ok", want)
	}
	if err != nil {
		return map[string]any{"error": err.Error()}, err.Error()
	}
	line := f.Bind(source{c.Event})
	got := map[string]any{"text": line.String(), "field_values": line.Texts(), "json": line.Values()}
	why := ""
	if c.Text != nil {
		why = differ("text", line.String(), *c.Text)
	}
	if why == "" {
		texts := line.Texts()
		for name, want := range c.FieldValues {
			if why = differ("value of "+name, texts[name], want); why != "" {
				break
			}
		}
	}
	if why == "" && c.JSON != nil {
		var want any
		if err := json.Unmarshal([]byte(*c.JSON), &want); err != nil {
			return got, err.Error()
		}
		why = differ("json", line.Values(), want)
	}
	return got, why
}
