package expr

import (
	"math/bits"

	"github.com/tripline/tripline/matcher/expr/falco/fields"
)

// screen rules out most rules for an event of one type without evaluating
// them. A single value often does: no program of that name can match the rule,
// whatever else the event holds, and that is so once and for all. So each value
// that a field has had is remembered with the rules that it leaves possible,
// and what an event leaves possible is what all its values do.
//
// What is known of the process rules out the same for all its events in a
// batch, so that this is remembered, too.
//
// It only ever rules out: rules that it lets through are evaluated in full.
type screen struct {
	src            *fields.Event
	rules          []int32 // for this type, in the program, by their numbers here
	all            set     // of these numbers
	process, event []*screened
	parts          []*needed // what takes more than one value
	possible       set

	// left is what the processes of a batch leave possible, one after another;
	// made says of which that is known.
	batch uint64
	left  []uint64
	made  set
}

// screened is one field with what its values leave possible.
type screened struct {
	ref   *fields.Ref
	text  *column
	parts []needed
	rules set // of all parts
	// yes is for fields that are true or false, and few for no value, false and
	// true; nil until they are needed.
	yes func() (int64, bool)
	few [3]set
}

// needed is what some rules need to be true.
type needed struct {
	holds func() bool
	rules set
}

// choose appends the rules that the current event can match.
func (s *screen) choose(out []int32) []int32 {
	if len(s.rules) == 0 {
		return out
	}
	s.ofProcess()
	if s.possible.empty() || narrow(s.event, s.possible) {
		return out
	}
	for i, p := range s.parts {
		if !s.possible.meets(p.rules) || p.holds() {
			continue
		}
		s.possible.drop(p.rules)
		if i > 0 {
			// Which parts say no is found by trying: those that do come up.
			s.parts[i-1], s.parts[i] = p, s.parts[i-1]
		}
		if s.possible.empty() {
			return out
		}
	}
	for i, w := range s.possible {
		for ; w != 0; w &= w - 1 {
			out = append(out, s.rules[i*64+bits.TrailingZeros64(w)])
		}
	}
	return out
}

// ofProcess makes possible what the process of the current event leaves so.
func (s *screen) ofProcess() {
	n, ok := s.src.Process()
	if ok && s.batch == s.src.Batch() && n/64 < len(s.made) && s.made.has(n) {
		copy(s.possible, s.left[n*len(s.possible):])
		return
	}
	copy(s.possible, s.all)
	narrow(s.process, s.possible)
	if !ok {
		return
	}
	if s.batch != s.src.Batch() {
		s.batch = s.src.Batch()
		clear(s.made)
	}
	if n/64 >= len(s.made) {
		s.made = append(s.made, newSet(64*(n/64+1-len(s.made)))...)
		s.left = append(s.left, make([]uint64, 64*len(s.made)*len(s.possible)-len(s.left))...)
	}
	s.made.add(n)
	copy(s.left[n*len(s.possible):], s.possible)
}

// narrow leaves out rules that values rule out and says whether none is left.
func narrow(fs []*screened, out set) bool {
	for _, f := range fs {
		if !out.meets(f.rules) {
			continue // it has nothing left to rule out
		}
		if out.keep(f.leaves()); out.empty() {
			return true
		}
	}
	return false
}

// leaves returns what the field's current value leaves possible; nil is
// everything.
func (f *screened) leaves() set {
	if f.yes != nil {
		n, ok := f.yes()
		switch {
		case !ok:
			return f.once(0)
		case n == 0:
			return f.once(1)
		}
		return f.once(2)
	}
	v := f.text.value()
	if v == nil {
		return nil
	}
	for i := range v.screened {
		if l := &v.screened[i]; l.of == f {
			return l.left
		}
	}
	left := f.evaluate()
	v.screened = append(v.screened, leaves{f, left})
	return left
}

func (f *screened) once(i int) set {
	if f.few[i] == nil {
		f.few[i] = f.evaluate()
	}
	return f.few[i]
}

// evaluate asks all parts about the current event.
func (f *screened) evaluate() set {
	out := make(set, len(f.parts[0].rules))
	for i := range out {
		out[i] = ^uint64(0)
	}
	for _, p := range f.parts {
		if !p.holds() {
			out.drop(p.rules)
		}
	}
	return out
}
