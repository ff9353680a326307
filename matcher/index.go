package matcher

import "github.com/tripline/tripline/pkg/msg/catalogue"

// index says which rules want an event.
type index struct {
	// byEvent lists, by origin and catalogue id, the positions in
	// [Ruleset.Rules] of those that want the event; any those that want one
	// unknown to the catalogue.
	byEvent [2][][]int32
	any     [2][]int32
	// plans and anyPlan are how these are run.
	plans   [2][][]stretch
	anyPlan [2][]stretch
}

// stretch is rules of one language that are run one after another, in their
// order in the language's program, so that a [Chooser] is asked once for all.
type stretch struct {
	language int // in Ruleset.languages
	rules    []int32
	// has marks them by their numbers in the program.
	has []uint64
}

func newIndex() index {
	size := int(catalogue.MaxID())
	var x index
	for o := range x.byEvent {
		x.byEvent[o] = make([][]int32, size)
	}
	return x
}

// add enters a rule that wants an event, "" for all, of an origin, by its place
// in byEvent.
func (x *index) add(o int, event string, n int) {
	if event == "" {
		x.any[o] = addOnce(x.any[o], n)
		for e := range catalogue.All() {
			x.byEvent[o][e.ID] = addOnce(x.byEvent[o][e.ID], n)
		}
	} else if e, ok := catalogue.Lookup(event); ok {
		x.byEvent[o][e.ID] = addOnce(x.byEvent[o][e.ID], n)
	}
}

// only is the index of some of its rules.
func (x *index) only(some func(n int32) bool) index {
	pick := func(all []int32) (out []int32) {
		for _, n := range all {
			if some(n) {
				out = append(out, n)
			}
		}
		return out
	}
	y := newIndex()
	for o := range x.byEvent {
		for e, all := range x.byEvent[o] {
			y.byEvent[o][e] = pick(all)
		}
		y.any[o] = pick(x.any[o])
	}
	return y
}

// plan makes the plans. It is called when all rules are in.
func (x *index) plan(rs *Ruleset) {
	for o := range x.byEvent {
		x.plans[o] = make([][]stretch, len(x.byEvent[o]))
		for e, all := range x.byEvent[o] {
			x.plans[o][e] = rs.stretches(all)
		}
		x.anyPlan[o] = rs.stretches(x.any[o])
	}
}

// want returns how the rules for an event are run.
func (x *index) want(o Origin, event uint32) []stretch {
	if t := x.plans[o-1]; int(event) < len(t) {
		return t[event]
	}
	return x.anyPlan[o-1]
}

// stretches divides rules by language.
func (rs *Ruleset) stretches(rules []int32) (out []stretch) {
	for i, n := range rules {
		s := rs.slots[n]
		if i == 0 || s.compiled != rs.slots[rules[i-1]].compiled || s.index < rs.slots[rules[i-1]].index {
			out = append(out, stretch{language: rs.language(s.compiled), has: make([]uint64, (len(s.compiled.rules)+63)/64)})
		}
		last := &out[len(out)-1]
		last.rules = append(last.rules, n)
		last.has[s.index/64] |= 1 << (s.index % 64)
	}
	return out
}

// wants says whether a rule of the language is one of them.
func (s *stretch) wants(i int32) bool { return s.has[i/64]&(1<<(i%64)) != 0 }

// language is the place of a language in languages.
func (rs *Ruleset) language(c *compiled) int {
	for i, x := range rs.languages {
		if x == c {
			return i
		}
	}
	return -1
}

// origins lists the places in an index that an origin stands for.
func origins(o Origin) []int {
	switch o {
	case HostOrigin:
		return []int{0}
	case ContainerOrigin:
		return []int{1}
	default:
		return []int{0, 1}
	}
}

// addOnce appends n, which is at least the last element.
func addOnce(list []int32, n int) []int32 {
	if l := len(list); l > 0 && list[l-1] == int32(n) {
		return list
	}
	return append(list, int32(n))
}
