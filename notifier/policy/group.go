package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

// maxGroups bounds how many groups a sink has at a time; what belongs to
// further ones shares one, for what traced processes call themselves must not
// become memory.
const maxGroups = 4096

// grouping is the step that rolls up.
type grouping struct {
	maxHeld int
	groups  map[groupKey]*group
	held    int
	due     time.Time // of the group that is due first
	flush   bool
}

type groupKey struct {
	of  *Group
	key string
}

// group is detections alike. It exists from the first one until nothing came
// for an interval.
type group struct {
	cfg  *Group
	due  time.Time
	held []*Item
}

func newGrouping(maxHeld int) *grouping {
	return &grouping{maxHeld: maxHeld, groups: map[groupKey]*group{}}
}

// Pass implements [Step].
func (g *grouping) Pass(now time.Time, in []*Item) (out []*Item) {
	// What is due was there first.
	out = g.ripe(now)
	for _, i := range in {
		cfg := i.route.group
		d, err := i.Detection()
		if cfg == nil || cfg.Interval <= 0 || err != nil {
			out = append(out, i)
			continue
		}
		k := groupKey{cfg, key(cfg.By, d)}
		gr := g.groups[k]
		if gr == nil && len(g.groups) >= maxGroups {
			k.key = "others"
			gr = g.groups[k]
		}
		if gr == nil {
			g.groups[k] = &group{cfg: cfg, due: now.Add(cfg.Interval)}
			out = append(out, i)
			continue
		}
		gr.held = append(gr.held, i)
		g.held++
		if len(gr.held) >= cfg.Max {
			out = append(out, g.roll(gr, now))
		} else if g.held > g.maxHeld {
			out = append(out, g.roll(g.largest(), now))
		}
	}
	if g.flush {
		out = append(out, g.all(now)...)
	}
	g.schedule()
	return out
}

// Due implements [Step].
func (g *grouping) Due() time.Time { return g.due }

// schedule finds the next time at which a group is due.
func (g *grouping) schedule() {
	g.due = time.Time{}
	for _, gr := range g.groups {
		if g.due.IsZero() || gr.due.Before(g.due) {
			g.due = gr.due
		}
	}
}

// ripe rolls up what is due, and forgets groups in which nothing came.
func (g *grouping) ripe(now time.Time) (out []*Item) {
	if g.due.IsZero() || now.Before(g.due) {
		return nil
	}
	var due []*group
	for k, gr := range g.groups {
		switch {
		case now.Before(gr.due):
		case len(gr.held) == 0:
			delete(g.groups, k)
		default:
			due = append(due, gr)
		}
	}
	slices.SortFunc(due, byFirst)
	for _, gr := range due {
		out = append(out, g.roll(gr, now))
	}
	return out
}

// all rolls up whatever is held.
func (g *grouping) all(now time.Time) (out []*Item) {
	var some []*group
	for _, gr := range g.groups {
		if len(gr.held) > 0 {
			some = append(some, gr)
		}
	}
	slices.SortFunc(some, byFirst)
	for _, gr := range some {
		out = append(out, g.roll(gr, now))
	}
	return out
}

func byFirst(a, b *group) int { return a.held[0].Time.Compare(b.held[0].Time) }

func (g *grouping) largest() (most *group) {
	for _, gr := range g.groups {
		if most == nil || len(gr.held) > len(most.held) {
			most = gr
		}
	}
	return most
}

// roll makes one of what the group holds. A single one is told as it is.
func (g *grouping) roll(gr *group, now time.Time) *Item {
	parts := gr.held
	g.held -= len(parts)
	gr.held, gr.due = nil, now.Add(gr.cfg.Interval)
	if len(parts) == 1 {
		return parts[0]
	}
	return &Item{Stored: msg.StoredOf(rollUp(gr.cfg, parts)), Attempt: parts[0].Attempt, Parts: parts, route: parts[0].route}
}

// rollUp is the newest detection, with the most severe priority, standing for
// all. Its id is made from theirs.
func rollUp(cfg *Group, parts []*Item) *msg.Detection {
	h := sha256.New()
	info := &msg.Group{Count: len(parts), By: map[string]string{}}
	var newest *msg.Detection
	top, severity := msg.Debug, 0
	for n, p := range parts {
		d, _ := p.Detection() // it was decoded when it came
		h.Write([]byte(d.ID))
		if newest == nil || !d.Time.Before(newest.Time) {
			newest = d
		}
		if n == 0 || d.Priority < top {
			top, severity = d.Priority, d.Severity
		}
		if info.First.IsZero() || d.Time.Before(info.First) {
			info.First = d.Time
		}
		if d.Time.After(info.Last) {
			info.Last = d.Time
		}
		// Evenly spread, and always the first.
		if len(info.Samples) < cfg.Samples && n >= len(info.Samples)*len(parts)/cfg.Samples {
			info.Samples = append(info.Samples, msg.Sample{ID: d.ID, Time: d.Time, Host: d.Host, Output: clip(d.Output)})
		}
	}
	for _, name := range cfg.By {
		info.By[name] = field(name, newest)
	}
	out := *newest
	out.ID = hex.EncodeToString(h.Sum(nil)[:16])
	out.Priority, out.Severity, out.Group = top, severity, info
	return &out
}

// maxSample bounds the output of a sample, in bytes.
const maxSample = 500

func clip(s string) string {
	if len(s) > maxSample {
		return s[:maxSample] + "…"
	}
	return s
}
