package check

import "github.com/tripline/tripline/matcher/expr/falco/fields"

// Specialise decides the comparisons of a condition that the event type alone
// decides, and leaves the others. A condition that is always true is an And
// without kids then, one that never is an Or without kids.
func Specialise(n Node, eventType string) Node {
	switch n := n.(type) {
	case *And:
		var kids []Node
		for _, k := range n.Kids {
			switch s := Specialise(k, eventType); {
			case isFalse(s):
				return s
			case !isTrue(s):
				kids = append(kids, s)
			}
		}
		if len(kids) == 1 {
			return kids[0]
		}
		return &And{kids}
	case *Or:
		var kids []Node
		for _, k := range n.Kids {
			switch s := Specialise(k, eventType); {
			case isTrue(s):
				return s
			case !isFalse(s):
				kids = append(kids, s)
			}
		}
		if len(kids) == 1 {
			return kids[0]
		}
		return &Or{kids}
	case *Not:
		switch s := Specialise(n.Kid, eventType); {
		case isTrue(s):
			return &Or{}
		case isFalse(s):
			return &And{}
		default:
			return &Not{s}
		}
	case *Test:
		if known, value := n.decided(eventType); known {
			if value {
				return &And{}
			}
			return &Or{}
		}
	}
	return n
}

func isTrue(n Node) bool  { a, ok := n.(*And); return ok && len(a.Kids) == 0 }
func isFalse(n Node) bool { o, ok := n.(*Or); return ok && len(o.Kids) == 0 }

// decided says whether the event type decides a test, and how.
func (t *Test) decided(eventType string) (known, value bool) {
	if t.leaf != nil || t.left.ref == nil || t.right != nil {
		return false, false
	}
	switch name := t.left.ref.Def.Name; name {
	case "evt.type":
		if t.expr.Op == "exists" {
			return true, true
		}
		return true, t.pred.str(eventType)
	case "evt.is_open_read", "evt.is_open_write", "evt.is_open_exec":
		if !fields.Opens(eventType) && t.pred != nil {
			return true, t.pred.num(0)
		}
	case "evt.num":
		if set, ok := countFact(t.expr); ok {
			return true, set.Except
		}
	case "evt.dir":
		if t.pred != nil {
			return true, t.pred.str("<")
		}
	}
	return false, false
}
