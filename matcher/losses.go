package matcher

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// The rule that nobody wrote: losses are told as detections are.
const (
	lossRule  = "tripline-events-lost"
	lossEvent = "events_lost"
	lossLang  = "builtin"
)

// Causes of losses that the stages before do not name.
const causeEvents = "events stream"

// losses adds up what was lost of each host, whoever counted it: the sensor and
// the enricher say so in the batches, and gaps in a partition are seen here.
// Several matchers each hear of a part; they give what they tell of the same
// time the same id, so it is told once.
type losses struct {
	cfg LossConfig

	mu    sync.Mutex
	hosts map[string]*hostLoss
}

type hostLoss struct {
	turn            int64 // which stretch of time of the length Within
	count           uint64
	byCause, byType map[string]uint64
	told            bool
}

func newLosses(cfg LossConfig) *losses { return &losses{cfg: cfg, hosts: make(map[string]*hostLoss)} }

// add counts what a batch says was lost before it and gap, what is missing
// before it in its partition. It returns a detection when that passes the
// threshold.
func (l *losses) add(b *msg.Batch, gap uint64) *msg.Detection {
	if l.cfg.Events == 0 || gap == 0 && len(b.Drops) == 0 {
		return nil
	}
	at := latest(b)
	turn := at.UnixNano() / int64(l.cfg.Within)
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.hosts[b.Host]
	if h == nil {
		if len(l.hosts) >= maxOrigins {
			clear(l.hosts)
		}
		h = &hostLoss{}
		l.hosts[clone(b.Host)] = h
	}
	if turn > h.turn || h.byCause == nil {
		*h = hostLoss{turn: turn, byCause: map[string]uint64{}, byType: map[string]uint64{}}
	}
	if gap > 0 {
		h.count += gap
		h.byCause[causeEvents] += gap
	}
	for _, d := range b.Drops {
		h.count += d.Count
		h.byCause[clone(d.Cause)] += d.Count
		// What a stream discarded was not looked at: its type says nothing.
		if t := catalogue.ByID(catalogue.ID(d.Type)); t != nil && d.Cause != "stream" {
			h.byType[t.Name] += d.Count
		}
	}
	if h.told || h.count < l.cfg.Events {
		return nil
	}
	h.told = true
	return l.detection(b, h, at)
}

func (l *losses) detection(b *msg.Batch, h *hostLoss, at time.Time) *msg.Detection {
	var causes []string
	for _, cause := range slices.Sorted(maps.Keys(h.byCause)) {
		causes = append(causes, fmt.Sprintf("%s %d", cause, h.byCause[cause]))
	}
	rule := Rule{
		Info: msg.RuleInfo{
			ID: lossRule, Name: "Events were lost", Language: lossLang,
			Description: "More events of a host were lost than matcher.losses allows: what they were about was not looked at.",
		},
		Priority: msg.Error,
	}
	d := fill(rule, Finding{
		Output: fmt.Sprintf("events lost on %s: %d within %s (%s)", b.Host, h.count, l.cfg.Within, strings.Join(causes, ", ")),
		Data:   map[string]any{"lost": h.count, "by_cause": maps.Clone(h.byCause), "by_event": maps.Clone(h.byType)},
	})
	origin := &msg.Batch{Host: b.Host, BootId: b.BootId, Events: []*msg.Event{{Seq: uint64(h.turn)}}}
	d.ID = msg.DetectionID(lossRule, msg.Record{Batch: origin, Event: origin.Events[0]}, 0)
	d.Time, d.Host = at.UTC(), clone(b.Host)
	d.Event = &msg.EventJSON{Host: d.Host, Time: d.Time, Name: lossEvent, Args: []msg.ArgJSON{}}
	return d
}

// latest is the time of the last event of a batch, now for one without.
func latest(b *msg.Batch) time.Time {
	var last int64
	for _, ev := range b.Events {
		last = max(last, ev.Time)
	}
	if last == 0 {
		return time.Now()
	}
	return time.Unix(0, last)
}
