package expr_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/matcher/expr"
	"github.com/tripline/tripline/matcher/ruletest"
	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// TestStateful runs the tests in YAML of rules that are about more than one
// event alone.
func TestStateful(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	cfg := matcher.DefaultConfig()
	cfg.Rules = []string{"testdata/stateful"}
	report, err := ruletest.Run(t.Context(), cfg, []matcher.Language{expr.New(expr.DefaultConfig(), log)}, fstest.MapFS{}, log)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range report.Problems {
		// The events of tests are of the year 2023, so some ends have passed.
		if p.Code != "LOAD_SUPPRESS_EXPIRED" {
			t.Error(p.Error())
		}
	}
	for _, r := range report.Results {
		if r.Failure != "" {
			t.Errorf("%s:%d: %s: %s", r.File, r.Line, r.Name, r.Failure)
		}
	}
	if len(report.Results) < 13 {
		t.Errorf("only %d tests ran", len(report.Results))
	}
}

// load loads one file that must be without problems.
func load(t *testing.T, cfg expr.Config, text string) *expr.Program {
	t.Helper()
	prog, problems := expr.New(cfg, slog.New(slog.DiscardHandler)).Load([]matcher.File{{Path: "r.yaml", Content: []byte(text)}})
	for _, p := range problems {
		t.Error(p.Error())
	}
	return prog.(*expr.Program)
}

// rename is an event of a process on a host, at a time in seconds.
func rename(host string, pid int32, seconds int64) *matcher.Event {
	typ, _ := catalogue.Lookup("rename")
	var b msg.Builder
	b.Batch().Host = host
	b.String("")
	p := b.Process(&msg.Process{Pid: pid, NsPid: pid, Comm: "crypt"})
	b.Event(&msg.Event{Seq: 1, Time: seconds * 1e9, Type: uint32(typ.ID), Process: p, Args: make([]int64, len(typ.Params)), Absent: 3})
	return &matcher.Event{Record: b.Take().Record(0)}
}

const renames = `
- rule: r
  desc: d
  condition: evt.type = rename
  threshold: {count: 2, within: 100s, by: [proc.pid]}
  output: o
  priority: INFO
`

// counter holds events against the only rule of a program.
func counter(t *testing.T, prog *expr.Program) (matcher.Worker, func(*matcher.Event) int) {
	t.Helper()
	w, err := prog.NewWorker()
	if err != nil {
		t.Fatal(err)
	}
	serial := uint64(0)
	return w, func(ev *matcher.Event) (n int) {
		serial++
		ev.Serial = serial
		if err := w.Match(0, ev, func(matcher.Finding) { n++ }); err != nil {
			t.Fatal(err)
		}
		return n
	}
}

// TestThresholdMemory: what is remembered is bounded, the groups that changed
// longest ago go first, and those that still could have fired are counted.
func TestThresholdMemory(t *testing.T) {
	cfg := expr.DefaultConfig()
	cfg.MaxState = 10_001 // a group of one event is two
	prog := load(t, cfg, renames)
	_, match := counter(t, prog)
	for pid := range int32(5_000) {
		match(rename("h", pid, 1))
	}
	if n := prog.Evicted(); n != 0 {
		t.Fatalf("%d groups are gone before the memory is full", n)
	}
	match(rename("h", 0, 1)) // fires: its group is gone
	match(rename("h", 0, 1)) // and the newest now
	for pid := range int32(10) {
		match(rename("h", 10_000+pid, 1))
	}
	if n := prog.Evicted(); n != 10 {
		t.Errorf("%d groups are gone, want 10", n)
	}
	for pid, want := range map[int32]int{0: 1, 3: 0, 4999: 1} {
		if got := match(rename("h", pid, 2)); got != want {
			t.Errorf("process %d: %d findings, want %d", pid, got, want)
		}
	}
	before := prog.Evicted()
	for pid := range int32(5_000) {
		match(rename("h", 20_000+pid, 1_000))
	}
	if n := prog.Evicted(); n != before {
		t.Errorf("%d groups whose time was over count as lost", n-before)
	}
}

// TestThresholdFolded: a record that stands for several identical events counts
// as that many, and finds once.
func TestThresholdFolded(t *testing.T) {
	fifty := strings.Replace(renames, "{count: 2, within: 100s, by: [proc.pid]}", "{count: 50, within: 10s, by: [proc.pid]}", 1)
	distinct := strings.Replace(renames, "{count: 2, within: 100s, by: [proc.pid]}", "{count: 2, within: 10s, distinct: proc.pid}", 1)
	for _, c := range []struct {
		name, rule string
		counts     []uint32 // one event a second
		want       int
	}{
		{"enough in one", fifty, []uint32{50}, 1},
		{"one too few", fifty, []uint32{49}, 0},
		{"the last completes them", fifty, []uint32{48, 0, 1}, 1},
		{"in three", fifty, []uint32{20, 20, 20}, 1},
		{"many at once are one finding", fifty, []uint32{4_000_000_000}, 1},
		{"and the next start from nothing", fifty, []uint32{99, 49}, 1},
		{"too far apart", fifty, []uint32{25, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 25}, 0},
		{"one value however often", distinct, []uint32{50, 50}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, match := counter(t, load(t, expr.DefaultConfig(), c.rule))
			got := 0
			for i, n := range c.counts {
				ev := rename("h", 1, int64(i))
				ev.Record.Event.Count = n
				got += match(ev)
			}
			if got != c.want {
				t.Errorf("%d findings, want %d", got, c.want)
			}
		})
	}
}

