package check

import (
	"net/netip"
	"regexp"
	"strings"

	"github.com/tripline/tripline/matcher/expr/falco/ast"
	"github.com/tripline/tripline/matcher/expr/falco/fields"
	"github.com/tripline/tripline/matcher/expr/falco/glob"
)

// predicate is what a value must satisfy; the function of the field's kind is
// set, that of lists beside it.
type predicate struct {
	str   func(string) bool
	num   func(int64) bool
	float func(float64) bool
	ip    func(netip.Addr) bool
	list  func([]string) bool
	// negative predicates must hold for both ends of a connection.
	negative bool
}

// values compiles the constants of a check.
func (c *compiler) values(n *ast.Check, l *operand, v *ast.Values) (*predicate, error) {
	if err := c.eventTypes(l, v); err != nil {
		return nil, err
	}
	p := &predicate{negative: n.Op == "!="}
	var err error
	switch {
	case l.list:
		p.list, err = listPredicate(n, l, v)
	case l.typ.Kind == fields.String || l.typ.Kind == fields.Bytes:
		p.str, err = textPredicate(n, l, v)
	case l.typ.Kind == fields.IP:
		p.ip, err = constants(n, l, v, ipAddr, func(a netip.Addr) func(netip.Addr) bool {
			return func(x netip.Addr) bool { return x == a }
		})
	case l.typ.Kind == fields.Net:
		p.ip, err = constants(n, l, v, network, func(a netip.Prefix) func(netip.Addr) bool {
			return a.Contains
		})
	case l.typ.Kind == fields.Double:
		p.float, err = constants(n, l, v, func(l *operand, v ast.Value) (float64, error) {
			n, err := number(&operand{typ: fields.Type{Kind: fields.Int, Bits: 64}, text: l.text}, v)
			return float64(n), err
		}, func(k float64) func(float64) bool { return ordered(n.Op, k) })
	default:
		read := number
		switch l.typ.Kind {
		case fields.Bool:
			read = boolean
		case fields.Port:
			read = port
		}
		p.num, err = constants(n, l, v, read, func(k int64) func(int64) bool { return integer(l.typ, n.Op, k) })
	}
	return p, err
}

// eventTypes checks that values of evt.type exist.
func (c *compiler) eventTypes(l *operand, v *ast.Values) error {
	if l.ref == nil || l.ref.Def.Name != "evt.type" {
		return nil
	}
	for _, x := range v.Items {
		if fields.EventByName(x.Text) == nil {
			e := ast.Errorf(x.At, "there is no event type '%s'%s", x.Text, similarEvent(x.Text))
			e.Unknown = true
			return e
		}
	}
	return nil
}

