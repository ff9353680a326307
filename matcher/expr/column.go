package expr

import (
	"strings"

	"github.com/tripline/tripline/matcher/expr/falco/fields"
)

const (
	// columnValues is how many values of one field are remembered, and
	// columnLength how long one may be in bytes.
	columnValues = 4096
	columnLength = 256
	// A field that hardly ever has a value again is not worth remembering:
	// after columnTrial values with more new than known ones it rests for
	// columnRest events.
	columnTrial = 1024
	columnRest  = 1 << 16
	// columnTests is how many tests must be about a field for their answers to
	// be remembered: one or two are as quickly asked.
	columnTests = 3
)

// column remembers the values that a text field has had, with what was found
// out about each.
type column struct {
	src   *fields.Event
	text  func() (string, bool)
	tests int // that are about the field alone
	known map[string]*value
	none  *value // for no value

	// of has, for fields of a process, the values of the processes of a batch; nil
	// where they are not known.
	ofProcess bool
	batch     uint64
	of        []*value

	at                 uint64 // the event of which now is the value
	now                *value // nil for one that is not remembered
	hits, misses, rest int
}

// value is one that a field has had, or its lack.
type value struct {
	// asked says of the tests about the field which were answered, true which
	// hold.
	asked, true set
	screened    []leaves
}

// leaves says what a value leaves possible, by the place of a screen's field.
type leaves struct {
	of   *screened
	left set
}

// column returns that of a text field.
func (a *atoms) column(ref *fields.Ref) *column {
	c := a.columns[ref.Text]
	if c == nil {
		g := a.src.Bind(ref)
		if g == nil || g.Str == nil {
			g = fields.Never()
		}
		c = &column{src: a.src, text: g.Str, ofProcess: ref.Def.OfProcess, known: map[string]*value{}}
		a.columns[ref.Text] = c
	}
	return c
}

// value is the field's in the current event, nil for one that is not
// remembered.
func (c *column) value() *value {
	if c.at != c.src.Stamp() {
		c.at, c.now = c.src.Stamp(), c.ofEvent()
	}
	return c.now
}

func (c *column) ofEvent() *value {
	if !c.ofProcess {
		return c.find()
	}
	n, ok := c.src.Process()
	if !ok {
		return c.find()
	}
	if c.batch != c.src.Batch() {
		c.batch = c.src.Batch()
		clear(c.of)
	}
	if n < len(c.of) && c.of[n] != nil {
		return c.of[n]
	}
	v := c.find()
	if v != nil {
		for n >= len(c.of) {
			c.of = append(c.of, nil)
		}
		c.of[n] = v
	}
	return v
}

func (c *column) find() *value {
	if c.rest > 0 {
		c.rest--
		return nil
	}
	s, ok := c.text()
	if !ok {
		if c.none == nil {
			c.none = c.newValue()
		}
		return c.none
	}
	if v, ok := c.known[s]; ok {
		c.hits++
		return v
	}
	if len(s) > columnLength {
		return nil
	}
	c.misses++
	if c.hits+c.misses >= columnTrial {
		if c.misses > c.hits {
			c.rest = columnRest
		}
		c.hits, c.misses = 0, 0
	}
	if len(c.known) >= columnValues {
		clear(c.known)
	}
	v := c.newValue()
	c.known[strings.Clone(s)] = v // the text is the batch's
	return v
}

func (c *column) newValue() *value {
	return &value{asked: newSet(c.tests), true: newSet(c.tests)}
}

// remembered asks a test about the field once a value.
func (c *column) remembered(test func() bool) func() bool {
	n := c.tests
	c.tests++
	return func() bool {
		if c.tests < columnTests {
			return test()
		}
		v := c.value()
		if v == nil {
			return test()
		}
		if !v.asked.has(n) {
			v.asked.add(n)
			if test() {
				v.true.add(n)
			}
		}
		return v.true.has(n)
	}
}
