package policy

import (
	"fmt"
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

// Policy is a compiled configuration. It is safe for concurrent use.
type Policy struct {
	cfg        Config
	root       *node
	silences   []silence
	inhibitors []inhibition
}

// New compiles a configuration for the sinks with these names. Compiler makes
// the conditions; it may be nil when there are none.
func New(cfg Config, sinks []string, compiler Compiler) (*Policy, error) {
	if err := cfg.Validate(sinks); err != nil {
		return nil, err
	}
	p := &Policy{cfg: cfg}
	var err error
	if p.root, err = compileRoute(cfg.Route, "route", nil, compiler); err != nil {
		return nil, err
	}
	for i, s := range cfg.Silences {
		m, err := s.Match.compile(compiler)
		if err != nil {
			return nil, fmt.Errorf("silences[%d].match: %w", i, err)
		}
		p.silences = append(p.silences, silence{s, m})
	}
	for i, x := range cfg.Inhibit {
		when, err := x.When.compile(compiler)
		if err != nil {
			return nil, fmt.Errorf("inhibit[%d].when: %w", i, err)
		}
		suppress, err := x.Suppress.compile(compiler)
		if err != nil {
			return nil, fmt.Errorf("inhibit[%d].suppress: %w", i, err)
		}
		p.inhibitors = append(p.inhibitors, inhibition{x, when, suppress})
	}
	return p, nil
}

// Way is the chain of one sink.
type Way struct {
	Chain
	groups *grouping
}

// Way makes the chain for a sink. Group, which may be nil, is how it is told
// where no route says so. Count is called with the number of detections that
// go no further, and the reason. Steps that have nothing to do are left out, and with them the need
// to decode detections.
func (p *Policy) Way(sink string, group *Group, count func(Reason, int)) *Way {
	w := &Way{}
	if len(p.inhibitors) > 0 {
		w.Chain = append(w.Chain, newInhibiting(p.inhibitors, count))
	}
	if len(p.silences) > 0 {
		w.Chain = append(w.Chain, newSilencing(p.silences, sink, count))
	}
	root := withGroup(p.root, group)
	quiet, throttle, groups, straight := false, false, false, len(root.children) == 0 && root.leads(sink)
	root.each(func(n *node) {
		quiet = quiet || len(n.quiet) > 0
		throttle = throttle || n.throttle != nil
		groups = groups || n.group != nil && n.group.Interval > 0
	})
	if straight && !quiet && !throttle && !groups {
		return w
	}
	w.Chain = append(w.Chain, newRouting(root, sink, count))
	if quiet {
		w.Chain = append(w.Chain, newQuiet(count))
	}
	if groups {
		w.groups = newGrouping(p.cfg.MaxHeld)
		w.Chain = append(w.Chain, w.groups)
	}
	if throttle {
		w.Chain = append(w.Chain, newThrottling(count))
	}
	return w
}

// withGroup gives the routes that say nothing of groups this one.
func withGroup(n *node, g *Group) *node {
	out := *n
	if out.group == nil {
		out.group = g
	}
	out.children = nil
	for _, c := range n.children {
		out.children = append(out.children, withGroup(c, g))
	}
	return &out
}

// Each calls f with what waits for roll-ups, for it to replace what detections
// say.
func (w *Way) Each(f func([]*Item)) {
	if w.groups == nil {
		return
	}
	for _, gr := range w.groups.groups {
		f(gr.held)
	}
}

// Held is how many detections wait for a roll-up.
func (w *Way) Held() int {
	if w.groups == nil {
		return 0
	}
	return w.groups.held
}

// Flush makes the next Pass, and all after it, return whatever is held.
func (w *Way) Flush() {
	if w.groups != nil {
		w.groups.flush = true
		w.groups.due = time.Unix(0, 1)
	}
}

// Release answers for what is held, which comes again then.
func (w *Way) Release(err error) {
	if w.groups == nil {
		return
	}
	for _, i := range w.groups.all(time.Time{}) {
		i.Ack(err)
	}
}

// Verdict says what would become of a detection for one sink.
type Verdict struct {
	Sink string `json:"sink"`
	// Told is whether it would be told, at once or in a roll-up.
	Told bool `json:"told"`
	// Why is one line for each step that has something to say.
	Why []string `json:"why"`
}

// Explain says what would become of a detection at a time, if it came alone.
// Default groups are by sink.
func (p *Policy) Explain(sinks []string, groups map[string]*Group, d *msg.Detection, now time.Time) (out []Verdict) {
	for _, s := range sinks {
		out = append(out, p.explain(s, groups[s], d, now))
	}
	return out
}

func (p *Policy) explain(sink string, group *Group, d *msg.Detection, now time.Time) Verdict {
	v := Verdict{Sink: sink, Told: true}
	say := func(format string, args ...any) { v.Why = append(v.Why, fmt.Sprintf(format, args...)) }
	for i, x := range p.inhibitors {
		if x.suppress.holds(d) && !x.when.holds(d) {
			say("inhibit[%d] holds it back within %v after a detection of %s", i, x.For, x.when)
		}
	}
	for i, s := range p.silences {
		if s.holds(sink, d) {
			v.Told = false
			say("silences[%d] holds it back until %s: %s", i, s.Until.UTC().Format(time.RFC3339), s.Reason)
		}
	}
	n := withGroup(p.root, group).routeFor(d, sink)
	if n == nil {
		v.Told = false
		var ends []string
		p.root.ends(d, func(end *node) bool { ends = append(ends, end.path); return true })
		say("no route leads here: it ends in %v", ends)
		return v
	}
	say("%s leads here: %s", n.path, n.match)
	for i, q := range n.quiet {
		if q.covers(now, d.Priority) {
			v.Told = false
			say("%s.quiet[%d] holds it back at this hour", n.path, i)
		}
	}
	if g := n.group; g != nil && g.Interval > 0 {
		say("the first of those with the same %v at once, the others together every %v", g.By, g.Interval)
	}
	if t := n.throttle; t != nil {
		say("at most %d in %v", t.Count, t.Per)
	}
	return v
}
