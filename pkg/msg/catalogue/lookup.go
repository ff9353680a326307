package catalogue

import (
	"iter"
	"slices"
	"strings"
	"sync"
)

// Lookup finds an event by name.
func Lookup(name string) (*Event, bool) {
	e, ok := byName()[name]
	return e, ok
}

var byName = sync.OnceValue(func() map[string]*Event {
	m := make(map[string]*Event, len(index))
	for e := range All() {
		m[e.Name] = e
	}
	return m
})

// ByID returns the event with this id, or nil. It costs one load.
func ByID(id ID) *Event {
	if int64(id) < int64(len(index)) {
		return index[id]
	}
	return nil
}

// MaxID bounds the ids: tables indexed by id have this size.
func MaxID() ID { return ID(len(index)) }

// All yields every event in order of id.
func All() iter.Seq[*Event] {
	return func(yield func(*Event) bool) {
		for _, e := range index {
			if e != nil && !yield(e) {
				return
			}
		}
	}
}

// Set yields the events of the named set in order of id; a name that no event
// has yields none.
func Set(name string) iter.Seq[*Event] {
	return func(yield func(*Event) bool) {
		for e := range All() {
			if e.InSet(name) && !yield(e) {
				return
			}
		}
	}
}

// Sets returns the names of all sets, sorted.
func Sets() []string {
	seen := map[string]bool{}
	var names []string
	for e := range All() {
		for _, s := range e.Sets {
			if !seen[s] {
				seen[s] = true
				names = append(names, s)
			}
		}
	}
	slices.Sort(names)
	return names
}

// LookupValues finds names of numbers by the word in the source: "open",
// "capability", "address_family".
func LookupValues(name string) (*Values, bool) {
	i, ok := slices.BinarySearchFunc(allValues[:], name, func(v *Values, name string) int {
		return strings.Compare(v.Name, name)
	})
	if !ok {
		return nil, false
	}
	return allValues[i], true
}
