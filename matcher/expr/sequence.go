package expr

import (
	"container/heap"
	"container/list"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/matcher/expr/falco/loader"
	"github.com/tripline/tripline/matcher/expr/falco/output"
)

// sequence follows the events of a rule for one worker.
//
// Of each group it remembers, for each number of steps taken, the way there
// that began last: whatever completes one that began before completes this one
// too. When the last event has happened and something must not follow it, the
// group waits; what happens again meanwhile is part of the same finding.
type sequence struct {
	spec  *loader.Sequence
	rule  string
	index int // in the program
	steps []boundStep
	n     int // events that happen
	mem   *memory
	parts map[uint32]*part
	key   groupKey
	text  []byte // of the note that is rendered
}

// boundStep is a step bound to the worker's event.
type boundStep struct {
	cond   programs
	absent bool
	// at is how many events happen before it.
	at   int
	by   []func() (string, bool)
	note *output.Line
}

// part is what a sequence remembers of a partition.
type part struct {
	*shelf
	// open counts the groups that have come just so far, from one event, so
	// that conditions nobody waits for are not evaluated.
	open  []int
	waits map[string]*waits // by host
	n     int               // in waits
}

// chain is how far a group has come.
type chain struct {
	part *part
	open []way // by the number of events less one
	wait *waiting
}

// way is events that happened one after another.
type way struct {
	start int64
	last  *happened // nil for none
}

// happened is an event of a way.
type happened struct {
	before *happened
	time   int64
	event  string
	note   string
}

// waiting is a finding, unless something happens until then.
type waiting struct {
	from, until int64
	host        string
	finding     matcher.Finding
	told        bool // by an earlier owner of the partition
	bytes       int
	group       *list.Element
	at          int // in the heap
}

const (
	// maxNote bounds the bytes of a note.
	maxNote = 256
	// slack is how much longer than a sequence takes it is remembered, for
	// events that come late and for the last wait to end.
	slack = 10 * time.Second
)

func (w *Worker) newSequence(a *atoms, index int, r *loader.Rule, special [][]special, machineOnly bool) (*sequence, error) {
	q := &sequence{spec: r.Sequence, rule: r.Name, index: index, mem: w.memory, parts: map[uint32]*part{}}
	for i, st := range r.Sequence.Steps {
		b := boundStep{absent: st.Absent, at: q.n}
		var err error
		if b.cond, err = w.compile(a, special[i], r.Condition, machineOnly); err != nil {
			return nil, err
		}
		for _, o := range st.By {
			b.by = append(b.by, reader(o, w.event))
		}
		if st.Note != nil {
			b.note = st.Note.Bind(w.event)
		}
		if !st.Absent {
			q.n++
		}
		q.steps = append(q.steps, b)
	}
	return q, nil
}

// next is a way that an event goes on, or what it puts an end to.
type next struct {
	step  *boundStep
	key   string
	group *list.Element
	way   way
}

// match holds the current event against the steps.
func (q *sequence) match(w *Worker, b *bound, ev *matcher.Event, found func(matcher.Finding)) error {
	p, now := q.parts[ev.Partition], ev.Record.Event.Time
	var ends, goes []next
	for i := range q.steps {
		s := &q.steps[i]
		if !q.matters(s, p) {
			continue
		}
		hit, err := w.run(s.cond.of(w.number))
		if err != nil {
			return err
		}
		if !hit || !q.groupKey(s, ev.Batch.Host) {
			continue
		}
		n := next{step: s}
		if p != nil {
			if n.group = p.find(q.key.bytes()); n.group != nil {
				q.late(p, n.group, now, found)
				n.group = p.find(q.key.bytes())
			}
		}
		switch {
		case s.absent:
			if n.group != nil {
				ends = append(ends, n)
			}
			continue
		case s.at == 0:
			n.way = way{now, &happened{time: now, event: w.event.Type()}}
		case n.group == nil:
			continue
		default:
			before := n.group.Value.(*group).state.(*chain).open[s.at-1]
			known := before.last != nil && now-before.start <= int64(q.spec.Within)
			if !known && !(ev.Found && s.at == q.n-1) {
				continue
			}
			n.way = way{before.start, &happened{before: before.last, time: now, event: w.event.Type()}}
		}
		n.key = string(q.key.bytes())
		goes = append(goes, n)
	}
	if len(ends)+len(goes) == 0 {
		return nil
	}
	if p == nil {
		p = &part{open: make([]int, q.n), waits: map[string]*waits{}}
		p.shelf = q.mem.shelf(q.rule, int64(q.spec.Within+q.spec.Wait+slack))
		q.parts[ev.Partition] = p
	}
	// What the event ends, it ends of what was before it: an event may be the
	// end of one way and the beginning of another.
	for _, n := range ends {
		g := n.group.Value.(*group)
		if p.byKey[g.key] != n.group {
			continue // another end has left nothing of it
		}
		g.state.(*chain).end(n.step.at, q.n, now)
		p.settle(n.group, now)
	}
	return q.advance(w, b, p, goes, ev, found)
}

