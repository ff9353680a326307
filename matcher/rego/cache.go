package rego

import (
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// splitCache lets the rules of one event share what library functions
// returned. Everything else stays with the rule: packages of two rules may
// have the same name.
type splitCache struct {
	lib         []ast.Ref
	shared, own topdown.VirtualCache
	// depth counts frames, which OPA pushes while "with" changes the input or
	// a function: what is computed meanwhile is not shared.
	depth int
}

func (c *splitCache) of(ref ast.Ref) topdown.VirtualCache {
	if c.depth > 0 {
		return c.own
	}
	for _, p := range c.lib {
		if ref.HasPrefix(p) {
			return c.shared
		}
	}
	return c.own
}

func (c *splitCache) Push() {
	c.depth++
	c.own.Push()
}

func (c *splitCache) Pop() {
	c.depth--
	c.own.Pop()
}

func (c *splitCache) Get(ref ast.Ref) (*ast.Term, bool) { return c.of(ref).Get(ref) }

func (c *splitCache) Put(ref ast.Ref, value *ast.Term) { c.of(ref).Put(ref, value) }

func (c *splitCache) Keys() []ast.Ref {
	keys := c.own.Keys()
	if c.depth == 0 {
		keys = append(keys, c.shared.Keys()...)
	}
	return keys
}
