package loader

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tripline/tripline/matcher/expr/falco/ast"
	"github.com/tripline/tripline/matcher/expr/falco/parser"
)

// exception excludes what a rule shall not report: rows of values for one
// field (single) or for several.
type exception struct {
	name   string
	it     *item
	single bool
	fields []*yaml.Node
	comps  []string
	values []*yaml.Node
	// given says which keys were there.
	hasFields, hasComps, hasValues bool
	fieldsAt, compsAt, valuesAt    *yaml.Node
}

func cloneExceptions(in []*exception) []*exception {
	out := make([]*exception, len(in))
	for i, e := range in {
		c := *e
		c.values = append([]*yaml.Node(nil), e.values...)
		out[i] = &c
	}
	return out
}

// exceptions reads the exceptions of a rule element.
func (l *Loader) exceptions(it *item, appending bool) ([]*exception, error) {
	if !it.has("exceptions") {
		return nil, nil
	}
	v, _ := it.get("exceptions")
	if isNull(v) {
		return nil, nil
	}
	if v.Kind != yaml.SequenceNode {
		return nil, it.fault(v, "the exceptions of a rule are a sequence")
	}
	var out []*exception
	for _, n := range v.Content {
		m, err := it.mapping(n, "exception")
		if err != nil {
			return nil, err
		}
		e, err := l.exception(m, appending)
		if err != nil {
			return nil, err
		}
		for _, o := range out {
			if o.name == e.name {
				l.warn(it, n, WarnExceptionName, "the name '"+e.name+"' is given to more than one exception")
				break
			}
		}
		if appending && !e.hasValues {
			l.warn(it, n, WarnAppendNoValues, "the exception '"+e.name+"' is appended to without values")
		}
		out = append(out, e)
	}
	return out, nil
}

func (l *Loader) exception(m *item, appending bool) (*exception, error) {
	name, err := m.text("name")
	if err != nil {
		return nil, err
	}
	e := &exception{name: name.Value, it: m}
	m.name = name.Value
	m.keys(func(key string, at, _ *yaml.Node) {
		if !contains([]string{"name", "fields", "comps", "values"}, key) {
			l.warn(m, at, WarnExceptionKey, "unknown key '"+key+"' in the exception, expected one of name, fields, comps, values")
		}
	})
	if !appending && !m.has("fields") {
		return nil, m.fault(m.node, "the exception '%s' has no fields", e.name)
	}
	if v, at := m.get("fields"); v != nil && !isNull(v) {
		e.hasFields, e.fieldsAt = true, at
		e.single = v.Kind == yaml.ScalarNode
		if e.single {
			e.fields = []*yaml.Node{v}
		} else if e.fields, err = m.texts("fields"); err != nil {
			return nil, err
		}
	}
	if v, at := m.get("comps"); v != nil && !isNull(v) {
		e.hasComps, e.compsAt = true, at
		nodes := []*yaml.Node{v}
		if v.Kind != yaml.ScalarNode {
			if nodes, err = m.texts("comps"); err != nil {
				return nil, err
			}
		} else if e.hasFields && !e.single {
			return nil, m.invalid(v, "the fields are a list and so must 'comps' be")
		}
		for _, n := range nodes {
			e.comps = append(e.comps, strings.Join(strings.Fields(n.Value), " "))
		}
		if e.hasFields && e.single && v.Kind != yaml.ScalarNode {
			return nil, m.invalid(v, "there is one field and so must 'comps' be one operator")
		}
	}
	if v, at := m.get("values"); v != nil {
		if v.Kind != yaml.SequenceNode {
			return nil, m.fault(v, "the values of an exception are a sequence")
		}
		e.hasValues, e.valuesAt = true, at
		for _, n := range v.Content {
			n = resolve(n)
			if err := m.notEmpty(n); err != nil {
				return nil, err
			}
			e.values = append(e.values, n)
		}
	}
	return e, nil
}

