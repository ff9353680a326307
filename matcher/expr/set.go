package expr

import "math/bits"

// set holds rules by their numbers.
type set []uint64

func newSet(rules int) set { return make(set, (rules+63)/64) }

func (s set) add(i int)      { s[i/64] |= 1 << (i % 64) }
func (s set) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }

// meets says whether the sets have a rule in common.
func (s set) meets(o set) bool {
	for i, w := range s {
		if w&o[i] != 0 {
			return true
		}
	}
	return false
}

// drop takes the rules of o out.
func (s set) drop(o set) {
	for i, w := range o {
		s[i] &^= w
	}
}

func (s set) count() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

func (s set) empty() bool {
	for _, w := range s {
		if w != 0 {
			return false
		}
	}
	return true
}

// keep leaves only the rules of o in.
func (s set) keep(o set) {
	for i, w := range o {
		s[i] &= w
	}
}

func (s set) join(o set) {
	for i, w := range o {
		s[i] |= w
	}
}
