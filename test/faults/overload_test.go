package faults

import (
	"bufio"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

const (
	overloadBy = 3
	// quiet is how long markers are made before the load, and after it.
	quiet = 14 * time.Second
)

// ramp is how capacity is looked for: each rate is tried for step, from the
// first on, the next by times as high.
type ramp struct {
	step     time.Duration
	from, by float64
}

// A short run, among other tests, makes do with a rough figure; how fast things
// are is not for it to judge.
var (
	fineRamp  = ramp{6 * time.Second, 20000, 1.3}
	roughRamp = ramp{3 * time.Second, 35000, 1.6}
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
	p := undisturbed(t, run, rules(run)+callsRule())
	m := startMarkers(t, run, t.TempDir())
	p.waitFor(ruleFifth)
	w := p.watch()
	group := controlGroup(t, "load")
	short := length < 30*time.Second
	r := fineRamp
	if short {
		r = roughRamp
	}
	capacity := p.climb(r, group)
	t.Logf("capacity: %.0f events a second", capacity)
	p.drained()

	calm := time.Now()
	if short {
		time.Sleep(quiet / 2)
	} else {
		time.Sleep(quiet)
	}
	before := p.losses()
	told := map[string]map[string]int{}
	for _, c := range rareCalls {
		told[c.name] = w.told(c.name)
	}
	began := time.Now()
	l := startCalls(t, group, overloadBy*capacity)
	pid := l.cmd.Process.Pid
	most := p.watchQueue(began.Add(length))
	made, sum := madeCalls(t, l)
	ended := time.Now()
	time.Sleep(quiet)
	m.finish()
	p.settle()
	seen, after := w.of(int32(pid)), p.losses()

	t.Logf("%.0f events a second, %.1f times as many as come through, were made for %v; the sensor's queue held %d at most",
		float64(sum)/ended.Sub(began).Seconds(), float64(sum)/ended.Sub(began).Seconds()/capacity, ended.Sub(began).Round(time.Millisecond), most)
	if !short && float64(sum)/ended.Sub(began).Seconds() < 0.8*overloadBy*capacity {
		t.Errorf("that is no load of %d times %.0f", overloadBy, capacity)
	}
	var b strings.Builder
	tw := tabwriter.NewWriter(&b, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "event\tmade\tseen\tlost\tneither\twhere lost\t")
	all := 0
	for _, c := range rareCalls {
		lost, where := 0, map[string]int{}
		for cause, n := range after[c.name] {
			if d := n - before[c.name][cause]; d > 0 {
				where[cause] = d
				lost += d
			}
		}
		all += lost
		fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t%d\t%v\t\n", c.name, made[c.name], seen[c.name], lost, made[c.name]-seen[c.name]-lost, where)
		if made[c.name] != seen[c.name]+lost {
			t.Errorf("%s: %d made, %d seen, %d counted as lost", c.name, made[c.name], seen[c.name], lost)
		}
		// The batches say the same as the metrics.
		said := w.told(c.name)
		for cause, n := range told[c.name] {
			said[cause] -= n
		}
		maps.DeleteFunc(said, func(_ string, n int) bool { return n == 0 })
		if !maps.Equal(said, where) {
			t.Errorf("%s: lost by the metrics: %v, by what batches say: %v", c.name, where, said)
		}
	}
	tw.Flush()
	if all == 0 && !short {
		t.Error("nothing was lost: that was no overload")
	}
	got := delivered(t, p.sink)
	rows := judge(m.all, got, func(time.Time) bool { return false })
	late, back := latencies(got, calm, began, ended)
	t.Logf("\n%s\n%s\n%s", b.String(), table(rows), late)
	t.Logf("latency was back to what it was before the load %v after its end; lost and counted: %s", back, p.beats.lost())
	if !short && back > 10*time.Second {
		t.Errorf("that is not within seconds")
	}
	for _, row := range rows {
		if row.bad() || row.expected == 0 {
			t.Errorf("%s: %d expected, %d missing, %d not due, %d doubled", row.rule, row.expected, row.missing, row.extra, row.double)
		}
	}
	if s := p.strange(); len(s) > 0 {
		t.Errorf("stages ended by themselves:\n%s", strings.Join(s, "\n"))
	}
}

// undisturbed brings the pipeline up as it comes, nothing between the stages and
// the server, and the sensor's metrics within reach.
func undisturbed(t *testing.T, run, rules string) *pipeline {
	t.Helper()
	p, ruleFile := bare(t, run, rules)
	p.metrics = freePort(t)
	p.server = p.stage("nats", nil, "run", "nats")
	p.server.begin()
	p.beats = listen(t, p.addr)
	add := func(name string, args ...string) {
		s := p.stage(name, nil, append(args, "--nats", "nats://"+p.addr)...)
		p.stages[name] = s
		p.names = append(p.names, name)
		s.begin()
	}
	add("sensor", "run", "sensor", "--http", p.metrics)
	add("enricher", "run", "enricher")
	for i := range 2 {
		add(fmt.Sprintf("matcher%d", i+1), "run", "matcher", "--rules-dir", ruleFile)
	}
	add("notifier", "run", "notifier")
	return p
}

// callsRule looks at every rare call and finds nothing.
func callsRule() string {
	var names []string
	for _, c := range rareCalls {
		names = append(names, c.name)
	}
	return fmt.Sprintf(`
- rule: Calls
  desc: has every rare call looked at
  condition: evt.type in (%s) and proc.cmdline contains "nobody at all"
  output: "none"
  priority: DEBUG
`, strings.Join(names, ", "))
}

// climb finds how many rare calls a second come through: it makes more and more
// until one in a hundred is lost, or more waits than half a second makes.
func (p *pipeline) climb(r ramp, group string) (most float64) {
	p.t.Helper()
	try := func(rate float64) bool {
		lost := p.beats.sum("sensor", "lost")
		l := startCalls(p.t, group, rate)
		time.Sleep(r.step)
		waiting := p.waiting()
		_, made := madeCalls(p.t, l)
		p.drained()
		time.Sleep(2500 * time.Millisecond)
		lost = p.beats.sum("sensor", "lost") - lost
		p.t.Logf("%.0f a second for %v: %.0f made, %d lost, %d waiting", rate, r.step, float64(made)/r.step.Seconds(), lost, waiting)
		return lost*100 < uint64(made) && float64(waiting) < rate/2 && float64(made) > rate*r.step.Seconds()*0.9
	}
	for rate, failed := r.from, 0; failed < 2; {
		if !try(rate) {
			failed++ // once may be somebody else's work
			continue
		}
		most, rate, failed = rate, rate*r.by, 0
	}
	if most == 0 {
		p.t.Fatalf("%.0f events a second do not come through", r.from)
	}
	return most
}

// waiting is about how many events wait, wherever that is.
func (p *pipeline) waiting() int {
	p.t.Helper()
	left, err := p.beats.bus.Pending(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	return p.queued() + 256*int(left.Raw+left.Events)
}

// queued is how many events waited in the sensor by its last heartbeat.
func (p *pipeline) queued() (n int) {
	p.beats.mu.Lock()
	defer p.beats.mu.Unlock()
	for _, h := range p.beats.last {
		if q, ok := h.Detail["queue_events"].(float64); ok && h.Stage == "sensor" {
			n += int(q)
		}
	}
	return n
}

// watchQueue returns at a time with how many events waited in the sensor at most.
func (p *pipeline) watchQueue(until time.Time) (most int) {
	for time.Now().Before(until) {
		time.Sleep(min(time.Second, time.Until(until)))
		most = max(most, p.queued())
	}
	return most
}

var droppedLine = regexp.MustCompile(`^tripline_sensor_dropped_events_total\{cause="([a-z]+)",event="([a-z0-9_-]+)"\} (\S+)$`)

// losses is what the sensor's metrics say was lost so far, by event and where.
func (p *pipeline) losses() map[string]map[string]int {
	p.t.Helper()
	time.Sleep(2500 * time.Millisecond) // the kernel's counts are read once a second
	r, err := http.Get("http://" + p.metrics + "/metrics")
	if err != nil {
		p.t.Fatal(err)
	}
	defer r.Body.Close()
	out := map[string]map[string]int{}
	lines := bufio.NewScanner(r.Body)
	for lines.Scan() {
		if m := droppedLine.FindStringSubmatch(lines.Text()); m != nil {
			n, err := strconv.ParseFloat(m[3], 64)
			if err != nil {
				p.t.Fatal(err)
			}
			add(out, m[2], m[1], int(n))
		}
	}
	if err := lines.Err(); err != nil {
		p.t.Fatal(err)
	}
	return out
}

// latencies lists how long detections took, by when their event was, and says
// how long after the load they took no longer than before it.
func latencies(got []msg.Detection, calm, began, ended time.Time) (text string, back time.Duration) {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "events\trule\tdetections\tmedian\tp99\tslowest\t")
	between := func(rule string, from, to time.Time) (all []time.Duration) {
		for _, d := range got {
			if d.Rule.ID == rule && !d.Time.Before(from) && d.Time.Before(to) {
				all = append(all, d.Detected.Sub(d.Time))
			}
		}
		slices.Sort(all)
		return all
	}
	span := func(name string, from, to time.Time) {
		for _, rule := range []string{ruleOne, ruleTrio} {
			if all := between(rule, from, to); len(all) > 0 {
				n := len(all)
				fmt.Fprintf(w, "%s\t%s\t%d\t%v\t%v\t%v\t\n", name, rule, n, all[n/2].Round(time.Millisecond/10), all[n*99/100].Round(time.Millisecond/10), all[n-1].Round(time.Millisecond/10))
			}
		}
	}
	span("before", calm, began)
	span("during", began, ended)
	for s := range 5 {
		from := ended.Add(time.Duration(2*s) * time.Second)
		span(fmt.Sprintf("%d to %d s after", 2*s, 2*s+2), from, from.Add(2*time.Second))
	}
	span("later", ended.Add(10*time.Second), ended.Add(time.Hour))
	w.Flush()

	// It is back when three seconds follow in each of which half of them took no
	// longer than nearly all did before, or than a machine with other work to do
	// may take.
	usual := between(ruleOne, calm, began)
	if len(usual) == 0 {
		return b.String(), time.Hour
	}
	limit := max(usual[len(usual)*99/100], 200*time.Millisecond)
	good := 0
	for s := 0; good < 3; s++ {
		from := ended.Add(time.Duration(s) * time.Second)
		if from.After(ended.Add(quiet)) {
			return b.String(), time.Hour
		}
		if all := between(ruleOne, from, from.Add(time.Second)); len(all) > 0 && all[len(all)/2] > limit {
			good, back = 0, time.Duration(s+1)*time.Second
		} else {
			good++
		}
	}
	return b.String(), back
}
