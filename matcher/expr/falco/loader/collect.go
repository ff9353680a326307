package loader

import (
	"errors"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tripline/tripline/matcher/expr/falco/ast"
	"github.com/tripline/tripline/pkg/msg"
)

// list is a named list of values.
type list struct {
	name  string
	items []listItem
	at    ast.Place
	first int // when it was first defined
	last  int // when it was last changed
	used  bool
}

// listItem is a value of a list, as filter source.
type listItem struct {
	text string
	at   fixedPlace
}

// macro is a named condition.
type macro struct {
	name  string
	cond  *ast.Source
	at    ast.Place
	first int // when it was first defined
	last  int // when it was last changed
	used  bool

	tree     ast.Node // without macros, once compiled
	failed   bool
	visiting bool
	done     bool
}

// rule is a rule as collected.
type rule struct {
	name            string
	source          string
	unknownSource   bool
	cond            *ast.Source // of a sequence, that of the last event
	foreign         bool
	output          *ast.Source
	desc            string
	priority        msg.Priority
	tags            []string
	exceptions      []*exception
	threshold       *Threshold
	sequence        *sequence
	suppress        []*suppression
	enabled         bool
	warnTypes       bool
	skipUnknown     bool
	capture         bool
	captureDuration uint64
	at              ast.Place
}

var (
	macroName = regexp.MustCompile(`^[a-zA-Z]+[a-zA-Z0-9_]*$`)
	listName  = regexp.MustCompile(`^[^()"'\s=,]+$`)
)

// kinds are the first keys of elements, in the order of preference.
func kinds() []string {
	return []string{"required_engine_version", "required_plugin_versions", "list", "macro", "rule"}
}

// collect applies the elements of a file.
func (l *Loader) collect(f File) {
	d := newDocument(f)
	docs, bad := d.parse()
	if bad != nil {
		l.report(*bad)
	}
	top := &item{doc: d, kind: "file"}
	for _, n := range docs {
		n = resolve(n)
		switch {
		case isNull(n):
			continue
		case n.Kind != yaml.SequenceNode:
			l.fail(top.fault(n, "a rule file is a sequence of mappings, each a list, a macro or a rule"))
			continue
		}
		for _, e := range n.Content {
			e = resolve(e)
			if isNull(e) {
				continue
			}
			if e.Kind != yaml.MappingNode {
				l.fail(top.fault(e, "expected a mapping: a list, a macro or a rule"))
				continue
			}
			l.element(&item{doc: d, node: e})
		}
	}
}

// fail reports an error in an item.
func (l *Loader) fail(err error) {
	var f *fault
	if errors.As(err, &f) {
		l.report(Problem{Code: f.code, At: f.at, Kind: f.it.kind, Item: f.it.name, Rule: f.it.rule, Msg: f.msg})
	}
}

func (l *Loader) warn(it *item, n *yaml.Node, code, text string) {
	l.report(Problem{Warning: true, Code: code, At: it.doc.at(n), Kind: it.kind, Item: it.name, Rule: it.rule, Msg: text})
}

func (l *Loader) element(it *item) {
	for _, k := range kinds() {
		if !it.has(k) {
			continue
		}
		it.kind = k
		if v, _ := it.get(k); v != nil && v.Kind == yaml.ScalarNode && (k == "list" || k == "macro" || k == "rule") {
			it.name = v.Value
			if k == "rule" {
				it.rule = v.Value
			}
		}
		var err error
		switch k {
		case "required_engine_version":
			err = l.engineVersion(it)
		case "required_plugin_versions":
			err = l.pluginVersions(it)
		case "list":
			err = l.list(it)
		case "macro":
			err = l.macro(it)
		case "rule":
			err = l.rule(it)
		}
		if err != nil {
			l.fail(err)
		}
		return
	}
	it.kind = "element"
	l.warn(it, it.node, WarnUnknownItem, "this is neither a list nor a macro nor a rule and is left out")
}