// matters says whether anything depends on a step.
func (q *sequence) matters(s *boundStep, p *part) bool {
	switch {
	case s.at == 0:
		return true
	case p == nil:
		return false
	case s.absent && s.at == q.n:
		return p.n > 0
	default:
		return p.open[s.at-1] > 0
	}
}

// groupKey names the group of the current event as a step; without one of the
// values that it is joined by, the event is in none.
func (q *sequence) groupKey(s *boundStep, host string) bool {
	q.key.begin(host)
	for _, read := range s.by {
		v, ok := read()
		if !ok {
			return false
		}
		q.key.value(v)
	}
	return true
}

// advance takes the steps that an event is, the last first, so that it is not
// two of one way. A replayed event completed a way if, and only if, the rule
// found something in it then.
func (q *sequence) advance(w *Worker, b *bound, p *part, goes []next, ev *matcher.Event, found func(matcher.Finding)) error {
	now := ev.Record.Event.Time
	done := ""
	for i := len(goes) - 1; i >= 0; i-- {
		n := &goes[i]
		if done != "" && n.key == done {
			continue // a finding leaves nothing
		}
		at := p.find([]byte(n.key))
		if n.step.at < q.n-1 {
			if at == nil {
				at = p.add([]byte(n.key), ev.Batch.Host, &chain{part: p, open: make([]way, q.n)})
			}
			c := at.Value.(*group).state.(*chain)
			if before, ok := c.put(n.step.at, n.way); ok {
				n.way.last.note = q.note(n.step, before)
			}
			p.changed(at, now)
			continue
		}
		quiet, err := w.suppressedBy(b, ev)
		if err != nil {
			return err
		}
		if quiet {
			continue
		}
		if q.spec.Wait == 0 && ev.Replayed && !ev.Found {
			// The owner of then had not come as far.
			if at != nil {
				at.Value.(*group).state.(*chain).take(q.n - 2)
				p.settle(at, now)
			}
			continue
		}
		done = n.key
		n.way.last.note = q.note(n.step, nil)
		if q.spec.Wait == 0 {
			if at != nil {
				p.remove(at)
			}
			if !ev.Replayed {
				found(q.finding(b, n.way))
			}
			continue
		}
		if at == nil {
			at = p.add([]byte(n.key), ev.Batch.Host, &chain{part: p, open: make([]way, q.n)})
		}
		if err := q.wait(b, p, at, n.way, ev); err != nil {
			return err
		}
	}
	return nil
}

// note renders that of a step. Mostly it is that of the event before in the same
// place, which is then kept: most steps lead to nothing.
func (q *sequence) note(s *boundStep, before *happened) string {
	if s.note == nil {
		return ""
	}
	q.text = shorten(s.note.Append(q.text[:0]))
	if before != nil && before.note == string(q.text) {
		return before.note
	}
	return string(q.text)
}

// finding tells of a way that has come to its end.
func (q *sequence) finding(b *bound, taken way) matcher.Finding {
	f := b.finding()
	var steps []map[string]any
	var notes []string
	for h := taken.last; h != nil; h = h.before {
		step := map[string]any{"time": time.Unix(0, h.time).UTC(), "event": h.event}
		if h.note != "" {
			step["note"] = h.note
			if h != taken.last {
				notes = append(notes, h.note)
			}
		}
		steps = append(steps, step)
	}
	slices.Reverse(steps)
	slices.Reverse(notes)
	f.Data = map[string]any{"steps": steps}
	if q.spec.Wait > 0 {
		f.Data["waited"] = q.spec.Wait.String()
	}
	if len(notes) > 0 {
		f.Output += " before=(" + strings.Join(notes, "; ") + ")"
	}
	return f
}

// wait keeps a finding for as long as something may happen that undoes it.
func (q *sequence) wait(b *bound, p *part, at *list.Element, taken way, ev *matcher.Event) error {
	g := at.Value.(*group)
	c := g.state.(*chain)
	for k := range c.open {
		c.take(k)
	}
	now := ev.Record.Event.Time
	if c.wait == nil {
		past, err := matcher.Keep(ev.Record)
		if err != nil {
			return err
		}
		f := q.finding(b, taken)
		f.Past = past
		c.wait = &waiting{from: now, until: now + int64(q.spec.Wait), host: g.host, finding: f, told: ev.Found, group: at, bytes: past.Size() + findingBytes(f)}
		h := p.waits[g.host]
		if h == nil {
			h = &waits{}
			p.waits[g.host] = h
		}
		heap.Push(h, c.wait)
		p.n++
	}
	p.changed(at, now)
	return nil
}

