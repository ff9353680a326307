package loader_test

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/tripline/tripline/matcher/expr/falco/ast"
	"github.com/tripline/tripline/matcher/expr/falco/loader"
	"github.com/tripline/tripline/pkg/msg"
)

var update = flag.Bool("update", false, "write the golden files")

// show renders a problem with its caret.
func show(p loader.Problem) string {
	var b strings.Builder
	kind := "error"
	if p.Warning {
		kind = "warning"
	}
	fmt.Fprintf(&b, "%s:%d:%d: %s %s: %s '%s': %s\n", p.At.File, p.At.Line, p.At.Column, kind, p.Code, p.Kind, p.Item, p.Msg)
	if p.At.Snippet != "" {
		fmt.Fprintf(&b, "    %s\n", p.At.Snippet)
		if p.At.Column > 0 {
			fmt.Fprintf(&b, "    %s^\n", strings.Repeat(" ", p.At.Column-1))
		}
	}
	return b.String()
}

// TestMistakes: each mistake is reported at its place, and the rules without
// one are loaded.
func TestMistakes(t *testing.T) {
	content, err := os.ReadFile("testdata/mistakes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	res := loader.Load([]loader.File{{Path: "mistakes.yaml", Content: content}}, loader.Options{})
	var got strings.Builder
	for _, p := range res.Problems {
		got.WriteString(show(p))
	}
	const golden = "testdata/mistakes.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
	if n := strings.Count(got.String(), ": error "); n != 10 {
		t.Errorf("%d errors, want 10", n)
	}
	if names := names(res); !reflect.DeepEqual(names, []string{"good before", "good after"}) {
		t.Errorf("loaded %v", names)
	}
}

func names(res loader.Result) []string {
	var out []string
	for _, r := range res.Rules {
		out = append(out, r.Name)
	}
	return out
}

// load reads files given as text.
func load(files ...string) loader.Result {
	var in []loader.File
	for i, f := range files {
		in = append(in, loader.File{Path: fmt.Sprintf("%d.yaml", i+1), Content: []byte(f)})
	}
	return loader.Load(in, loader.Options{})
}

const base = `
- rule: r
  desc: d
  condition: evt.type=open
  output: out %proc.name
  priority: NOTICE
  tags: [a]
`

func TestConditions(t *testing.T) {
	for _, c := range []struct {
		name  string
		files []string
		want  string
	}{
		{"as it is", []string{base}, "evt.type = open"},
		{"append", []string{base, "- rule: r\n  condition: or evt.type=creat\n  override: {condition: append}\n"}, "(evt.type = open or evt.type = creat)"},
		{"old append", []string{base, "- rule: r\n  condition: and proc.name=x\n  append: true\n"}, "(evt.type = open and proc.name = x)"},
		{"replace", []string{base, "- rule: r\n  condition: evt.type=close\n  override: {condition: replace}\n"}, "evt.type = close"},
		{"defined anew", []string{base, strings.Replace(base, "open", "close", 1)}, "evt.type = close"},
		{
			"list",
			[]string{"- list: l\n  items: [a, b c, '\"d\"']\n" + strings.Replace(base, "open", "open and proc.name in (l, e)", 1)},
			`(evt.type = open and proc.name in (a, "b c", d, e))`,
		},
		{
			"empty list",
			[]string{"- list: l\n  items: []\n" + strings.Replace(base, "open", "open and proc.name in (l, e)", 1)},
			"(evt.type = open and proc.name in (e))",
		},
		{
			"list in list",
			[]string{"- list: k\n  items: [x]\n- list: l\n  items: [k, y]\n" + strings.Replace(base, "open", "open and proc.name in (l)", 1)},
			"(evt.type = open and proc.name in (x, y))",
		},
		{
			"list name inside a name",
			[]string{"- list: sh\n  items: [x]\n" + strings.Replace(base, "open", "open and proc.name in (bash, sh-1)", 1)},
			"(evt.type = open and proc.name in (bash, sh-1))",
		},
		{"macro", []string{"- macro: m\n  condition: a.b or proc.name=y\n- macro: a\n  condition: proc.name=x\n" + base}, "evt.type = open"},
		{
			"macro of a macro",
			[]string{"- macro: n\n  condition: proc.name=x\n- macro: m\n  condition: n or proc.name=y\n" + strings.Replace(base, "open", "open and m", 1)},
			"(evt.type = open and (proc.name = x or proc.name = y))",
		},
		{"exceptions", []string{base + `  exceptions:
    - name: one
      fields: proc.name
      values: [a, b c]
    - name: two
      fields: [proc.name, fd.name]
      comps: [in, startswith]
      values:
        - [[a, b], /x]
        - [c, /y]
    - name: none
      fields: [proc.name]
`}, `(evt.type = open and not proc.name in (a, "b c") and not ((proc.name in (a, b) and fd.name startswith /x) or (proc.name in (c) and fd.name startswith /y)))`},
		{
			"exception appended",
			[]string{
				base + "  exceptions:\n    - name: one\n      fields: proc.name\n      values: [a]\n",
				"- rule: r\n  exceptions:\n    - name: one\n      values: [b]\n    - name: two\n      fields: [fd.name]\n      values: [[c]]\n  override: {exceptions: append}\n",
			},
			"(evt.type = open and not proc.name in (a, b) and not fd.name = c)",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := load(c.files...)
			for _, r := range res.Rules {
				if got := ast.Print(r.Resolved); got != c.want {
					t.Errorf("got  %s\nwant %s", got, c.want)
				}
			}
			if len(res.Rules) != 1 {
				t.Errorf("%d rules: %v", len(res.Rules), res.Problems)
			}
		})
	}
}

