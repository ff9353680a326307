package rego

import (
	"errors"
	"regexp"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// builtin compiles a call of a built-in function. Those that rules are mostly
// made of are written out here; others are OPA's own; those whose cost is not
// bounded by the size of what they are given are left to OPA altogether.
func (a *assembler) builtin(name string, args []operand, t int) op {
	if o := a.own(name, args, t); o != nil {
		return o
	}
	if unbounded(name) {
		return asks
	}
	f := topdown.GetBuiltin(name)
	if f == nil {
		return asks
	}
	return generic(f, args, t)
}

// unbounded names the functions that make much of little.
func unbounded(name string) bool {
	switch name {
	case "walk", "numbers.range", "numbers.range_step", "net.cidr_expand", "net.cidr_contains_matches", "net.cidr_merge",
		"regex.globs_match", "json.match_schema", "json.verify_schema", "strings.render_template", "strings.replace_n",
		"sprintf", "format_int", "trace", "print", "internal.print", "internal.test_case", "time.parse_rfc3339_ns":
		return true
	}
	return strings.HasPrefix(name, "graph.") || strings.HasPrefix(name, "crypto.") || strings.HasPrefix(name, "rego.") ||
		strings.HasPrefix(name, "object.union") || strings.HasPrefix(name, "json.patch")
}

// generic calls OPA's implementation.
func generic(f topdown.BuiltinFunc, args []operand, t int) op {
	return func(m *machine, l []value) code {
		terms := make([]*ast.Term, len(args))
		cost := 16
		for i := range args {
			v := args[i].get(l)
			x, ok := m.toAST(v)
			if !ok {
				return ask
			}
			cost += v.weight()
			terms[i] = ast.NewTerm(x)
		}
		var out value
		n := 0
		err := f(m.bctx, terms, func(r *ast.Term) error {
			n++
			out = ofAST(r.Value)
			return nil
		})
		if cost += out.weight(); !m.spend(cost) || n > 1 {
			return ask
		}
		if err != nil {
			var halt topdown.Halt
			if errors.As(err, &halt) {
				return ask
			}
			return leave
		}
		if n == 0 {
			return leave
		}
		l[t] = out
		return went
	}
}

// weight is what a value costs to go through, roughly.
func (v *value) weight() int {
	switch x := v.ref.(type) {
	case *listOf:
		return 8 * len(x.items)
	case *ast.Array:
		return 8 * x.Len()
	case ast.Set:
		return 8 * x.Len()
	}
	return len(v.str) / 8
}

// own compiles the functions that are written out here; nil for all others.
func (a *assembler) own(name string, args []operand, t int) op {
	switch {
	case len(args) == 1:
		return own1(name, args[0], t)
	case len(args) != 2:
		return nil
	}
	x, y := args[0], args[1]
	texts := func(f func(a, b string) bool) op {
		return func(_ *machine, l []value) code {
			p, q := x.get(l), y.get(l)
			if p.kind != text || q.kind != text {
				return leave
			}
			l[t] = ofBool(f(p.str, q.str))
			return went
		}
	}
	orders := func(f func(c int) bool) op {
		return func(_ *machine, l []value) code {
			c, ok := order(x.get(l), y.get(l))
			if !ok {
				return ask
			}
			l[t] = ofBool(f(c))
			return went
		}
	}
	switch name {
	case "startswith":
		return texts(strings.HasPrefix)
	case "endswith":
		return texts(strings.HasSuffix)
	case "contains":
		return texts(strings.Contains)
	case "lt":
		return orders(func(c int) bool { return c < 0 })
	case "lte":
		return orders(func(c int) bool { return c <= 0 })
	case "gt":
		return orders(func(c int) bool { return c > 0 })
	case "gte":
		return orders(func(c int) bool { return c >= 0 })
	case "equal":
		return equality(x, y, t, yes)
	case "neq":
		return equality(x, y, t, no)
	case "internal.member_2":
		return member(x, y, t)
	case "regex.match", "re_match":
		return pattern(x, y, t)
	}
	return nil
}

func own1(name string, x operand, t int) op {
	switch name {
	case "lower", "upper":
		f := strings.ToLower
		if name == "upper" {
			f = strings.ToUpper
		}
		return func(_ *machine, l []value) code {
			v := x.get(l)
			if v.kind != text {
				return leave
			}
			l[t] = ofText(f(v.str))
			return went
		}
	case "any", "all":
		return anyAll(x, t, name == "any")
	case "count":
		return func(m *machine, l []value) code {
			n, ok := m.count(x.get(l))
			if !ok {
				return ask
			}
			l[t] = ofInt(n)
			return went
		}
	}
	return nil
}

// anyAll says whether some, or every, element of a list is true.
func anyAll(x operand, t int, some bool) op {
	return func(_ *machine, l []value) code {
		arr, ok := x.get(l).ref.(*listOf)
		if !ok {
			return ask
		}
		for i := range arr.items {
			if v := &arr.items[i]; (v.kind == boolean && v.num != 0) == some {
				l[t] = ofBool(some)
				return went
			}
		}
		l[t] = ofBool(!some)
		return went
	}
}

func equality(x, y operand, t int, want verdict) op {
	return func(_ *machine, l []value) code {
		v := equal(x.get(l), y.get(l))
		if v == unsure {
			return ask
		}
		l[t] = ofBool(v == want)
		return went
	}
}

// member is "x in y".
func member(x, y operand, t int) op {
	return func(m *machine, l []value) code {
		p, q := x.get(l), y.get(l)
		found := no
		switch q.kind {
		case members:
			found = q.ref.(*setOf).has(p)
		case list:
			found = among(q.ref.(*listOf).items, p)
		case fields:
			found = among(q.ref.(*objectOf).vals, p)
		case foreign, arguments, byName, event, argument:
			return ask
		}
		if found == unsure {
			return ask
		}
		l[t] = ofBool(found == yes)
		return went
	}
}

func among(items []value, v *value) verdict {
	for i := range items {
		if r := equal(&items[i], v); r != no {
			return r
		}
	}
	return no
}

// pattern is a regular expression known when the rule is compiled.
func pattern(x, y operand, t int) op {
	if !x.fixed || x.value.kind != text {
		return nil
	}
	re, err := regexp.Compile(x.value.str)
	if err != nil {
		return nil
	}
	return func(_ *machine, l []value) code {
		v := y.get(l)
		if v.kind != text {
			return leave
		}
		if steps(x.value.str, len(v.str)) > maxSteps {
			return ask
		}
		l[t] = ofBool(re.MatchString(v.str))
		return went
	}
}
