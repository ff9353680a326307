package check

import (
	"github.com/tripline/tripline/matcher/expr/falco/ast"
	"github.com/tripline/tripline/matcher/expr/falco/fields"
)

// operand is a field, a constant or what a transformer makes of operands.
type operand struct {
	text string // canonical
	typ  fields.Type
	list bool

	ref   *fields.Ref // a field
	lit   *string     // a constant
	items []*operand  // a list in parentheses
	call  string      // a transformer
	args  []*operand
	sel   string // of getopt
}

// has says whether a field, or the first field that a transformer works on,
// carries a flag.
func (o *operand) has(f fields.Flag) bool {
	return o.ref != nil && o.ref.Def.Has(f)
}

func (o *operand) typeName() string {
	if o.list {
		return "list of " + o.typ.Name
	}
	return o.typ.Name
}

func (o *operand) isText() bool { return o.typ.Kind == fields.String }

// operand types what a check looks at.
func (c *compiler) operand(x ast.Operand) (*operand, error) {
	o := &operand{text: ast.PrintOperand(x)}
	switch x := x.(type) {
	case *ast.Field:
		r, err := c.field(x)
		if err != nil {
			return nil, err
		}
		o.ref, o.typ, o.list = r, r.Type, r.List()
	case *ast.Literal:
		o.lit, o.typ = &x.Text, fields.TypeString()
	case *ast.Tuple:
		o.list, o.typ = true, fields.TypeString()
		for _, i := range x.Items {
			a, err := c.operand(i)
			if err != nil {
				return nil, err
			}
			if a.list {
				return nil, ast.Errorf(i.Where(), "%s is a list and cannot stand in a list", a.text)
			}
			o.items = append(o.items, a)
		}
	case *ast.Call:
		if err := c.call(o, x); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// call types a transformer.
func (c *compiler) call(o *operand, x *ast.Call) error {
	o.call = x.Name
	for _, a := range x.Args {
		arg, err := c.operand(a)
		if err != nil {
			return err
		}
		if arg.has(fields.NoTransform) {
			return ast.Errorf(a.Where(), "%s cannot be transformed", arg.text)
		}
		o.args = append(o.args, arg)
	}
	if x.HasSel && x.Name != "getopt" {
		return ast.Errorf(x.At, "the transformer %s takes nothing in brackets", x.Name)
	}
	o.typ = fields.TypeString()
	first := o.args[0]
	switch x.Name {
	case "concat":
		return c.concat(o, x)
	case "join":
		return c.join(o, x)
	case "getopt":
		return c.getopt(o, x)
	}
	if len(o.args) != 1 {
		return ast.Errorf(x.At, "the transformer %s takes one argument, not %d", x.Name, len(o.args))
	}
	if first.lit != nil || first.items != nil {
		return ast.Errorf(x.Args[0].Where(), "the transformer %s takes a field or another transformer", x.Name)
	}
	ok := first.isText()
	switch x.Name {
	case "b64":
		ok = ok || first.typ.Kind == fields.Bytes
		o.list, o.typ = first.list, first.typ
	case "len":
		ok = ok || first.typ.Kind == fields.Bytes || first.list
		o.typ = fields.TypeUint64()
	default:
		o.list, o.typ = first.list, first.typ
	}
	if !ok {
		return ast.Errorf(x.Args[0].Where(), "the transformer %s does not work on %s, which is of type %s", x.Name, first.text, first.typeName())
	}
	return nil
}

func (c *compiler) concat(o *operand, x *ast.Call) error {
	if len(o.args) < 2 {
		return ast.Errorf(x.At, "concat takes two texts or more")
	}
	for i, a := range o.args {
		if a.list || !a.isText() {
			return ast.Errorf(x.Args[i].Where(), "concat takes texts and %s is of type %s", a.text, a.typeName())
		}
	}
	return nil
}

func (c *compiler) join(o *operand, x *ast.Call) error {
	if len(o.args) != 2 {
		return ast.Errorf(x.At, "join takes two arguments: the text between and a list")
	}
	if o.args[0].list || !o.args[0].isText() {
		return ast.Errorf(x.Args[0].Where(), "the first argument of join is the text between, not a value of type %s", o.args[0].typeName())
	}
	if !o.args[1].list {
		return ast.Errorf(x.Args[1].Where(), "the second argument of join is a list")
	}
	return nil
}

func (c *compiler) getopt(o *operand, x *ast.Call) error {
	if len(o.args) != 2 {
		return ast.Errorf(x.At, "getopt takes two arguments: the list of arguments and the options")
	}
	if !o.args[0].list {
		return ast.Errorf(x.Args[0].Where(), "the first argument of getopt is a list of arguments")
	}
	if o.args[1].list || !o.args[1].isText() {
		return ast.Errorf(x.Args[1].Where(), "the second argument of getopt is the text of the options")
	}
	o.list = !x.HasSel
	if x.HasSel {
		if len(x.Sel) != 1 {
			return ast.Errorf(x.At, "getopt takes a single option character in brackets")
		}
		o.sel = x.Sel
	}
	return nil
}
