package rego

import (
	"strconv"

	"github.com/open-policy-agent/opa/v1/ast"
)

// kind is what a value of the screen is.
type kind uint8

const (
	undefined kind = iota
	null
	boolean
	integer
	// number is a number that is no int64; ref is its ast.Number.
	number
	text
	// list, members and fields are made by the rule: *listOf, *setOf, *objectOf.
	list
	members
	fields
	// foreign is a composite of OPA's: an ast.Value.
	foreign
	// event is the input document, arguments and byName are its args and
	// argsByName, argument is the num-th of them.
	event
	arguments
	byName
	argument
)

// value is what the screen computes with. The zero value is undefined.
type value struct {
	kind kind
	num  int64
	str  string
	ref  any
}

type listOf struct{ items []value }

// maxMembers bounds sets and objects that a rule builds for one event, since
// what is not a string is looked for one by one.
const maxMembers = 256

type setOf struct {
	texts map[string]struct{}
	rest  []value
}

type objectOf struct{ keys, vals []value }

func ofBool(b bool) value {
	if b {
		return value{kind: boolean, num: 1}
	}
	return value{kind: boolean}
}

func ofInt(n int64) value   { return value{kind: integer, num: n} }
func ofText(s string) value { return value{kind: text, str: s} }

// ofNumber reads a number as Rego writes it.
func ofNumber(s string) value {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return ofInt(n)
	}
	return value{kind: number, ref: ast.Number(s)}
}

// ofAST makes a value of one of OPA's.
func ofAST(v ast.Value) value {
	switch x := v.(type) {
	case nil:
		return value{}
	case ast.String:
		return ofText(string(x))
	case ast.Boolean:
		return ofBool(bool(x))
	case ast.Number:
		return ofNumber(string(x))
	case ast.Null:
		return value{kind: null}
	default:
		return value{kind: foreign, ref: v}
	}
}

// verdict is an answer that may not be had cheaply.
type verdict uint8

const (
	no verdict = iota
	yes
	// unsure leaves the event to OPA.
	unsure
)

func verdictOf(b bool) verdict {
	if b {
		return yes
	}
	return no
}

// typeOf puts kinds that stand for the same Rego type together.
func (v *value) typeOf() kind {
	switch v.kind {
	case number:
		return integer
	case arguments:
		return list
	case event, byName, argument:
		return fields
	case foreign:
		switch v.ref.(type) {
		case *ast.Array:
			return list
		case ast.Set:
			return members
		default:
			return fields
		}
	default:
		return v.kind
	}
}

// equal compares as Rego's == does.
func equal(a, b *value) verdict { return equalWithin(a, b, maxNesting) }

// maxNesting is how deep lists in lists are compared: one that holds the same
// list over and over is small, and takes for ever to go through.
const maxNesting = 2

func equalWithin(a, b *value, depth int) verdict {
	switch {
	case a.kind == text && b.kind == text:
		return verdictOf(a.str == b.str)
	case a.kind == integer && b.kind == integer, a.kind == boolean && b.kind == boolean:
		return verdictOf(a.num == b.num)
	}
	if a.typeOf() != b.typeOf() {
		return no
	}
	switch a.kind {
	case null:
		return yes
	case foreign:
		if b.kind == foreign && sizeOf(a.ref.(ast.Value), maxCompared) <= maxCompared {
			return verdictOf(a.ref.(ast.Value).Compare(b.ref.(ast.Value)) == 0)
		}
	case list:
		if b.kind == list {
			return equalLists(a.ref.(*listOf).items, b.ref.(*listOf).items, depth-1)
		}
	}
	return unsure
}

func equalLists(a, b []value, depth int) verdict {
	if len(a) != len(b) {
		return no
	}
	if depth < 0 {
		return unsure
	}
	for i := range a {
		if v := equalWithin(&a[i], &b[i], depth); v != yes {
			return v
		}
	}
	return yes
}

// order compares numbers or strings as Rego's < does; ok is false for all else.
func order(a, b *value) (c int, ok bool) {
	switch {
	case a.kind == integer && b.kind == integer:
		switch {
		case a.num < b.num:
			return -1, true
		case a.num > b.num:
			return 1, true
		}
		return 0, true
	case a.kind == text && b.kind == text:
		switch {
		case a.str < b.str:
			return -1, true
		case a.str > b.str:
			return 1, true
		}
		return 0, true
	}
	return 0, false
}

// add puts a member in; false when there are too many or it cannot be told
// whether it is there already.
func (s *setOf) add(v *value) bool {
	if v.kind == text {
		if s.texts == nil {
			s.texts = map[string]struct{}{}
		}
		s.texts[v.str] = struct{}{}
		return len(s.texts) <= maxMembers
	}
	switch s.has(v) {
	case yes:
		return true
	case unsure:
		return false
	}
	s.rest = append(s.rest, *v)
	return len(s.rest) <= maxMembers
}

func (s *setOf) has(v *value) verdict {
	if v.kind == text {
		_, ok := s.texts[v.str]
		return verdictOf(ok)
	}
	for i := range s.rest {
		if r := equal(&s.rest[i], v); r != no {
			return r
		}
	}
	return no
}

func (s *setOf) len() int { return len(s.texts) + len(s.rest) }

// get finds a key.
func (o *objectOf) get(k *value) (*value, verdict) {
	for i := range o.keys {
		if r := equal(&o.keys[i], k); r != no {
			return &o.vals[i], r
		}
	}
	return nil, no
}