func TestKeys(t *testing.T) {
	res := load(base, `
- rule: r
  tags: [b, a]
  priority: CRITICAL
  output: "more"
  desc: other
  enabled: no
  override: {tags: append, priority: replace, output: append, desc: replace, enabled: replace}
`)
	r := res.Rules[0]
	if !reflect.DeepEqual(r.Tags, []string{"a", "b"}) || r.Priority != msg.Critical || r.OutputText != "out %proc.name more" || r.Desc != "other" || r.Enabled {
		t.Errorf("got %+v", r)
	}
	if len(res.Problems) != 0 {
		t.Errorf("problems: %v", res.Problems)
	}
}

func TestProblems(t *testing.T) {
	for _, c := range []struct {
		name, code string
		line       int
		files      []string
	}{
		{"no YAML", loader.ErrYAMLParse, 2, []string{"- a: b\n   c: d: e\n"}},
		{"not a sequence", loader.ErrYAMLValidate, 1, []string{"rule: r\n"}},
		{"no mapping", loader.ErrYAMLValidate, 1, []string{"- [a]\n"}},
		{"unknown element", loader.WarnUnknownItem, 1, []string{"- thing: x\n"}},
		{"unknown key", loader.WarnUnknownKey, 8, []string{base + "  colour: red\n"}},
		{"append to nothing", loader.ErrValidate, 1, []string{"- macro: m\n  condition: or x\n  override: {condition: append}\n"}},
		{"append and override", loader.ErrYAMLValidate, 1, []string{base, "- rule: r\n  condition: and x\n  append: true\n  override: {condition: append}\n"}},
		{"override of nothing", loader.ErrYAMLValidate, 2, []string{base, "- rule: r\n  override: {condition: append}\n"}},
		{"key not overridden", loader.ErrYAMLValidate, 2, []string{base, "- rule: r\n  desc: x\n  condition: and a.b=c\n  override: {condition: append}\n"}},
		{"loop", loader.ErrValidate, 4, []string{"- macro: a\n  condition: evt.type=open\n- macro: b\n  condition: a\n- macro: a\n  condition: b\n"}},
		{"later file", loader.ErrValidate, 4, []string{strings.Replace(base, "evt.type=open", "m", 1), "- macro: m\n  condition: evt.type=open\n"}},
		{"source", loader.WarnUnknownSource, 2, []string{base + "  source: k8s_audit\n"}},
		{"version", loader.ErrValidate, 1, []string{"- required_engine_version: 0.64.0\n"}},
		{"no version", loader.ErrYAMLValidate, 1, []string{"- required_engine_version: 0.26\n"}},
		{"plugin", loader.ErrValidate, 2, []string{"- required_plugin_versions:\n  - name: k8saudit\n    version: 0.1.0\n"}},
		{"unused list", loader.WarnUnusedList, 1, []string{"- list: l\n  items: [a]\n"}},
		{"unused macro", loader.WarnUnusedMacro, 1, []string{"- macro: m\n  condition: evt.type=open\n"}},
		{"skipped field", loader.WarnUnknownFilter, 4, []string{strings.Replace(base, "open", "open and no.such=1", 1) + "  skip-if-unknown-filter: true\n"}},
		{"field that there is none of", loader.WarnFieldNotAvailable, 4, []string{strings.Replace(base, "open", "open and proc.vmsize > 1", 1)}},
		{"too many types", loader.WarnNoEventType, 2, []string{strings.Replace(base, "evt.type=open", "proc.name=a", 1)}},
		{"exception shape", loader.ErrValidate, 10, []string{base + "  exceptions:\n    - name: e\n      fields: [a.b]\n"}},
		{"value of a list", loader.ErrCompileCondition, 2, []string{"- list: l\n  items: [(x)]\n" + strings.Replace(base, "open", "open and proc.name in (l)", 1)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := load(c.files...)
			for _, p := range res.Problems {
				if p.Code == c.code {
					if p.At.Line != c.line {
						t.Errorf("line %d, want %d: %s", p.At.Line, c.line, show(p))
					}
					return
				}
			}
			t.Errorf("no %s among %v", c.code, res.Problems)
		})
	}
}

