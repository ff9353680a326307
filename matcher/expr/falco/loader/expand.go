package loader

import (
	"strings"

	"github.com/tripline/tripline/matcher/expr/falco/ast"
	"github.com/tripline/tripline/matcher/expr/falco/parser"
)

// compiledLists returns the items of each list. An item that names a list
// which was first defined before this one was last changed stands for the
// items of that, one level deep.
func (l *Loader) compiledLists() [][]listItem {
	out := make([][]listItem, len(l.lists))
	for _, x := range l.lists {
		x.used = false
	}
	for i, x := range l.lists {
		for _, it := range x.items {
			if ref := l.findList(it.text); ref != nil && ref.first < x.last {
				ref.used = true
				out[i] = append(out[i], ref.items...)
				continue
			}
			out[i] = append(out[i], it)
		}
	}
	return out
}

const (
	listBlanks = " \t\n\r"
	listDelims = listBlanks + "(),="
)

// expandLists replaces the names of lists in a condition by their items. It
// works on the text, in quotes too, list by list in the order of definition.
func (l *Loader) expandLists(src *ast.Source, items [][]listItem) *ast.Source {
	for i, x := range l.lists {
		from := 0
		for {
			at := strings.Index(src.Text[from:], x.name)
			if at < 0 {
				break
			}
			lo := from + at
			hi := lo + len(x.name)
			if !delimited(src.Text, lo, hi) {
				from = lo + 1
				continue
			}
			x.used = true
			// Blanks around the name become one on each side.
			for lo > 0 && strings.IndexByte(listBlanks, src.Text[lo-1]) >= 0 {
				lo--
			}
			for hi < len(src.Text) && strings.IndexByte(listBlanks, src.Text[hi]) >= 0 {
				hi++
			}
			var pieces []ast.Piece
			if lo > 0 {
				pieces = append(pieces, ast.Piece{Text: " "})
			}
			from = lo
			for k, it := range items[i] {
				text := quoteItem(it.text)
				if k > 0 {
					text = ", " + text
				}
				pieces = append(pieces, ast.Piece{Text: text, From: it.at})
				from += len(text)
			}
			if from == lo {
				lo, hi = withComma(src.Text, lo, hi)
				from = lo
			}
			src = src.Splice(lo, hi, append(pieces, ast.Piece{Text: " "})...)
		}
	}
	return src
}

func delimited(s string, lo, hi int) bool {
	return (lo == 0 || strings.IndexByte(listDelims, s[lo-1]) >= 0) &&
		(hi == len(s) || strings.IndexByte(listDelims, s[hi]) >= 0)
}

// withComma widens the place of an empty list by one comma beside it.
func withComma(s string, lo, hi int) (int, int) {
	switch {
	case lo > 0 && s[lo-1] == ',':
		lo--
	case hi < len(s) && s[hi] == ',':
		hi++
	}
	return lo, hi
}

// parse reads a condition of a rule or a macro.
func (l *Loader) parse(src *ast.Source) (ast.Node, error) {
	return parser.Parse(src, parser.RuleDepth)
}

// resolveMacro makes the tree of a macro, without macros.
func (l *Loader) resolveMacro(m *macro, items [][]listItem) {
	if m.done {
		return
	}
	m.done = true
	tree, err := l.parse(l.expandLists(m.cond, items))
	if err != nil {
		m.failed = true
		l.conditionError("macro", m.name, ErrCompileCondition, err)
		return
	}
	m.visiting = true
	tree, err = l.substitute(tree, items, func(o *macro) bool { return o.first < m.last && o != m })
	m.visiting = false
	if err != nil {
		m.failed = true
		l.conditionError("macro", m.name, ErrValidate, err)
		return
	}
	m.tree = tree
}

// substitute puts the trees of macros in place of their names.
func (l *Loader) substitute(n ast.Node, items [][]listItem, visible func(*macro) bool) (ast.Node, error) {
	kids := func(in []ast.Node) ([]ast.Node, error) {
		out := make([]ast.Node, len(in))
		for i, k := range in {
			k, err := l.substitute(k, items, visible)
			if err != nil {
				return nil, err
			}
			out[i] = k
		}
		return out, nil
	}
	switch n := n.(type) {
	case *ast.And:
		k, err := kids(n.Kids)
		return &ast.And{At: n.At, Kids: k}, err
	case *ast.Or:
		k, err := kids(n.Kids)
		return &ast.Or{At: n.At, Kids: k}, err
	case *ast.Not:
		k, err := l.substitute(n.Kid, items, visible)
		return &ast.Not{At: n.At, Kid: k}, err
	case *ast.Macro:
		m := l.findMacro(n.Name)
		if m == nil || !visible(m) {
			return nil, l.undefined(n, m)
		}
		m.used = true
		if m.visiting {
			return nil, ast.Errorf(n.At, "the macro '%s' comes back to itself", n.Name)
		}
		l.resolveMacro(m, items)
		if m.failed {
			return nil, ast.Errorf(n.At, "the macro '%s' has an error of its own (%s:%d)", n.Name, m.at.File, m.at.Line)
		}
		return m.tree, nil
	}
	return n, nil
}

// undefined says that a macro cannot be used here, and what may be meant.
func (l *Loader) undefined(n *ast.Macro, m *macro) error {
	if m != nil {
		return ast.Errorf(n.At, "the macro '%s' is not defined yet: it comes later (%s:%d)", n.Name, m.at.File, m.at.Line)
	}
	return ast.Errorf(n.At, "the macro '%s' is not defined", n.Name)
}