// late reports what a group has waited for in vain, given the time of an event
// of the same group.
func (q *sequence) late(p *part, at *list.Element, now int64, found func(matcher.Finding)) {
	c := at.Value.(*group).state.(*chain)
	if c.wait == nil || now <= c.wait.until {
		return
	}
	x := c.wait
	c.stopWaiting()
	p.settle(at, now)
	if !x.told {
		found(x.finding)
	}
}

// pass reports what has been waited for in vain until now.
func (q *sequence) pass(partition uint32, host string, now int64, found func(int, matcher.Finding)) {
	p := q.parts[partition]
	if p == nil || p.n == 0 {
		return
	}
	h := p.waits[host]
	for h != nil && h.Len() > 0 && (*h)[0].until < now {
		x := (*h)[0]
		x.group.Value.(*group).state.(*chain).stopWaiting()
		p.settle(x.group, now)
		if !x.told {
			found(q.index, x.finding)
		}
	}
}

func (q *sequence) forget(partition uint32) {
	if p := q.parts[partition]; p != nil {
		q.mem.drop(p.shelf)
		delete(q.parts, partition)
	}
}

// settle removes a group of which nothing is left.
func (p *part) settle(at *list.Element, now int64) {
	c := at.Value.(*group).state.(*chain)
	left := c.wait != nil
	for _, o := range c.open {
		left = left || o.last != nil
	}
	if left {
		p.changed(at, now)
	} else {
		p.remove(at)
	}
}

// put remembers a way, unless one that began later has come as far. It returns
// the event that was in the place of the last, if there was one.
func (c *chain) put(k int, to way) (before *happened, ok bool) {
	have := c.open[k]
	if have.last != nil && have.start > to.start {
		return nil, false
	}
	c.take(k)
	c.open[k] = to
	c.part.open[k]++
	return have.last, true
}

// take forgets a way.
func (c *chain) take(k int) {
	if c.open[k].last != nil {
		c.part.open[k]--
		c.open[k] = way{}
	}
}

// end is called when something happens that must not after at of n events.
func (c *chain) end(at, n int, now int64) {
	if at < n {
		c.take(at - 1)
		return
	}
	if c.wait != nil && now >= c.wait.from && now <= c.wait.until {
		c.stopWaiting()
	}
}

func (c *chain) stopWaiting() {
	h := c.part.waits[c.wait.host]
	heap.Remove(h, c.wait.at)
	if h.Len() == 0 {
		delete(c.part.waits, c.wait.host)
	}
	c.part.n--
	c.wait = nil
}

// size implements [state].
func (c *chain) size() (entries, bytes int) {
	bytes = 24 * len(c.open)
	for _, o := range c.open {
		for h := o.last; h != nil; h = h.before {
			entries++
			bytes += 64 + len(h.note)
		}
	}
	if c.wait != nil {
		entries++
		bytes += 160 + c.wait.bytes
	}
	return entries, bytes
}

// waits implements [state].
func (c *chain) waits() bool { return c.wait != nil }

// gone implements [state].
func (c *chain) gone() {
	for k := range c.open {
		c.take(k)
	}
	if c.wait != nil {
		c.stopWaiting()
	}
}

// findingBytes is about what a finding takes.
func findingBytes(f matcher.Finding) int {
	n := len(f.Output) + 256
	for k, v := range f.Values {
		n += 48 + len(k)
		if s, ok := v.(string); ok {
			n += len(s)
		}
	}
	return n
}

// shorten cuts a text to what is kept of a note.
func shorten(s []byte) []byte {
	if len(s) <= maxNote {
		return s
	}
	const mark = "…"
	end := maxNote - len(mark)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return append(s[:end], mark...)
}

// waits is a heap of what is waited for, the first to end first.
type waits []*waiting

func (h waits) Len() int           { return len(h) }
func (h waits) Less(i, j int) bool { return h[i].until < h[j].until }
func (h waits) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

// Push implements [heap.Interface].
func (h *waits) Push(x any) {
	w := x.(*waiting)
	w.at = len(*h)
	*h = append(*h, w)
}

// Pop implements [heap.Interface].
func (h *waits) Pop() any {
	old := *h
	w := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return w
}
