package expr

import (
	"hash/maphash"
	"slices"
	"time"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/matcher/expr/falco/fields"
	"github.com/tripline/tripline/matcher/expr/falco/loader"
	"github.com/tripline/tripline/matcher/expr/falco/output"
)

// threshold counts the events of a rule for one worker. Time is that of the
// events: what is replayed is counted as it was when it happened.
type threshold struct {
	spec     *loader.Threshold
	rule     string
	by       []func() (string, bool)
	distinct func() (string, bool)
	mem      *memory
	seed     maphash.Seed
	parts    map[uint32]*shelf
	key      groupKey
}

// counted is events that have the fields of By in common.
type counted struct {
	// times are those of the events, in order; of distinct values, values has
	// the last time of each by its hash.
	times  []int64
	values map[uint64]int64
}

func (c *counted) size() (entries, bytes int) {
	return len(c.times) + len(c.values), 8*cap(c.times) + 40*len(c.values)
}

func (c *counted) waits() bool { return false }

func (c *counted) gone() {}

// reader reads a field as text.
func reader(o *loader.Operand, src fields.Source) func() (string, bool) {
	return output.Text(o.Operand, o.Bind(src))
}

func newThreshold(r *loader.Rule, src fields.Source, mem *memory) *threshold {
	if r.Threshold == nil {
		return nil
	}
	t := &threshold{spec: r.Threshold, rule: r.Name, mem: mem, seed: maphash.MakeSeed(), parts: map[uint32]*shelf{}}
	for _, o := range t.spec.By {
		t.by = append(t.by, reader(o, src))
	}
	if t.spec.Distinct != nil {
		t.distinct = reader(t.spec.Distinct, src)
	}
	return t
}

// add counts the current event and says whether it completes the number, after
// which the group starts again from nothing. One that stands for several
// (msg.Event.Count) counts as that many, at its time, and completes the number
// once however many they are. An event that lacks the value whose different
// ones are counted is none. A replayed event completed the number if, and only
// if, the rule found something in it then.
func (t *threshold) add(ev *matcher.Event) bool {
	partition, host, now := ev.Partition, ev.Batch.Host, ev.Record.Event.Time
	var value uint64
	if t.distinct != nil {
		s, ok := t.distinct()
		if !ok {
			return false
		}
		value = maphash.String(t.seed, s)
	}
	p := t.parts[partition]
	if p == nil {
		p = t.mem.shelf(t.rule, int64(t.spec.Within))
		t.parts[partition] = p
	}
	key := t.groupKey(host)
	at := p.find(key)
	if at == nil {
		at = p.add(key, host, &counted{})
	}
	g := at.Value.(*group)
	c := g.state.(*counted)
	horizon := max(g.newest, now) - int64(t.spec.Within)
	var complete bool
	switch {
	case now <= horizon: // came too late to count
	case t.distinct != nil:
		complete = c.addValue(value, now, horizon, t.spec.Count)
	default:
		complete = c.addTimes(now, ev.Record.Event.Count, horizon, t.spec.Count)
	}
	if ev.Replayed {
		complete = ev.Found
	}
	if complete || len(c.times)+len(c.values) == 0 {
		p.remove(at)
		return complete
	}
	p.changed(at, now)
	return false
}

// addTimes counts n events of the same time, 0 for one.
func (c *counted) addTimes(now int64, n uint32, horizon int64, count int) bool {
	i := len(c.times)
	for i > 0 && c.times[i-1] > now {
		i--
	}
	// More than it takes tell no more.
	for range min(uint64(max(n, 1)), uint64(count)) {
		c.times = slices.Insert(c.times, i, now)
	}
	gone := 0
	for c.times[gone] <= horizon {
		gone++
	}
	c.times = slices.Delete(c.times, 0, gone)
	return len(c.times) >= count
}

func (c *counted) addValue(value uint64, now, horizon int64, count int) bool {
	if c.values == nil {
		c.values = map[uint64]int64{}
	}
	c.values[value] = max(c.values[value], now)
	if len(c.values) < count {
		return false
	}
	for v, at := range c.values {
		if at <= horizon {
			delete(c.values, v)
		}
	}
	return len(c.values) >= count
}

// groupKey names the group of the current event.
func (t *threshold) groupKey(host string) []byte {
	t.key.begin(host)
	for _, read := range t.by {
		if s, ok := read(); ok {
			t.key.value(s)
		} else {
			t.key.absent()
		}
	}
	return t.key.bytes()
}

func (t *threshold) forget(partition uint32) {
	if p := t.parts[partition]; p != nil {
		t.mem.drop(p)
		delete(t.parts, partition)
	}
}

// data is what a finding tells of the events before it.
func (t *threshold) data() map[string]any {
	kind := "count"
	if t.distinct != nil {
		kind = "distinct"
	}
	return map[string]any{kind: t.spec.Count, "within": t.spec.Within.Round(time.Millisecond).String()}
}
