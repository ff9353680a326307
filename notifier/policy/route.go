package policy

import (
	"fmt"
	"slices"
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

// node is a compiled route, with what it has from its parent.
type node struct {
	path     string // "route.routes[1]"
	match    matcher
	sinks    []string // nil means all
	next     bool
	group    *Group
	throttle *Throttle
	quiet    []window
	children []*node
}

func compileRoute(r Route, path string, parent *node, compiler Compiler) (*node, error) {
	m, err := r.Match.compile(compiler)
	if err != nil {
		return nil, fmt.Errorf("%s.match: %w", path, err)
	}
	n := &node{path: path, match: m, next: r.Continue}
	if parent != nil {
		n.sinks, n.group, n.throttle, n.quiet = parent.sinks, parent.group, parent.throttle, parent.quiet
	}
	switch {
	case r.Nobody:
		n.sinks = []string{}
	case len(r.Sinks) > 0:
		n.sinks = r.Sinks
	}
	if r.Group != nil {
		n.group = r.Group
	}
	if r.Throttle != nil {
		n.throttle = r.Throttle
	}
	if len(r.Quiet) > 0 {
		n.quiet = nil
		for i, q := range r.Quiet {
			w, err := q.compile()
			if err != nil {
				return nil, fmt.Errorf("%s.quiet[%d]: %w", path, i, err)
			}
			n.quiet = append(n.quiet, w)
		}
	}
	for i, child := range r.Routes {
		c, err := compileRoute(child, fmt.Sprintf("%s.routes[%d]", path, i), n, compiler)
		if err != nil {
			return nil, err
		}
		n.children = append(n.children, c)
	}
	return n, nil
}

// ends calls f for the routes in which a detection ends, in order, until f
// returns false. It returns false then.
func (n *node) ends(d *msg.Detection, f func(*node) bool) bool {
	matched := false
	for _, c := range n.children {
		if !c.match.holds(d) {
			continue
		}
		matched = true
		if !c.ends(d, f) {
			return false
		}
		if !c.next {
			break
		}
	}
	return matched || f(n)
}

// leads says whether the route leads to the sink.
func (n *node) leads(sink string) bool { return n.sinks == nil || slices.Contains(n.sinks, sink) }

// routeFor finds the route by which a detection comes to a sink, nil if none.
func (n *node) routeFor(d *msg.Detection, sink string) (found *node) {
	n.ends(d, func(end *node) bool {
		if end.leads(sink) {
			found = end
		}
		return found == nil
	})
	return found
}

// each calls f for the node and all below.
func (n *node) each(f func(*node)) {
	f(n)
	for _, c := range n.children {
		c.each(f)
	}
}

// newRouting is the step that finds the route.
func newRouting(root *node, sink string, count counter) Step {
	return filter{Elsewhere, count, func(_ time.Time, i *Item, d *msg.Detection) bool {
		i.route = root.routeFor(d, sink)
		return i.route != nil
	}}
}