// notEmpty refuses empty texts among the values of an exception.
func (it *item) notEmpty(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode && n.Value == "" && !isNull(n) {
		return it.fault(n, "a value of an exception must not be empty; an empty text is written '\"\"'")
	}
	for _, c := range n.Content {
		if err := it.notEmpty(resolve(c)); err != nil {
			return err
		}
	}
	return nil
}

// validExceptions checks the shape of exceptions that stand by themselves. Of
// a source without events the fields are not known.
func (l *Loader) validExceptions(list []*exception, knownSource bool) error {
	for _, e := range list {
		if err := l.validException(e, knownSource); err != nil {
			return err
		}
	}
	return nil
}

func (l *Loader) validException(e *exception, knownSource bool) error {
	if len(e.fields) == 0 {
		return e.it.invalid(e.it.node, "the exception '%s' has no fields", e.name)
	}
	if !e.hasComps {
		e.comps = nil
		for range e.fields {
			if e.single {
				e.comps = append(e.comps, "in")
			} else {
				e.comps = append(e.comps, "=")
			}
		}
	}
	if len(e.comps) != len(e.fields) {
		return e.it.invalid(e.compsAt, "the exception '%s' has %d fields and %d operators: as many of each are needed", e.name, len(e.fields), len(e.comps))
	}
	for _, c := range e.comps {
		if !validComp(c, e.single) {
			return e.it.invalid(e.compsAt, "'%s' is no operator of an exception%s", c, oneFieldHint(e.single))
		}
	}
	if !knownSource {
		return nil
	}
	for _, f := range e.fields {
		if err := l.validField(e, f); err != nil {
			return err
		}
	}
	return e.validValues()
}

func oneFieldHint(single bool) string {
	if single {
		return " with one field: it must take a list"
	}
	return ""
}

// validComp says whether a text is an operator, with or without a modifier.
func validComp(c string, single bool) bool {
	op, mod, two := strings.Cut(c, " ")
	if two {
		if mod != "oneof" && mod != "anyof" && mod != "allof" {
			return false
		}
		switch op {
		case "in", "intersects", "pmatch", "exists", "<", "<=", ">", ">=":
			return false
		}
	}
	if single && !two && op != "in" && op != "intersects" && op != "pmatch" {
		return false
	}
	return contains(parser.Operators(), op)
}

func (l *Loader) validField(e *exception, f *yaml.Node) error {
	o, n, err := parser.Operand(ast.Plain(f.Value))
	if err == nil && n == len(f.Value) {
		ast.FieldsOf(o, func(x *ast.Field) {
			if err == nil {
				_, err = l.opt.Fields.Resolve(x.Name, x.Arg, x.HasArg)
			}
		})
	} else if err == nil {
		err = ast.Errorf(ast.Pos{}, "there is more after the field")
	}
	if err != nil {
		return e.it.invalid(f, "'%s' is no field that an exception can use: %v", f.Value, err)
	}
	return nil
}

// validValues checks the values against the fields.
func (e *exception) validValues() error {
	for _, row := range e.values {
		if e.single {
			if row.Kind != yaml.ScalarNode {
				return e.it.invalid(row, "the exception '%s' has one field: its values are texts, not lists", e.name)
			}
			continue
		}
		if row.Kind != yaml.SequenceNode || len(row.Content) != len(e.fields) {
			return e.it.invalid(row, "each of the values of the exception '%s' must be a list as long as its fields: %d", e.name, len(e.fields))
		}
	}
	return nil
}

