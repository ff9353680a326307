package expr

import (
	"strconv"
	"strings"

	"github.com/tripline/tripline/matcher/expr/falco/check"
)

// shared counts how often parts of conditions occur in the rules for one
// event type, so that what several rules ask is answered once an event.
type shared struct {
	ids  map[string]int
	uses map[use]int
}

// use is a part of a condition in the programs for an event type.
type use struct {
	eventType string
	id        int
}

func newShared() *shared { return &shared{ids: map[string]int{}, uses: map[use]int{}} }

// count goes through a condition. A part that occurs a second time counts
// once more, and what is in it no longer.
func (s *shared) count(n check.Node, eventType string) {
	u := use{eventType, s.id(n)}
	s.uses[u]++
	if s.uses[u] > 1 {
		return
	}
	for _, k := range kids(n) {
		s.count(k, eventType)
	}
}

// often says whether a part occurs more than once for an event type.
func (s *shared) often(n check.Node, eventType string) bool {
	return s.uses[use{eventType, s.id(n)}] > 1
}

// id numbers a part: equal parts have the same number.
func (s *shared) id(n check.Node) int {
	var key string
	switch n := n.(type) {
	case *check.Test:
		key = n.Key
	case *check.Not:
		key = "!" + strconv.Itoa(s.id(n.Kid))
	default:
		op := "&"
		if _, ok := n.(*check.Or); ok {
			op = "|"
		}
		var b strings.Builder
		b.WriteString(op)
		for _, k := range kids(n) {
			b.WriteString(strconv.Itoa(s.id(k)))
			b.WriteByte(',')
		}
		key = b.String()
	}
	id, ok := s.ids[key]
	if !ok {
		id = len(s.ids)
		s.ids[key] = id
	}
	return id
}

func kids(n check.Node) []check.Node {
	switch n := n.(type) {
	case *check.And:
		return n.Kids
	case *check.Or:
		return n.Kids
	case *check.Not:
		return []check.Node{n.Kid}
	}
	return nil
}
