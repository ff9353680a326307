package faults

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/pkg/msg"
)

// TestOverload: under three times what comes through, detections go on, the time
// they take comes down again within seconds after, and what is counted as lost
// of each type of event is what was made less what was seen, to the event.
func TestOverload(t *testing.T) {
	needs(t)
	length, err := time.ParseDuration(os.Getenv("TRIPLINE_OVERLOAD_FOR"))
	if err != nil {
		t.Skip("needs TRIPLINE_OVERLOAD_FOR, for how long: run make bench-overload")
	}
	run := fmt.Sprintf("tlo%d", os.Getpid())
	p := start(t, run, t.TempDir(), rules(run)+callsRule, 2<<30)
	m := startMarkers(t, run, t.TempDir())
	p.waitFor(ruleFifth)
	group := controlGroup(t, "load")
	capacity := p.capacity(func() *loader { return startCalls(t, group, 0) })
	p.drained()

	// The load's own process tells its events from those of the calibration.
	witness := p.witness()
	lostBefore := p.lostByType()
	began := time.Now()
	l := startCalls(t, group, 3*capacity)
	pid := l.cmd.Process.Pid
	time.Sleep(time.Until(began.Add(length)))
	made := l.stop()
	ended := time.Now()
	time.Sleep(20 * time.Second)
	m.finish()
	p.settle()
	lost := p.lostByType()
	got := delivered(t, p.sink)
	rows := judge(m.all, got, func(time.Time) bool { return false })
	t.Logf("%.0f events a second come through at most; %.0f a second were made for %v", capacity, float64(made)/ended.Sub(began).Seconds(), length)
	t.Logf("\n%s\n%s", table(rows), latencies(got, began, ended))

	seen := p.seenOf(int32(pid), witness)
	for i, name := range rareCalls {
		of := (made + 1 - i) / 2
		gone := int(lost[name] - lostBefore[name])
		t.Logf("%s: made %d, seen %d, counted as lost %d", name, of, seen[name], gone)
		if of != seen[name]+gone {
			t.Errorf("%s: %d are neither seen nor counted as lost", name, of-seen[name]-gone)
		}
	}
	t.Logf("lost and counted: %s", p.beats.lost())
	for _, row := range rows {
		if row.bad() || row.expected == 0 {
			t.Errorf("%s: %d expected, %d missing, %d not due, %d doubled", row.rule, row.expected, row.missing, row.extra, row.double)
		}
	}
	if s := p.strange(); len(s) > 0 {
		t.Errorf("stages ended by themselves:\n%s", strings.Join(s, "\n"))
	}
}

// callsRule looks at every rare call and finds nothing.
const callsRule = `
- rule: Calls
  desc: has every rare call looked at
  condition: evt.type in (sched_rr_get_interval, sched_get_priority_min) and proc.cmdline contains "nobody at all"
  output: "none"
  priority: DEBUG
`

// lostByType is what the sensor counts as lost, by event, a moment later.
func (p *pipeline) lostByType() map[string]uint64 {
	time.Sleep(2500 * time.Millisecond)
	p.beats.mu.Lock()
	defer p.beats.mu.Unlock()
	out := map[string]uint64{}
	for _, h := range p.beats.last {
		by, _ := h.Detail["lost"].(map[string]any)
		for name, n := range by {
			if n, ok := n.(float64); ok && h.Stage == "sensor" {
				out[name] += uint64(n)
			}
		}
	}
	return out
}

// witness is a program of one's own beside the matchers: it has every enriched
// event from its beginning on, and reads them when all is over.
func (p *pipeline) witness() *bus.PartitionConsumer {
	p.t.Helper()
	c, err := p.beats.bus.GroupConsumer(p.t.Context(), "witness", "witness")
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

// seenOf counts the events of a process, as its own namespace numbers it.
func (p *pipeline) seenOf(pid int32, c *bus.PartitionConsumer) map[string]int {
	p.t.Helper()
	streams, err := p.beats.bus.Streams(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	for _, s := range streams {
		if s.Name == bus.StreamEvents && s.Discarded > 0 {
			p.t.Errorf("the stream has discarded %d batches", s.Discarded)
		}
	}
	var mu sync.Mutex
	counts := map[string]int{}
	once := map[uint64]bool{}
	var all sync.WaitGroup
	for partition := range c.Partitions() {
		all.Go(func() {
			for {
				// Nothing comes any more when nothing has come for a while.
				ctx, cancel := context.WithTimeout(p.t.Context(), 5*time.Second)
				d, err := c.Receive(ctx, partition)
				cancel()
				if err != nil {
					return
				}
				b := d.Value
				mu.Lock()
				for i, ev := range b.Events {
					r := b.Record(i)
					if r.Process().GetNsPid() != pid || !slices.Contains(rareCalls, r.Name()) || once[ev.Seq] {
						continue
					}
					once[ev.Seq] = true
					counts[r.Name()] += int(max(ev.Count, 1))
				}
				mu.Unlock()
				d.Ack(nil)
			}
		})
	}
	all.Wait()
	return counts
}

// latencies lists how long detections took, by when their event was.
func latencies(got []msg.Detection, began, ended time.Time) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "markers made\tnumber\tmedian\tslowest\t")
	span := func(name string, from, to time.Time) {
		var all []time.Duration
		for _, d := range got {
			if d.Rule.ID == ruleOne && !d.Time.Before(from) && d.Time.Before(to) {
				all = append(all, d.Detected.Sub(d.Time))
			}
		}
		slices.Sort(all)
		if n := len(all); n > 0 {
			fmt.Fprintf(w, "%s\t%d\t%v\t%v\t\n", name, n, all[n/2].Round(time.Millisecond), all[n-1].Round(time.Millisecond))
		}
	}
	span("before", began.Add(-time.Hour), began)
	span("during", began, ended)
	for s := range 5 {
		from := ended.Add(time.Duration(2*s) * time.Second)
		span(fmt.Sprintf("%d to %d s after", 2*s, 2*s+2), from, from.Add(2*time.Second))
	}
	span("later", ended.Add(10*time.Second), ended.Add(time.Hour))
	w.Flush()
	return b.String()
}
