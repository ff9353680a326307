package expr

import (
	"container/list"
	"crypto/sha256"
	"hash/maphash"
	"slices"
	"strconv"
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
	by       []func() (string, bool)
	distinct func() (string, bool)
	limit    int
	evicted  func()
	seed     maphash.Seed
	parts    map[uint32]*groups
	key      []byte
}

// groups are the events of a partition that are counted, in groups of what
// they have in common. The group changed last is at the front.
type groups struct {
	byKey   map[string]*list.Element
	order   *list.List
	entries int // in all groups, a group itself counted as one
}

// group is events that have the fields of By in common.
type group struct {
	key    string
	newest int64
	// times are those of the events, in order; of distinct values, values has
	// the last time of each by its hash.
	times  []int64
	values map[uint64]int64
}

func (g *group) size() int { return 1 + len(g.times) + len(g.values) }

func newThreshold(spec *loader.Threshold, src fields.Source, limit int, evicted func()) *threshold {
	if spec == nil {
		return nil
	}
	read := func(o *loader.Operand) func() (string, bool) { return output.Text(o.Operand, o.Bind(src)) }
	t := &threshold{spec: spec, limit: limit, evicted: evicted, seed: maphash.MakeSeed(), parts: map[uint32]*groups{}}
	for _, o := range spec.By {
		t.by = append(t.by, read(o))
	}
	if spec.Distinct != nil {
		t.distinct = read(spec.Distinct)
	}
	return t
}

// add counts the current event and says whether it completes the number, after
// which the group starts again from nothing. An event that lacks the value
// whose different ones are counted is none. A replayed event completed the
// number if, and only if, the rule found something in it then.
func (t *threshold) add(ev *matcher.Event) bool {
	partition, now := ev.Partition, ev.Record.Event.Time
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
		p = &groups{byKey: map[string]*list.Element{}, order: list.New()}
		t.parts[partition] = p
	}
	at := p.find(t.groupKey(ev.Batch.Host))
	g := at.Value.(*group)
	p.entries -= g.size()
	g.newest = max(g.newest, now)
	horizon := g.newest - int64(t.spec.Within)
	var complete bool
	switch {
	case now <= horizon: // came too late to count
	case t.distinct != nil:
		complete = g.addValue(value, now, horizon, t.spec.Count)
	default:
		complete = g.addTime(now, horizon, t.spec.Count)
	}
	if ev.Replayed {
		complete = ev.Found
	}
	if complete || len(g.times)+len(g.values) == 0 {
		p.order.Remove(at)
		delete(p.byKey, g.key)
		return complete
	}
	p.entries += g.size()
	t.evict(p, now)
	return false
}

func (g *group) addTime(now, horizon int64, count int) bool {
	i := len(g.times)
	for i > 0 && g.times[i-1] > now {
		i--
	}
	g.times = slices.Insert(g.times, i, now)
	gone := 0
	for g.times[gone] <= horizon {
		gone++
	}
	g.times = slices.Delete(g.times, 0, gone)
	return len(g.times) >= count
}

func (g *group) addValue(value uint64, now, horizon int64, count int) bool {
	if g.values == nil {
		g.values = map[uint64]int64{}
	}
	g.values[value] = max(g.values[value], now)
	if len(g.values) < count {
		return false
	}
	for v, at := range g.values {
		if at <= horizon {
			delete(g.values, v)
		}
	}
	return len(g.values) >= count
}

// groupKey names the group of the current event. Groups do not span hosts,
// whose process numbers and paths have nothing to do with each other.
func (t *threshold) groupKey(host string) []byte {
	k := append(t.key[:0], host...)
	for _, read := range t.by {
		s, ok := read()
		if !ok {
			k = append(k, 0, '-')
			continue
		}
		k = append(k, 0)
		k = strconv.AppendInt(k, int64(len(s)), 10)
		k = append(k, ':')
		k = append(k, s...)
	}
	t.key = k
	if len(k) <= 2*sha256.Size {
		return k
	}
	// What a process chooses may be long: the memory for it is not.
	sum := sha256.Sum256(k)
	return sum[:]
}

func (p *groups) find(key []byte) *list.Element {
	if at, ok := p.byKey[string(key)]; ok {
		p.order.MoveToFront(at)
		return at
	}
	g := &group{key: string(key)}
	at := p.order.PushFront(g)
	p.byKey[g.key] = at
	p.entries += g.size()
	return at
}

// evict drops the groups that changed longest ago until the rest fits. Those
// that no event could complete any more are no loss.
func (t *threshold) evict(p *groups, now int64) {
	for p.entries > t.limit && p.order.Len() > 1 {
		at := p.order.Back()
		g := at.Value.(*group)
		p.order.Remove(at)
		delete(p.byKey, g.key)
		p.entries -= g.size()
		if g.newest > now-int64(t.spec.Within) {
			t.evicted()
		}
	}
}

func (t *threshold) forget(partition uint32) { delete(t.parts, partition) }

// data is what a finding tells of the events before it.
func (t *threshold) data() map[string]any {
	kind := "count"
	if t.distinct != nil {
		kind = "distinct"
	}
	return map[string]any{kind: t.spec.Count, "within": t.spec.Within.Round(time.Millisecond).String()}
}
