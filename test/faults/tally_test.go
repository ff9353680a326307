package faults

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

const (
	fifth       = 5
	fifthWindow = time.Minute
	// What a sensor that is killed has in its hands, and what happens until the
	// next one watches, nobody sees.
	unwatchedBefore = 3 * time.Second
	unwatchedAfter  = time.Second
)

// row is the outcome for one rule.
type row struct {
	rule                                                                   string
	made, unwatched, expected, delivered, missing, extra, double, disorder int
	examples                                                               []string
}

func (r row) bad() bool { return r.missing+r.extra+r.double > 0 }

// delivered reads what the sink has written.
func delivered(t *testing.T, file string) (all []msg.Detection) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(b) {
		var d msg.Detection
		if err := json.Unmarshal(line, &d); err != nil {
			t.Errorf("a line of the sink is not whole: %v: %.200q", err, line)
			continue
		}
		all = append(all, d)
	}
	return all
}

// seen is a marker's event, by what its detection says.
type seen struct {
	arg  string
	pid  int32
	host string
	seq  uint64
	time time.Time
}

func seenIn(d msg.Detection) seen {
	arg, _, _ := strings.Cut(d.Output, " ") // what follows is about containers
	s := seen{arg: arg, host: d.Host, time: d.Time}
	if d.Event != nil {
		s.seq = d.Event.Seq
		if d.Event.Process != nil {
			s.pid = d.Event.Process.NSPID
		}
	}
	return s
}

// groupOf is the group of a marker's argument.
func groupOf(arg string) string { w := strings.Split(arg, "-"); return w[len(w)-2] }

// judge holds what was delivered against what was made.
func judge(all []made, got []msg.Detection, unwatched func(time.Time) bool) []row {
	one, three, five := row{rule: ruleOne}, row{rule: ruleTrio}, row{rule: ruleFifth}
	by := map[string][]seen{}
	for _, d := range got {
		by[d.Rule.ID] = append(by[d.Rule.ID], seenIn(d))
	}

	// One event decides: the same program starts, told by argument and process.
	type start struct {
		arg string
		pid int32
	}
	times := map[start]int{}
	events := map[uint64]seen{}
	last := map[string]uint64{}
	for _, s := range by[ruleOne] {
		one.delivered++
		if _, again := events[s.seq]; again {
			one.double++
			one.examples = append(one.examples, fmt.Sprintf("twice: %s, event %d", s.arg, s.seq))
			continue
		}
		events[s.seq] = s
		times[start{s.arg, s.pid}]++
		if g := groupOf(s.arg); s.seq < last[g] {
			one.disorder++
		} else {
			last[g] = s.seq
		}
	}
	for _, m := range all {
		one.made++
		key := start{m.arg, int32(m.pid)}
		switch n := times[key]; {
		case n > 0:
			times[key]--
			one.expected++
		case unwatched(m.begin):
			one.unwatched++
		default:
			one.expected++
			one.missing++
			one.examples = append(one.examples, fmt.Sprintf("missing: %s of %s, process %d", m.arg, m.begin.Format("15:04:05.000"), m.pid))
		}
	}
	for key, n := range times {
		if n > 0 {
			one.extra += n
			one.examples = append(one.examples, fmt.Sprintf("made by nobody: %v", key))
		}
	}

	// What the counting rules must find follows from the events seen, in order.
	order := make([]seen, 0, len(events))
	for _, s := range events {
		order = append(order, s)
	}
	slices.SortFunc(order, func(a, b seen) int { return a.time.Compare(b.time) })
	want3, want5 := map[uint64]bool{}, map[uint64]bool{}
	count3, count5 := map[string]int{}, map[string][]time.Time{}
	for _, s := range order {
		if count3[s.arg]++; count3[s.arg] == trio {
			want3[s.seq] = true
		}
		g := groupOf(s.arg)
		in := append(count5[g], s.time)
		for !in[0].After(s.time.Add(-fifthWindow)) {
			in = in[1:]
		}
		if len(in) == fifth {
			want5[s.seq], in = true, nil
		}
		count5[g] = in
	}
	compare(&three, want3, by[ruleTrio])
	compare(&five, want5, by[ruleFifth])
	return []row{one, three, five}
}

func compare(r *row, want map[uint64]bool, got []seen) {
	r.made, r.expected = len(want), len(want)
	have := map[uint64]bool{}
	for _, s := range got {
		r.delivered++
		switch {
		case have[s.seq]:
			r.double++
			r.examples = append(r.examples, fmt.Sprintf("twice: %s, event %d", s.arg, s.seq))
		case !want[s.seq]:
			r.extra++
			r.examples = append(r.examples, fmt.Sprintf("not due: %s, event %d of %s", s.arg, s.seq, s.time.Format("15:04:05.000")))
		}
		have[s.seq] = true
	}
	for seq := range want {
		if !have[seq] {
			r.missing++
			r.examples = append(r.examples, fmt.Sprintf("missing: event %d", seq))
		}
	}
}

func table(rows []row) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "rule\tmade\tunwatched\texpected\tdelivered\tmissing\tnot due\tdoubled\tout of order\t")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", r.rule, r.made, r.unwatched, r.expected, r.delivered, r.missing, r.extra, r.double, r.disorder)
	}
	w.Flush()
	for _, r := range rows {
		for _, e := range r.examples[max(0, len(r.examples)-8):] {
			fmt.Fprintf(&b, "  %s: %s\n", r.rule, e)
		}
	}
	return b.String()
}