func TestSelect(t *testing.T) {
	two := base + strings.Replace(strings.Replace(base, "rule: r", "rule: second rule", 1), "[a]", "[b]", 1)
	for _, c := range []struct {
		name string
		sel  []loader.Selection
		want []string
	}{
		{"all", nil, []string{"r", "second rule"}},
		{"wildcard", []loader.Selection{{Rule: "*"}, {Enable: true, Rule: "sec*"}}, []string{"second rule"}},
		{"tag", []loader.Selection{{Tag: "b"}}, []string{"r"}},
		{"exact", []loader.Selection{{Rule: "second"}}, []string{"r", "second rule"}},
		{"both", []loader.Selection{{Rule: "r", Tag: "b"}}, []string{"r", "second rule"}},
	} {
		res := loader.Load([]loader.File{{Path: "x.yaml", Content: []byte(two)}}, loader.Options{Select: c.sel})
		var got []string
		for _, r := range res.Rules {
			if r.Enabled {
				got = append(got, r.Name)
			}
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
	p := msg.Warning
	res := loader.Load([]loader.File{{Path: "x.yaml", Content: []byte(base)}}, loader.Options{MinPriority: &p, Select: []loader.Selection{{Enable: true, Rule: "*"}}})
	if res.Rules[0].Enabled {
		t.Error("a rule that is not severe enough was turned on")
	}
}

func TestWildcard(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"*", "", true},
		{"a*", "ab", true},
		{"*b", "ab", true},
		{"a*c", "ab", false},
		{"a*b*c", "aXbYc", true},
		{"ab", "abc", false},
		{"a*a", "a", false},
		{"**", "x", true},
		{"A*", "ab", false},
	} {
		if got := loader.Wildcard(c.pattern, c.text); got != c.want {
			t.Errorf("Wildcard(%q, %q) = %t", c.pattern, c.text, got)
		}
	}
}

// FuzzLoad: no file makes the loader panic or hang.
func FuzzLoad(f *testing.F) {
	b, err := os.ReadFile("testdata/mistakes.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(base + "  exceptions:\n    - name: e\n      fields: [proc.name]\n      values: [[a], [[b, c]]]\n"))
	f.Add([]byte("- &a [*a]\n"))
	f.Add([]byte("- list: l\n  items: [l]\n  override: {items: append}\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		if len(content) > 8<<10 {
			return
		}
		res := loader.Load([]loader.File{{Path: "f.yaml", Content: content}}, loader.Options{})
		for _, p := range res.Problems {
			if p.At.Line < 0 || p.Msg == "" {
				t.Fatalf("a problem without a place or a message: %+v", p)
			}
			show(p)
		}
	})
}