// TestThresholdKeeps: partitions and hosts count for themselves, and what is
// forgotten is gone.
func TestThresholdKeeps(t *testing.T) {
	w, match := counter(t, load(t, expr.DefaultConfig(), renames))
	in := func(partition uint32, host string) int {
		ev := rename(host, 1, 1)
		ev.Partition = partition
		return match(ev)
	}
	for i, c := range []struct {
		partition uint32
		host      string
		want      int
	}{{1, "a", 0}, {2, "a", 0}, {1, "b", 0}, {1, "a", 1}, {2, "a", 1}, {2, "a", 0}, {1, "a", 0}} {
		if got := in(c.partition, c.host); got != c.want {
			t.Errorf("event %d: %d findings, want %d", i, got, c.want)
		}
	}
	w.Forget(1)
	if got := in(1, "a"); got != 0 {
		t.Error("a partition is remembered after it was forgotten")
	}
	if got := in(2, "a"); got != 1 {
		t.Error("another partition was forgotten")
	}
}

// TestThresholdRefused: each mistake is reported at its place.
func TestThresholdRefused(t *testing.T) {
	for _, c := range []struct{ threshold, want, caret string }{
		{"5", "expected a mapping for the threshold", "5"},
		{"{within: 1s}", "the threshold has no key 'count'", "{within"},
		{"{count: 1, within: 1s}", "'count' must be a number from 2 to 10000", "1, within"},
		{"{count: 1001, distinct: proc.pid, within: 1s}", "'count' must be a number from 2 to 1000", "1001"},
		{"{count: 5}", "the threshold has no key 'within'", "{count"},
		{"{count: 5, within: soon}", "'within' must be a duration", "soon"},
		{"{count: 5, within: 25h}", "'within' must be a duration of at most 24h", "25h"},
		{"{count: 5, within: 1s, per: 2}", "a threshold has no key 'per'", "per"},
		{"{count: 5, within: 1s, by: proc.name}", "'by' must be a sequence", "proc.name"},
		{"{count: 5, within: 1s, by: [proc.name, proc.nonsense]}", "there is no field proc.nonsense", "proc.nonsense"},
		{"{count: 5, within: 1s, by: [proc.aname]}", "proc.aname has no single value", "proc.aname"},
		{"{count: 5, within: 1s, distinct: proc.name x}", "expected nothing after the field", " x"},
	} {
		t.Run(c.want, func(t *testing.T) {
			text := strings.Replace(renames, "{count: 2, within: 100s, by: [proc.pid]}", c.threshold, 1)
			prog, problems := expr.New(expr.DefaultConfig(), slog.New(slog.DiscardHandler)).Load([]matcher.File{{Path: "r.yaml", Content: []byte(text)}})
			if len(problems) != 1 || problems[0].Warning || !strings.Contains(problems[0].Message, c.want) {
				t.Fatalf("got %v, want …%s…", problems, c.want)
			}
			p := problems[0]
			if at := strings.Index(p.Snippet, c.threshold) + strings.Index(c.threshold, c.caret) + 1; p.Line != 5 || p.Column != at && p.Column != at+1 {
				t.Errorf("reported at line %d, column %d, want line 5, column %d:\n%s", p.Line, p.Column, at, p.Error())
			}
			if len(prog.Rules()) != 0 {
				t.Error("the rule runs all the same")
			}
		})
	}
}

// TestThresholdOverride: an override replaces a threshold; a field of it that
// is not to be had is warned of.
func TestThresholdOverride(t *testing.T) {
	text := renames + "- rule: r\n  threshold: {count: 4, within: 1s, by: [proc.fdlimit]}\n  override: {threshold: replace}\n"
	prog, problems := expr.New(expr.DefaultConfig(), slog.New(slog.DiscardHandler)).Load([]matcher.File{{Path: "r.yaml", Content: []byte(text)}})
	if len(problems) != 1 || !problems[0].Warning || problems[0].Line != 9 || !strings.Contains(problems[0].Message, "proc.fdlimit never has a value") {
		t.Errorf("got %v", problems)
	}
	_, match := counter(t, prog.(*expr.Program))
	var got []int
	for range 5 {
		got = append(got, match(rename("h", 1, 1)))
	}
	if fmt.Sprint(got) != "[0 0 0 1 0]" {
		t.Errorf("got %v", got)
	}
}
