package check

import (
	"sort"
	"strconv"

	"github.com/tripline/tripline/matcher/expr/falco/ast"
	"github.com/tripline/tripline/matcher/expr/falco/fields"
)

// Types is a set of event types: those named or, with Except, all but those.
type Types struct {
	Except bool
	Names  map[string]struct{}
}

// AllTypes is every event type.
func AllTypes() Types { return Types{Except: true} }

// All says whether nothing is left out.
func (t Types) All() bool { return t.Except && len(t.Names) == 0 }

// Has says whether an event type is in the set.
func (t Types) Has(name string) bool {
	_, ok := t.Names[name]
	return ok != t.Except
}

// Sorted lists the names.
func (t Types) Sorted() []string {
	out := make([]string, 0, len(t.Names))
	for n := range t.Names {
		out = append(out, n)
	}
	sort.Strings(out)
	return out
}

func (t Types) not() Types { return Types{!t.Except, t.Names} }

func (t Types) and(o Types) Types {
	switch {
	case t.Except && o.Except:
		out := Types{true, map[string]struct{}{}}
		for n := range t.Names {
			out.Names[n] = struct{}{}
		}
		for n := range o.Names {
			out.Names[n] = struct{}{}
		}
		return out
	case t.Except:
		t, o = o, t
	}
	out := Types{false, map[string]struct{}{}}
	for n := range t.Names {
		if o.Has(n) {
			out.Names[n] = struct{}{}
		}
	}
	return out
}

// Or is the event types of either.
func (t Types) Or(o Types) Types { return t.not().and(o.not()).not() }

// EventTypes finds the event types for which a condition can be true. Its
// error is an [*ast.Error].
func EventTypes(n ast.Node) (Types, error) { return eventTypes(n, false) }

// eventTypes pushes negation down to the comparisons.
func eventTypes(n ast.Node, not bool) (Types, error) {
	join := func(kids []ast.Node, and bool) (Types, error) {
		out := Types{Except: and}
		for _, k := range kids {
			t, err := eventTypes(k, not)
			if err != nil {
				return out, err
			}
			if and {
				out = out.and(t)
			} else {
				out = out.Or(t)
			}
		}
		return out, nil
	}
	switch n := n.(type) {
	case *ast.And:
		return join(n.Kids, !not)
	case *ast.Or:
		return join(n.Kids, not)
	case *ast.Not:
		return eventTypes(n.Kid, !not)
	case *ast.Check:
		t, known, err := leafTypes(n)
		if known && not {
			t = t.not()
		}
		return t, err
	}
	return AllTypes(), nil
}

// leafTypes is the set of one comparison; known says that it is about event
// types at all.
func leafTypes(n *ast.Check) (t Types, known bool, err error) {
	if t, ok := countFact(n); ok {
		return t, true, nil
	}
	if err := noTransformedType(n); err != nil {
		return AllTypes(), false, err
	}
	f, ok := n.Left.(*ast.Field)
	if !ok || f.HasArg || f.Name != "evt.type" && f.Name != "syscall.type" || n.Mod != "" {
		return AllTypes(), false, nil
	}
	switch n.Op {
	case "exists":
		return AllTypes(), true, nil
	case "=", "==", "!=", "in":
	default:
		return AllTypes(), false, nil
	}
	v, ok := n.Right.(*ast.Values)
	if !ok {
		return AllTypes(), false, ast.Errorf(n.At, "%s is compared with names of event types only, not with fields", f.Name)
	}
	t.Names = map[string]struct{}{}
	for _, x := range v.Items {
		t.Names[x.Text] = struct{}{}
	}
	if n.Op == "!=" {
		t = t.not()
	}
	return t, true, nil
}

// noTransformedType refuses transformers around the event type where types
// are inferred from.
func noTransformedType(n *ast.Check) error {
	switch n.Op {
	case "=", "==", "!=", "in", "exists":
	default:
		return nil
	}
	if c, ok := n.Left.(*ast.Call); ok && n.Mod == "" {
		_, err := transformed(c, false)
		return err
	}
	return nil
}

// transformed says whether the last thing in an operand is the event type. An
// argument that is makes an error; of a list only its last item counts.
func transformed(o ast.Operand, last bool) (bool, error) {
	switch o := o.(type) {
	case *ast.Field:
		return !o.HasArg && (o.Name == "evt.type" || o.Name == "syscall.type"), nil
	case *ast.Literal:
		return false, nil
	case *ast.Tuple:
		for _, i := range o.Items {
			var err error
			if last, err = transformed(i, last); err != nil {
				return false, err
			}
		}
	case *ast.Call:
		for _, a := range o.Args {
			var err error
			if last, err = transformed(a, last); err != nil {
				return false, err
			}
			if last {
				return false, ast.Errorf(a.Where(), "the event type cannot be transformed where event types are compared")
			}
		}
	}
	return last, nil
}

// countFact decides comparisons of evt.num, which is 1 or more.
func countFact(n *ast.Check) (Types, bool) {
	f, ok := n.Left.(*ast.Field)
	if !ok || f.Name != "evt.num" || f.HasArg || n.Mod != "" {
		return Types{}, false
	}
	v, ok := n.Right.(*ast.Values)
	if !ok {
		return Types{}, false
	}
	none, all := Types{}, AllTypes()
	if n.Op == "in" {
		for _, x := range v.Items {
			if k, ok := unsigned(x.Text); !ok || k != 0 {
				return Types{}, false
			}
		}
		return none, true
	}
	if len(v.Items) != 1 {
		return Types{}, false
	}
	k, ok := unsigned(v.Items[0].Text)
	if !ok {
		return Types{}, false
	}
	switch {
	case (n.Op == "=" || n.Op == "==" || n.Op == "<=") && k == 0, n.Op == "<" && k <= 1:
		return none, true
	case (n.Op == "!=" || n.Op == ">") && k == 0, n.Op == ">=" && k <= 1:
		return all, true
	}
	return Types{}, false
}

func unsigned(s string) (uint64, bool) {
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil
}

// ManyTypes is the number of event codes from which on a rule is slow.
const ManyTypes = 100

// Many says whether the set is so large that the rule deserves a warning.
func (t Types) Many() bool {
	codes, generic := 0, 0
	count := func(name string) {
		e := fields.EventByName(name)
		switch {
		case e == nil:
		case e.Generic:
			generic = e.Codes
		default:
			codes += e.Codes
		}
	}
	if !t.Except {
		for name := range t.Names {
			count(name)
		}
		return codes+generic > ManyTypes
	}
	for _, name := range fields.EventNames() {
		if t.Has(name) {
			count(name)
		}
	}
	return codes+generic > ManyTypes
}