// appendExceptions adds values to the exceptions of a rule, or new exceptions.
func (l *Loader) appendExceptions(it *item, r *rule, list []*exception) error {
	have := cloneExceptions(r.exceptions)
	for _, e := range list {
		var old *exception
		for _, h := range have {
			if h.name == e.name {
				old = h
				break
			}
		}
		if old == nil {
			switch {
			case !e.hasFields:
				return e.it.invalid(e.it.node, "the exception '%s' is new and has no fields", e.name)
			case !e.hasValues:
				return e.it.invalid(e.it.node, "the exception '%s' is new and has no values", e.name)
			}
			if err := l.validException(e, !r.unknownSource); err != nil {
				return err
			}
			have = append(have, e)
			continue
		}
		switch {
		case e.hasFields:
			return e.it.invalid(e.fieldsAt, "the exception '%s' exists: only values can be appended, no fields", e.name)
		case e.hasComps:
			return e.it.invalid(e.compsAt, "the exception '%s' exists: only values can be appended, no operators", e.name)
		}
		added := *old
		added.it, added.values = e.it, e.values
		if !r.unknownSource {
			if err := added.validValues(); err != nil {
				return err
			}
		}
		old.values = append(old.values, e.values...)
	}
	r.exceptions = have
	return nil
}

// withExceptions puts exceptions behind a condition.
func withExceptions(cond, exceptions *ast.Source) *ast.Source {
	if exceptions == nil {
		return cond
	}
	here := fixedPlace{ast.Pos{Src: cond}.Place()}
	out := ast.NewSource("(", here)
	out.Join("", cond)
	out.Append(")", here, 0, true)
	out.Join(" and ", exceptions)
	return out
}

// exceptionsOnly is the condition that none of the exceptions holds, nil when
// there are none with values.
func (r *rule) exceptionsOnly() *ast.Source {
	var out *ast.Source
	for _, e := range r.exceptions {
		if len(e.values) == 0 {
			continue
		}
		one := e.source()
		if out == nil {
			out = one
		} else {
			out.Join(" and ", one)
		}
	}
	return out
}

// fixedPlace stands for one place.
type fixedPlace struct{ at ast.Place }

// Locate implements [ast.Locator].
func (f fixedPlace) Locate(int) ast.Place { return f.at }

// source is the condition that the exception does not hold.
func (e *exception) source() *ast.Source {
	at := func(n *yaml.Node) fixedPlace { return fixedPlace{e.it.doc.at(n)} }
	here := at(e.it.node)
	out := ast.NewSource("not ", here)
	if e.single {
		out.Append(e.fields[0].Value+" "+e.comps[0]+" (", here, 0, true)
		for i, v := range e.values {
			if i > 0 {
				out.Append(", ", here, 0, true)
			}
			out.Append(quoteItem(v.Value), at(v), 0, true)
		}
		out.Append(")", here, 0, true)
		return out
	}
	out.Append("(", here, 0, true)
	for i, row := range e.values {
		if i > 0 {
			out.Append(" or ", here, 0, true)
		}
		out.Append("(", here, 0, true)
		for j, cell := range row.Content {
			if j > 0 {
				out.Append(" and ", here, 0, true)
			}
			out.Append(e.fields[j].Value+" "+e.comps[j]+" ", here, 0, true)
			out.Append(cellText(resolve(cell), e.comps[j]), at(cell), 0, true)
		}
		out.Append(")", here, 0, true)
	}
	out.Append(")", here, 0, true)
	return out
}

// cellText writes a value: in parentheses where the operator takes a list, in
// quotes where it has blanks, but not in both.
func cellText(n *yaml.Node, comp string) string {
	switch {
	case n.Kind == yaml.SequenceNode:
		items := make([]string, 0, len(n.Content))
		for _, c := range n.Content {
			items = append(items, quoteItem(nodeText(resolve(c))))
		}
		return "(" + strings.Join(items, ", ") + ")"
	case comp == "in" || comp == "intersects" || comp == "pmatch" || strings.HasSuffix(comp, "of"):
		if text := nodeText(n); !strings.HasPrefix(text, "(") {
			return "(" + text + ")"
		}
		return nodeText(n)
	}
	return quoteItem(nodeText(n))
}

// nodeText is the text of a scalar, empty for null.
func nodeText(n *yaml.Node) string {
	if isNull(n) {
		return ""
	}
	return n.Value
}

// quoteItem puts quotes around a value with a blank in it.
func quoteItem(s string) string {
	if strings.Contains(s, " ") && s[0] != '"' && s[0] != '\'' {
		return `"` + s + `"`
	}
	return s
}
