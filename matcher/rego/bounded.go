package rego

import (
	"errors"
	"fmt"
	"math"
	"regexp/syntax"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// ErrTooLarge is matched by the error of a rule that asked a built-in function
// for more than it may do in one call.
var ErrTooLarge = errors.New("more than a rule may do at once")

const (
	// maxMade bounds, in bytes, what one call may make. The time limit stops a
	// rule between calls, not within one.
	maxMade = 16 << 20
	// maxSteps bounds what one call may do with a regular expression: its
	// instructions times the length of the text. It is a third of a second or
	// so in the worst case.
	maxSteps = 32 << 20
	// maxDigits bounds what is multiplied, together.
	maxDigits = 16 << 10
	// maxCompared bounds, in texts' bytes and elements, what is compared.
	maxCompared = 4 << 20
	// maxShift bounds, in bits, how far a number is shifted.
	maxShift = 1 << 16
)

// bounding puts limits before functions of OPA. OPA has one table of functions
// for the process, which is why this is done once, before the first rule is
// compiled.
var bounding sync.Once

func boundBuiltins() {
	bounding.Do(func() {
		for name, check := range bounds() {
			f := topdown.GetBuiltin(name)
			if f == nil {
				continue
			}
			topdown.RegisterBuiltinFunc(name, func(b topdown.BuiltinContext, args []*ast.Term, found func(*ast.Term) error) error {
				if !check(args) {
					return topdown.Halt{Err: fmt.Errorf("%s: %w", name, ErrTooLarge)}
				}
				return f(b, args, found)
			})
		}
	})
}

// bounds says of functions that make much of little whether a call may be made.
func bounds() map[string]func([]*ast.Term) bool {
	out := map[string]func([]*ast.Term) bool{
		"replace": func(a []*ast.Term) bool {
			s, old, by := textOf(a, 0), textOf(a, 1), textOf(a, 2)
			return fits(len(s), strings.Count(s, old), len(by))
		},
		"strings.replace_n": func(a []*ast.Term) bool {
			return fits(0, len(textOf(a, 1))+1, sizeOf(a[0].Value, maxMade))
		},
		"concat": func(a []*ast.Term) bool {
			return fits(sizeOf(a[1].Value, maxMade), elements(a[1].Value), len(textOf(a, 0)))
		},
		"sprintf":  formatFits,
		"bits.lsh": func(a []*ast.Term) bool { return numberOf(a[1].Value) <= maxShift },
		"regex.replace": func(a []*ast.Term) bool {
			return searches(textOf(a, 1), textOf(a, 0)) && fits(0, len(textOf(a, 0))+1, len(textOf(a, 2))+1)
		},
		"regex.template_match": func(a []*ast.Term) bool { return searches(textOf(a, 0), textOf(a, 1)) },
		"mul": func(a []*ast.Term) bool {
			return sizeOf(a[0].Value, maxDigits)+sizeOf(a[1].Value, maxDigits) <= maxDigits
		},
	}
	for _, name := range []string{"equal", "neq", "lt", "lte", "gt", "gte"} {
		out[name] = func(a []*ast.Term) bool {
			return sizeOf(a[0].Value, maxCompared) <= maxCompared || sizeOf(a[1].Value, maxCompared) <= maxCompared
		}
	}
	for _, name := range []string{"regex.match", "re_match", "regex.split", "regex.find_n", "regex.find_all_string_submatch_n"} {
		out[name] = func(a []*ast.Term) bool { return searches(textOf(a, 0), textOf(a, 1)) }
	}
	for _, name := range []string{
		"json.marshal", "json.marshal_with_options", "yaml.marshal", "urlquery.encode", "urlquery.encode_object",
		"base64.encode", "base64url.encode", "base64url.encode_no_pad", "hex.encode",
	} {
		out[name] = func(a []*ast.Term) bool { return sizeOf(a[0].Value, maxMade) <= maxMade }
	}
	return out
}

// fits says whether have bytes and n times each more are not too many.
func fits(have, n, each int) bool {
	return float64(have)+float64(n)*float64(each) <= maxMade
}

// formatFits bounds a format: every verb may stand for the longest argument,
// and may ask for a width, which Go limits to a million.
func formatFits(a []*ast.Term) bool {
	const width = 1e6
	format := textOf(a, 0)
	return fits(len(format), strings.Count(format, "%"), sizeOf(a[1].Value, maxMade)) &&
		(float64(strings.Count(format, "%"))*width <= maxMade || !strings.ContainsAny(format, "0123456789*"))
}

// searches says whether a regular expression may be held against a text.
func searches(pattern, s string) bool {
	return steps(pattern, len(s)) <= maxSteps
}

// steps is at most how many steps a regular expression takes over a text, which
// the matcher of Go's library goes through once.
func steps(pattern string, length int) float64 {
	const (
		perByte = 4    // instructions of one character, at most
		repeat  = 1000 // how often Go lets a part be repeated, in all
	)
	rough := perByte * float64(len(pattern)+1) * float64(length+1)
	if strings.Contains(pattern, "{") {
		rough *= repeat
	}
	if rough <= maxSteps {
		return rough
	}
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0 // OPA will say what is wrong with it
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return 0
	}
	return float64(len(prog.Inst)) * float64(length+1)
}

func textOf(args []*ast.Term, i int) string {
	if i < len(args) {
		if s, ok := args[i].Value.(ast.String); ok {
			return string(s)
		}
	}
	return ""
}

// numberOf is a number, 0 for anything else.
func numberOf(v ast.Value) float64 {
	n, ok := v.(ast.Number)
	if !ok {
		return 0
	}
	if f, ok := n.Float64(); ok {
		return f
	}
	return math.Inf(1)
}

func elements(v ast.Value) int {
	switch x := v.(type) {
	case *ast.Array:
		return x.Len()
	case ast.Set:
		return x.Len()
	}
	return 0
}

// sizeOf adds up the texts and the elements of a value; it stops soon after
// most, for a small value may hold the same part over and over.
func sizeOf(v ast.Value, most int) int {
	n := 1
	add := func(t *ast.Term) bool {
		n += sizeOf(t.Value, most-n)
		return n > most
	}
	switch x := v.(type) {
	case ast.String:
		return len(x) + 1
	case ast.Number:
		return len(x) + 1
	case *ast.Array:
		x.Until(add)
	case ast.Set:
		x.Until(add)
	case ast.Object:
		x.Until(func(k, v *ast.Term) bool { return add(k) || add(v) })
	}
	return n
}