func similarEvent(name string) string {
	best, dist := "", 3
	for _, e := range fields.EventNames() {
		if n := distance(name, e, dist); n < dist {
			best, dist = e, n
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

// constants reads every value and joins their tests: one of them for in and
// intersects, else as the modifier says.
func constants[K, V any](n *ast.Check, l *operand, v *ast.Values,
	read func(*operand, ast.Value) (K, error), test func(K) func(V) bool,
) (func(V) bool, error) {
	tests := make([]func(V) bool, 0, len(v.Items))
	for _, x := range v.Items {
		k, err := read(l, x)
		if err != nil {
			return nil, err
		}
		t := test(k)
		if n.Op == "!=" && !numeric(l) {
			pos := t
			t = func(v V) bool { return !pos(v) }
		}
		tests = append(tests, t)
	}
	return quantify(n, tests), nil
}

// numeric says whether tests of the operand's type know != themselves.
func numeric(l *operand) bool {
	return l.typ.Number() || l.typ.Kind == fields.Bool || l.typ.Kind == fields.Double
}

// quantify joins the tests of several values.
func quantify[V any](n *ast.Check, tests []func(V) bool) func(V) bool {
	mod := n.Mod
	if mod == "" && (n.Op == "in" || n.Op == "intersects" || n.Op == "pmatch") {
		mod = "anyof"
	}
	if len(tests) == 0 {
		return func(V) bool { return false }
	}
	if len(tests) == 1 {
		return tests[0]
	}
	switch mod {
	case "oneof":
		return func(v V) bool {
			hits := 0
			for _, t := range tests {
				if t(v) {
					if hits++; hits > 1 {
						return false
					}
				}
			}
			return hits == 1
		}
	case "allof":
		return func(v V) bool {
			for _, t := range tests {
				if !t(v) {
					return false
				}
			}
			return true
		}
	}
	return func(v V) bool {
		for _, t := range tests {
			if t(v) {
				return true
			}
		}
		return false
	}
}

// integer compares as the type does, signed or not.
func integer(t fields.Type, op string, k int64) func(int64) bool {
	if t.Kind == fields.Uint || t.Kind == fields.Port {
		switch op {
		case "<", "<=", ">", ">=":
			f := ordered(op, uint64(k))
			return func(v int64) bool { return f(uint64(narrow(t, v))) }
		}
		f := ordered(op, k)
		if t.Bits == 64 {
			return f
		}
		return func(v int64) bool { return f(narrow(t, v)) }
	}
	return ordered(op, k)
}

// ordered compares with a constant.
func ordered[T int64 | uint64 | float64 | string](op string, k T) func(T) bool {
	switch op {
	case "!=":
		return func(v T) bool { return v != k }
	case "<":
		return func(v T) bool { return v < k }
	case "<=":
		return func(v T) bool { return v <= k }
	case ">":
		return func(v T) bool { return v > k }
	case ">=":
		return func(v T) bool { return v >= k }
	}
	return func(v T) bool { return v == k }
}

// fewValues is up to how many texts are compared one by one.
const fewValues = 4

// textPredicate compiles the constants of a check on text.
func textPredicate(n *ast.Check, l *operand, v *ast.Values) (func(string) bool, error) {
	vals := make([]string, 0, len(v.Items))
	for _, x := range v.Items {
		s, err := text(l, x)
		if n.Op == "bcontains" || n.Op == "bstartswith" {
			s, err = hexBytes(x, n.Op)
		}
		if err != nil {
			return nil, err
		}
		vals = append(vals, s)
	}
	switch {
	case n.Op == "pmatch":
		return newPaths(vals).match, nil
	case n.Op == "in" || n.Op == "intersects" || (n.Op == "=" || n.Op == "==") && n.Mod == "anyof":
		if len(vals) > fewValues {
			return member(vals), nil
		}
	}
	tests := make([]func(string) bool, len(vals))
	for i, s := range vals {
		t, err := textTest(n.Op, s)
		if err != nil {
			return nil, ast.Errorf(v.Items[i].At, "%v", err)
		}
		tests[i] = t
	}
	return quantify(n, tests), nil
}

// member tests for one of many texts, by length before by hash.
func member(vals []string) func(string) bool {
	set := make(map[string]struct{}, len(vals))
	lo, hi := len(vals[0]), 0
	for _, v := range vals {
		set[v] = struct{}{}
		lo, hi = min(lo, len(v)), max(hi, len(v))
	}
	return func(s string) bool {
		if len(s) < lo || len(s) > hi {
			return false
		}
		_, ok := set[s]
		return ok
	}
}

// textTest compares text with one constant.
func textTest(op, k string) (func(string) bool, error) {
	switch op {
	case "contains", "bcontains":
		return func(s string) bool { return strings.Contains(s, k) }, nil
	case "icontains":
		low := lower(k)
		return func(s string) bool { return strings.Contains(lower(s), low) }, nil
	case "startswith", "bstartswith":
		return func(s string) bool { return strings.HasPrefix(s, k) }, nil
	case "endswith":
		return func(s string) bool { return strings.HasSuffix(s, k) }, nil
	case "glob":
		return func(s string) bool { return glob.Match(k, s) }, nil
	case "iglob":
		return func(s string) bool { return glob.MatchFold(k, s) }, nil
	case "regex":
		return wholeMatch(k)
	case "in", "intersects":
		op = "="
	}
	return ordered(op, k), nil
}

// wholeMatch compiles a POSIX expression that must match all of the text. The
// longest of the leftmost matches spans it if any does.
func wholeMatch(k string) (func(string) bool, error) {
	re, err := regexp.CompilePOSIX(k)
	if err != nil {
		return nil, err
	}
	return func(s string) bool {
		s = strings.ToValidUTF8(s, "\uFFFD")
		m := re.FindStringIndex(s)
		return m != nil && m[0] == 0 && m[1] == len(s)
	}, nil
}

// lower folds the case of ASCII letters only, byte by byte.
func lower(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= 'A' && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if b[i] >= 'A' && b[i] <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}

func upper(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= 'a' && s[i] <= 'z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if b[i] >= 'a' && b[i] <= 'z' {
					b[i] -= 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}

// listPredicate compares the elements of a list with the constants.
func listPredicate(n *ast.Check, l *operand, v *ast.Values) (func([]string) bool, error) {
	set := map[string]struct{}{}
	for _, x := range v.Items {
		s, err := text(l, x)
		if err != nil {
			return nil, err
		}
		set[s] = struct{}{}
	}
	all := n.Op == "in"
	if all && len(set) == 0 {
		return func([]string) bool { return false }, nil
	}
	return func(list []string) bool { return within(list, set, all) }, nil
}

// within says whether all or some elements are in the set.
func within(list []string, set map[string]struct{}, all bool) bool {
	for _, s := range list {
		if _, ok := set[s]; ok != all {
			return ok
		}
	}
	return all
}
