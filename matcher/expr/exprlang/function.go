package exprlang

import (
	"strings"

	xast "github.com/expr-lang/expr/ast"

	"github.com/tripline/tripline/matcher/expr/falco/ast"
)

// function translates a call of one of the functions that conditions have.
func (t *translator) function(n *xast.CallNode) (ast.Node, error) {
	id, ok := n.Callee.(*xast.IdentifierNode)
	if !ok {
		return nil, t.errorf(n.Location().From, "only functions can be called")
	}
	switch id.Value {
	case "ancestor":
		v, err := t.texts(n.Arguments)
		if err != nil {
			return nil, err
		}
		v.At = t.at(n)
		return &ast.Check{At: t.at(n), Left: &ast.Field{At: t.at(n), Name: "proc.aname"}, Op: "in", OpAt: t.at(n), Right: v}, nil
	case "basename", "b64":
		return nil, nil
	case "exists", "glob", "iglob", "icontains", "regex", "pmatch", "cidr", "intersects":
	default:
		return nil, t.errorf(id.Location().From, "there is no function '%s' here; expected one of exists, glob, iglob, icontains, regex, pmatch, intersects, cidr, ancestor, basename, b64", id.Value)
	}
	if len(n.Arguments) == 0 {
		return nil, t.errorf(n.Location().From, "%s takes a field first", id.Value)
	}
	f, err := t.operand(n.Arguments[0])
	if err != nil {
		return nil, err
	}
	if f == nil {
		return nil, t.errorf(n.Arguments[0].Location().From, "the first argument of %s must be a field", id.Value)
	}
	c := &ast.Check{At: t.at(n), Left: f, Op: id.Value, OpAt: t.at(id)}
	if id.Value == "exists" {
		if len(n.Arguments) > 1 {
			return nil, t.errorf(n.Arguments[1].Location().From, "exists takes one field")
		}
		return c, nil
	}
	v, err := t.texts(n.Arguments[1:])
	if err != nil {
		return nil, err
	}
	if len(v.Items) == 0 {
		return nil, t.errorf(n.Location().From, "%s takes constants after the field", id.Value)
	}
	v.At = t.at(n.Arguments[1])
	c.Right = v
	switch id.Value {
	case "cidr":
		return t.cidr(c)
	case "pmatch", "intersects":
		return c, nil
	}
	if len(v.Items) > 1 {
		c.Mod = "anyof"
	} else {
		v.List = false
	}
	return c, nil
}

// cidr compares an address with networks, by the field that does.
func (t *translator) cidr(c *ast.Check) (ast.Node, error) {
	f, ok := c.Left.(*ast.Field)
	if ok {
		ok = strings.HasPrefix(f.Name, "fd.") && strings.HasSuffix(f.Name, "ip")
	}
	if !ok {
		return nil, &ast.Error{At: c.Left.Where(), Msg: "the first argument of cidr must be one of fd.ip, fd.cip, fd.sip, fd.lip, fd.rip"}
	}
	f.Name = strings.TrimSuffix(f.Name, "ip") + "net"
	c.Op = "in"
	return c, nil
}

// texts are constants, given one by one or in arrays.
func (t *translator) texts(args []xast.Node) (*ast.Values, error) {
	v := &ast.Values{List: true}
	for _, a := range args {
		if arr, ok := a.(*xast.ArrayNode); ok {
			more, err := t.texts(arr.Nodes)
			if err != nil {
				return nil, err
			}
			v.Items = append(v.Items, more.Items...)
			continue
		}
		if id, ok := a.(*xast.IdentifierNode); ok {
			list, err := t.items(id)
			if err != nil {
				return nil, err
			}
			v.Items = append(v.Items, list.(*ast.Values).Items...)
			continue
		}
		s, ok := literal(a)
		if !ok {
			return nil, t.errorf(a.Location().From, "expected a constant")
		}
		v.Items = append(v.Items, ast.Value{At: t.at(a), Text: s})
	}
	return v, nil
}
