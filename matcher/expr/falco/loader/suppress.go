package loader

import (
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/tripline/tripline/matcher/expr/falco/ast"
	"github.com/tripline/tripline/matcher/expr/falco/check"
	"github.com/tripline/tripline/matcher/expr/falco/parser"
)

// Suppression keeps a rule from finding what is known, for a time.
type Suppression struct {
	// Compiled holds for the events that the rule leaves alone.
	Compiled check.Node
	// Until is when it ends, in the time of the events.
	Until time.Time
	// Reason is for people.
	Reason string
}

// suppression is a suppression as collected: a condition as text, or as a tree.
type suppression struct {
	cond   *ast.Source
	tree   ast.Node
	until  time.Time
	reason string
	at     ast.Place // of until
}

// suppressions reads the key suppress, nil when it is not there.
func (it *item) suppressions() ([]*suppression, error) {
	if !it.has("suppress") {
		return nil, nil
	}
	n, err := it.need("suppress")
	if err != nil {
		return nil, err
	}
	if n.Kind != yaml.SequenceNode {
		return nil, it.fault(n, "the value of 'suppress' must be a sequence")
	}
	var out []*suppression
	for _, e := range n.Content {
		m, err := it.mapping(e, "suppression")
		if err != nil {
			return nil, err
		}
		s, err := m.suppression()
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func (it *item) suppression() (*suppression, error) {
	if err := it.only("condition", "fields", "until", "reason"); err != nil {
		return nil, err
	}
	if it.has("condition") == it.has("fields") {
		return nil, it.fault(it.node, "a suppression has either 'condition' or 'fields'")
	}
	s := &suppression{}
	if it.has("condition") {
		v, err := it.text("condition")
		if err != nil {
			return nil, err
		}
		s.cond = it.source(v)
	} else {
		v, err := it.need("fields")
		if err != nil {
			return nil, err
		}
		m, err := it.mapping(v, "suppression's fields")
		if err != nil {
			return nil, err
		}
		if s.tree, err = m.comparisons(); err != nil {
			return nil, err
		}
	}
	v, err := it.text("until")
	if err != nil {
		return nil, err
	}
	s.at = it.doc.at(v)
	if s.until, err = time.Parse(time.DateOnly, v.Value); err == nil {
		s.until = s.until.AddDate(0, 0, 1) // that day is in it
	} else if s.until, err = time.Parse(time.RFC3339, v.Value); err != nil {
		return nil, it.fault(v, "the value of 'until' must be a day such as 2030-12-31, the last one, or a time such as 2030-12-31T18:00:00Z")
	}
	if v, err = it.text("reason"); err != nil {
		return nil, err
	}
	s.reason = v.Value
	return s, nil
}

// comparisons makes a condition of a mapping from fields to what they must be:
// a value, or one of several.
func (it *item) comparisons() (ast.Node, error) {
	out := &ast.And{At: ast.Pos{Src: it.source(it.node)}}
	for i := 0; i+1 < len(it.node.Content); i += 2 {
		k, v := resolve(it.node.Content[i]), resolve(it.node.Content[i+1])
		src := it.source(k)
		left, n, err := parser.Operand(src)
		if err != nil || n < len(src.Text) {
			return nil, it.fault(k, "expected the name of a field, not '%s'", k.Value)
		}
		items := []*yaml.Node{v}
		c := &ast.Check{At: left.Where(), Left: left, Op: "=", OpAt: left.Where()}
		if v.Kind == yaml.SequenceNode {
			items, c.Op = v.Content, "in"
		}
		values := &ast.Values{At: ast.Pos{Src: it.source(v)}, List: c.Op == "in"}
		for _, x := range items {
			if x = resolve(x); x.Kind != yaml.ScalarNode || isNull(x) {
				return nil, it.fault(x, "expected a value for %s, or a sequence of values", k.Value)
			}
			values.Items = append(values.Items, ast.Value{At: ast.Pos{Src: it.source(x)}, Text: x.Value})
		}
		if len(values.Items) == 0 {
			return nil, it.fault(v, "expected a value for %s, or a sequence of values", k.Value)
		}
		c.Right = values
		out.Kids = append(out.Kids, c)
	}
	if len(out.Kids) == 0 {
		return nil, it.fault(it.node, "expected a field with a value")
	}
	if len(out.Kids) == 1 {
		return out.Kids[0], nil
	}
	return out, nil
}

// compileSuppressions fills in what the rule leaves alone. What has ended is kept
// for events of then, with a warning.
func (l *Loader) compileSuppressions(r *rule, out *Rule, items [][]listItem) bool {
	for _, s := range r.suppress {
		tree := s.tree
		var err error
		if s.cond != nil {
			if tree, err = l.parse(l.expandLists(s.cond, items)); err == nil {
				tree, err = l.substitute(tree, items, func(*macro) bool { return true })
			}
		}
		var compiled check.Node
		var warnings []check.Warning
		if err == nil {
			compiled, warnings, err = check.Compile(tree, l.opt.Fields)
		}
		if err != nil {
			l.ruleError(r, ErrCompileCondition, err)
			return false
		}
		for _, w := range warnings {
			l.ruleWarning(r, WarnCondition, w.At, w.Msg)
		}
		check.Tests(compiled, func(t *check.Test) {
			for _, ref := range t.Refs() {
				l.missing(r, out, ref, t.At)
			}
		})
		if !l.opt.now().Before(s.until) {
			l.report(Problem{
				Warning: true, Code: WarnSuppressExpired, At: s.at, Kind: "rule", Item: r.name, Rule: r.name,
				Msg: "this suppression has ended: the rule finds again what it was for (" + s.reason + ")",
			})
		}
		out.Suppress = append(out.Suppress, Suppression{compiled, s.until, s.reason})
	}
	return true
}

func (o *Options) now() time.Time {
	if o.Now != nil {
		return o.Now()
	}
	return time.Now()
}
