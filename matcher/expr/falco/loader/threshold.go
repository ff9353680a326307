package loader

import (
	"errors"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/tripline/tripline/matcher/expr/falco/ast"
	"github.com/tripline/tripline/matcher/expr/falco/check"
	"github.com/tripline/tripline/matcher/expr/falco/fields"
	"github.com/tripline/tripline/matcher/expr/falco/parser"
)

// Threshold makes a rule one of several events: those for which the condition
// holds are counted, and the one that completes the number is the finding.
type Threshold struct {
	// Count is how many events it takes, or how many values of Distinct.
	Count int
	// Within is how far apart in time the first and the last may be.
	Within time.Duration
	// Distinct is whose different values are counted, nil for events.
	Distinct *Operand
	// By lists what the events of a group have in common.
	By []*Operand
}

// Operand is a field or a transformer, and where it is written.
type Operand struct {
	check.Operand
	At ast.Pos
}

// The bounds of a threshold. Different values are gone through when they
// expire, so there may be fewer of them.
const (
	MaxCount    = 10_000
	MaxDistinct = 1_000
	MaxWithin   = 24 * time.Hour
)

// operands lists what a threshold looks at; it may be nil.
func (t *Threshold) operands() []*Operand {
	switch {
	case t == nil:
		return nil
	case t.Distinct == nil:
		return t.By
	}
	return append([]*Operand{t.Distinct}, t.By...)
}

// threshold reads the key of that name, nil when it is not there.
func (l *Loader) threshold(it *item) (*Threshold, error) {
	if !it.has("threshold") {
		return nil, nil
	}
	n, err := it.need("threshold")
	if err != nil {
		return nil, err
	}
	m, err := it.mapping(n, "threshold")
	if err != nil {
		return nil, err
	}
	if err := m.only("count", "distinct", "within", "by"); err != nil {
		return nil, err
	}
	t := &Threshold{}
	if m.has("distinct") {
		v, err := m.text("distinct")
		if err != nil {
			return nil, err
		}
		if t.Distinct, err = l.operand(m, v); err != nil {
			return nil, err
		}
	}
	if t.Count, err = m.count(t.Distinct != nil); err != nil {
		return nil, err
	}
	if t.Within, err = m.within(); err != nil {
		return nil, err
	}
	if t.By, err = l.operands(m); err != nil {
		return nil, err
	}
	return t, nil
}

func (it *item) count(distinct bool) (int, error) {
	v, err := it.text("count")
	if err != nil {
		return 0, err
	}
	most := MaxCount
	if distinct {
		most = MaxDistinct
	}
	n, err := strconv.Atoi(v.Value)
	if err != nil || n < 2 || n > most {
		return 0, it.fault(v, "the value of 'count' must be a number from 2 to %d", most)
	}
	return n, nil
}

func (it *item) within() (time.Duration, error) {
	v, err := it.text("within")
	if err != nil {
		return 0, err
	}
	d, err := time.ParseDuration(v.Value)
	if err != nil || d <= 0 || d > MaxWithin {
		return 0, it.fault(v, "the value of 'within' must be a duration of at most %s, such as 500ms, 10s or 5m", MaxWithin)
	}
	return d, nil
}

// operand reads a field or a transformer that has one value.
func (l *Loader) operand(it *item, n *yaml.Node) (*Operand, error) {
	src := it.source(n)
	o, length, err := parser.Operand(src)
	if err == nil && length < len(src.Text) {
		err = ast.Errorf(ast.Pos{Src: src, Off: length}, "expected nothing after the field")
	}
	var op check.Operand
	if err == nil {
		op, err = check.CompileOperand(o, l.opt.Fields)
	}
	if err != nil {
		f := it.fault(n, "%v", err)
		var at *ast.Error
		if errors.As(err, &at) {
			f.at = at.At.Place()
		}
		return nil, f
	}
	for _, r := range op.Refs() {
		if r.Several() || r.Def.Has(fields.FilterOnly) {
			return nil, it.fault(n, "%s has no single value", r.Text)
		}
	}
	return &Operand{op, o.Where()}, nil
}
