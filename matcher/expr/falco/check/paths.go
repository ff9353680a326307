package check

import (
	"strings"

	"github.com/tripline/tripline/matcher/expr/falco/glob"
)

// paths is a tree of the components of the values of pmatch.
type paths struct {
	end   bool
	exact map[string]*paths
	globs []globPath
}

type globPath struct {
	pattern string
	next    *paths
}

func newPaths(vals []string) *paths {
	root := &paths{}
	for _, v := range vals {
		n := root
		for _, c := range strings.Split(v, "/") {
			if c != "" {
				n = n.add(c)
			}
		}
		n.end = true
	}
	return root
}

func (p *paths) add(c string) *paths {
	if glob.Meta(c) {
		for _, g := range p.globs {
			if g.pattern == c {
				return g.next
			}
		}
		g := globPath{c, &paths{}}
		p.globs = append(p.globs, g)
		return g.next
	}
	if p.exact == nil {
		p.exact = map[string]*paths{}
	}
	n := p.exact[c]
	if n == nil {
		n = &paths{}
		p.exact[c] = n
	}
	return n
}

// match says whether the components of some value begin those of s.
func (p *paths) match(s string) bool {
	if p.end {
		return true
	}
	for strings.HasPrefix(s, "/") {
		s = s[1:]
	}
	if s == "" {
		return false
	}
	c, rest, _ := strings.Cut(s, "/")
	if n := p.exact[c]; n != nil && n.match(rest) {
		return true
	}
	for _, g := range p.globs {
		if glob.Match(g.pattern, c) && g.next.match(rest) {
			return true
		}
	}
	return false
}