// knownKeys warns of keys that the kind of item does not have.
func (l *Loader) knownKeys(it *item, known ...string) {
	it.keys(func(key string, at, _ *yaml.Node) {
		for _, k := range known {
			if k == key {
				return
			}
		}
		l.warn(it, at, WarnUnknownKey, "unknown key '"+key+"', expected one of "+strings.Join(known, ", "))
	})
}

func (l *Loader) findList(name string) *list {
	for _, x := range l.lists {
		if x.name == name {
			return x
		}
	}
	return nil
}

func (l *Loader) findMacro(name string) *macro {
	for _, x := range l.macros {
		if x.name == name {
			return x
		}
	}
	return nil
}

func (l *Loader) findRule(name string) *rule {
	for _, x := range l.rules {
		if x.name == name {
			return x
		}
	}
	return nil
}

// deprecatedAppend reads append, warning when it is used.
func (l *Loader) deprecatedAppend(it *item, key string) (bool, error) {
	on, err := it.boolean("append", false)
	if on {
		_, at := it.get("append")
		l.warn(it, at, WarnDeprecated, "the key 'append' is deprecated: write "+key+": append under 'override'")
	}
	return on, err
}

func (l *Loader) list(it *item) error {
	name, err := it.text("list")
	if err != nil {
		return err
	}
	if !listName.MatchString(name.Value) {
		l.warn(it, name, WarnListName, "the name of a list has no blanks, quotes, parentheses, commas and equals signs; it matches "+listName.String())
	}
	l.knownKeys(it, "list", "items", "append", "override")
	if _, err := it.need("items"); err != nil {
		return err
	}
	nodes, err := it.texts("items")
	if err != nil {
		return err
	}
	add, err := l.deprecatedAppend(it, "items")
	if err != nil {
		return err
	}
	over, err := it.overrides([]string{"items"}, []string{"items"})
	if err != nil {
		return err
	}
	if add && !over.empty() {
		return it.fault(it.node, "'append' and 'override' exclude each other: write items: append under 'override'")
	}
	items := make([]listItem, len(nodes))
	for i, n := range nodes {
		items[i] = listItem{n.Value, fixedPlace{it.doc.at(n)}}
	}
	l.seq++
	have := l.findList(name.Value)
	if add || over.appends("items") {
		if have == nil {
			return it.invalid(name, "there is no list '%s' yet for an append or override to add items to", name.Value)
		}
		have.items = append(have.items, items...)
		have.last = l.seq
		return nil
	}
	if have == nil {
		have = &list{name: name.Value, first: l.seq}
		l.lists = append(l.lists, have)
	}
	have.items, have.at, have.last = items, it.doc.at(name), l.seq
	return nil
}

func (l *Loader) macro(it *item) error {
	name, err := it.text("macro")
	if err != nil {
		return err
	}
	if !macroName.MatchString(name.Value) {
		l.warn(it, name, WarnMacroName, "the name of a macro is letters, digits and underscores; it matches "+macroName.String())
	}
	l.knownKeys(it, "macro", "condition", "append", "override")
	cond, err := it.text("condition")
	if err != nil {
		return err
	}
	add, err := l.deprecatedAppend(it, "condition")
	if err != nil {
		return err
	}
	over, err := it.overrides([]string{"condition"}, []string{"condition"})
	if err != nil {
		return err
	}
	if add && !over.empty() {
		return it.fault(it.node, "'append' and 'override' exclude each other: write condition: append under 'override'")
	}
	l.seq++
	have := l.findMacro(name.Value)
	if add || over.appends("condition") {
		if have == nil {
			return it.invalid(name, "there is no macro '%s' yet for an append or override to add a condition to", name.Value)
		}
		have.cond.Join(" ", it.source(cond))
		have.last = l.seq
		return nil
	}
	if have == nil {
		have = &macro{name: name.Value, first: l.seq}
		l.macros = append(l.macros, have)
	}
	have.cond, have.at, have.last = it.source(cond), it.doc.at(name), l.seq
	return nil
}
