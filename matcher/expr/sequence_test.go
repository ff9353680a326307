package expr_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/matcher/expr"
	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

const moved = `
- rule: r
  desc: d
  sequence: {within: 100s, by: [proc.pid], steps: [{condition: evt.type = rename, note: "%proc.cmdline"}, {condition: evt.type = unlink}]}
  output: o
  priority: INFO
`

// happens is an event of a process on a host, at a time in seconds.
func happens(event, host string, pid int32, seconds int64) *matcher.Event {
	typ, _ := catalogue.Lookup(event)
	var b msg.Builder
	b.Batch().Host = host
	b.String("")
	p := b.Process(&msg.Process{Pid: pid, NsPid: pid, Comm: "x", Args: []string{"x", strings.Repeat("é", 200)}})
	b.Event(&msg.Event{Seq: uint64(seconds), Time: seconds * 1e9, Type: uint32(typ.ID), Process: p, Args: make([]int64, len(typ.Params)), Absent: 1<<len(typ.Params) - 1})
	return &matcher.Event{Record: b.Take().Record(0)}
}

// TestSequenceKeeps: partitions and hosts are apart, and what is forgotten is
// gone.
func TestSequenceKeeps(t *testing.T) {
	w, match := counter(t, load(t, expr.DefaultConfig(), moved))
	in := func(event string, partition uint32, host string) int {
		ev := happens(event, host, 1, 5)
		ev.Partition = partition
		return match(ev)
	}
	in("rename", 1, "a")
	in("rename", 2, "b")
	w.Forget(2)
	for _, c := range []struct {
		partition uint32
		host      string
		want      int
	}{{2, "a", 0}, {1, "b", 0}, {2, "b", 0}, {1, "a", 1}, {1, "a", 0}} {
		if got := in("unlink", c.partition, c.host); got != c.want {
			t.Errorf("partition %d, host %s: %d findings, want %d", c.partition, c.host, got, c.want)
		}
	}
}

// TestStateMemory: what all rules of a worker remember is bounded in bytes;
// whoever has most gives way, and what could still have been found is counted.
func TestStateMemory(t *testing.T) {
	cfg := expr.DefaultConfig()
	cfg.MaxStateBytes = 1 << 20
	prog := load(t, cfg, moved+strings.NewReplacer("rule: r", "rule: waits", "unlink}", "unlink, absent: true}").Replace(moved)+
		"- {rule: counts, desc: d, condition: evt.type = rmdir, threshold: {count: 2, within: 1h, by: [proc.pid]}, output: o, priority: INFO}\n")
	w, err := prog.NewWorker()
	if err != nil {
		t.Fatal(err)
	}
	serial := uint64(0)
	match := func(rule int, ev *matcher.Event) (n int) {
		serial++
		ev.Serial = serial
		if err := w.Match(rule, ev, func(matcher.Finding) { n++ }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	const some = 100
	for pid := range int32(some) {
		match(2, happens("rmdir", "h", pid, 1))
	}
	if n := prog.Evicted(); n != 0 {
		t.Fatalf("%d groups are gone before the memory is full", n)
	}
	for pid := range int32(20_000) {
		match(0, happens("rename", "h", pid, 1))
		if pid%10 == 0 {
			match(1, happens("rename", "h", pid, 1))
		}
	}
	gone := prog.Evicted()
	// A group with a note takes some 600 bytes, one that waits some 2 kB.
	if gone < 10_000 || prog.Counters()["state_evicted"] != gone {
		t.Errorf("%d groups are gone, %v", gone, prog.Counters())
	}
	found := 0
	for pid := range int32(some) {
		found += match(2, happens("rmdir", "h", pid, 2))
	}
	if found != some {
		t.Errorf("%d of %d groups of the rule that remembers little are left", found, some)
	}
	if match(0, happens("unlink", "h", 19_999, 2)) != 1 || match(0, happens("unlink", "h", 0, 2)) != 0 {
		t.Error("it is not the oldest that went")
	}
	waited := 0
	w.(matcher.Timer).Pass(0, "h", 200e9, func(rule int, f matcher.Finding) {
		if waited++; rule != 1 || f.Past == nil {
			t.Errorf("rule %d finds %v", rule, f)
		}
	})
	if waited == 0 || waited > 1_000 {
		t.Errorf("%d groups waited to the end, want some of the 2000", waited)
	}
}

// TestSequenceNote: what a process chooses is cut at a character.
func TestSequenceNote(t *testing.T) {
	_, match := collected(t, load(t, expr.DefaultConfig(), moved))
	match(happens("rename", "h", 1, 1))
	f := match(happens("unlink", "h", 1, 2))
	if len(f) != 1 {
		t.Fatalf("%d findings", len(f))
	}
	note := f[0].Data["steps"].([]map[string]any)[0]["note"].(string)
	if len(note) > 256 || len(note) < 250 || !strings.HasSuffix(note, "é…") {
		t.Errorf("the note is %d bytes: %s", len(note), note)
	}
}

func collected(t *testing.T, prog *expr.Program) (matcher.Worker, func(*matcher.Event) []matcher.Finding) {
	t.Helper()
	w, err := prog.NewWorker()
	if err != nil {
		t.Fatal(err)
	}
	serial := uint64(0)
	return w, func(ev *matcher.Event) (out []matcher.Finding) {
		serial++
		ev.Serial = serial
		if err := w.Match(0, ev, func(f matcher.Finding) { out = append(out, f) }); err != nil {
			t.Fatal(err)
		}
		return out
	}
}

// TestSequenceRefused: each mistake is reported at its place.
func TestSequenceRefused(t *testing.T) {
	const a, b = "{condition: evt.type = rename}", "{condition: evt.type = unlink}"
	for _, c := range []struct{ sequence, want, caret string }{
		{"5", "expected a mapping for the sequence", "5"},
		{"{within: 1s}", "the sequence has no key 'steps'", "{within"},
		{"{steps: [" + a + "], within: 1s}", "'steps' must be a sequence of 2 to 10 steps", "[{"},
		{"{steps: [" + a + "," + b + "]}", "the sequence has no key 'within'", "{steps"},
		{"{steps: [" + a + "," + b + "], within: soon}", "'within' must be a duration", "soon"},
		{"{steps: [" + a + "," + b + "], within: 1s, per: 2}", "a sequence has no key 'per', expected one of within, by, steps", "per"},
		{"{steps: [" + a + ", {condition: x, when: 2}], within: 1s}", "a step has no key 'when', expected one of condition,", "when"},
		{"{steps: [" + a + ", 7], within: 1s}", "expected a mapping for the step", "7]"},
		{"{steps: [" + a + ", {by: [proc.pid]}], within: 1s}", "a step has either 'condition' or 'expr'", "{by"},
		{"{steps: [" + a + ", {condition: x, expr: y}], within: 1s}", "a step has either 'condition' or 'expr'", "{condition: x"},
		{"{steps: [" + a + ", {condition: proc.nonsense = x}], within: 1s}", "there is no field proc.nonsense", "proc.nonsense"},
		{"{steps: [" + a + ", {expr: proc.nonsense == 'x'}], within: 1s}", "there is no field proc.nonsense", "proc.nonsense"},
		{"{steps: [{condition: evt.type = rename, absent: true}, " + b + "], within: 1s}", "a sequence begins with something that happens", "absent"},
		{"{steps: [" + a + ", {condition: evt.type = unlink, within: 1s}], within: 1s}", "only a last step that is absent has a 'within'", "within: 1s}]"},
		{"{steps: [" + a + ", {condition: evt.type = rmdir, absent: true, within: 1s}, " + b + "], within: 1s}", "only a last step that is absent has a 'within'", "within: 1s}, "},
		{"{steps: [" + a + ", {condition: evt.type = rmdir, absent: maybe}], within: 1s}", "'absent' must be true or false", "maybe"},
		{"{steps: [" + a + ", {condition: evt.type = rmdir, absent: true, note: x}], within: 1s}", "a step that is absent has no 'note'", "note"},
		{"{steps: [" + a + ", {condition: evt.type = rmdir, note: '%proc.nonsense'}], within: 1s}", "there is no field proc.nonsense", "proc.nonsense"},
		{"{steps: [" + a + ", {condition: evt.type = rmdir, by: [proc.pid, fd.name]}], by: [proc.pid], within: 1s}", "joined by 2 fields and the first by 1", "[proc.pid, fd.name]"},
		{"{steps: [" + a + ", " + b + "], by: [proc.aname], within: 1s}", "proc.aname has no single value", "proc.aname"},
		{"{steps: [" + a + ", " + b + ", {condition: evt.type = rmdir, absent: true, within: 20h}], within: 10h}", "the sequence may take 30h0m0s", "within: 10h"},
		{"{steps: [" + a + ", {condition: evt.type = nonsense}], within: 1s}", "nonsense", "nonsense"},
	} {
		t.Run(c.sequence, func(t *testing.T) {
			text := strings.Replace(moved, moved[strings.Index(moved, "{within"):strings.Index(moved, "\n  output")], c.sequence, 1)
			prog, problems := problemsOf(text)
			if len(problems) != 1 || problems[0].Warning || !strings.Contains(problems[0].Message, c.want) {
				t.Fatalf("got %v, want …%s…", problems, c.want)
			}
			p := problems[0]
			if at := strings.Index(p.Snippet, c.sequence) + strings.Index(c.sequence, c.caret) + 1; p.Line != 4 && p.Line != 5 || p.Column != at {
				t.Errorf("reported at line %d, column %d, want column %d:\n%s", p.Line, p.Column, at, p.Error())
			}
			if len(prog.Rules()) != 0 {
				t.Error("the rule runs all the same")
			}
		})
	}
	for _, c := range []struct{ add, want string }{
		{"  condition: evt.type = open\n", "'condition' or 'sequence', not both"},
		{"  expr: evt.type == 'open'\n", "'expr' or 'sequence', not both"},
		{"  threshold: {count: 2, within: 1s}\n", "'threshold' or 'sequence', not both"},
		{"- rule: r\n  condition: and evt.type = open\n  append: true\n", "which cannot be appended to"},
		{"- rule: r\n  condition: and evt.type = open\n  override: {condition: append}\n", "which cannot be appended to"},
		{"- rule: r\n  threshold: {count: 2, within: 1s}\n  override: {threshold: replace}\n", "the rule has 'sequence'"},
		{"- rule: r\n  sequence: {}\n  override: {sequence: append}\n", "'sequence' cannot be appended to, only replaced"},
	} {
		_, problems := problemsOf(moved + c.add)
		if !slices.ContainsFunc(problems, func(p matcher.Problem) bool { return !p.Warning && strings.Contains(p.Message, c.want) }) {
			t.Errorf("%s: got %v, want %s", c.add, problems, c.want)
		}
	}
}

// TestSequenceOverride: a condition takes the place of a sequence, and the
// other way round.
func TestSequenceOverride(t *testing.T) {
	_, match := counter(t, load(t, expr.DefaultConfig(), moved+"- rule: r\n  condition: evt.type = rmdir\n  override: {condition: replace}\n"))
	if match(happens("rename", "h", 1, 1))+match(happens("unlink", "h", 1, 1)) != 0 || match(happens("rmdir", "h", 1, 1)) != 1 {
		t.Error("the condition is not what counts")
	}
	prog := load(t, expr.DefaultConfig(), renames+"- rule: r\n  sequence: {within: 1s, steps: [{condition: evt.type = rmdir}, {condition: evt.type = unlink}]}\n  override: {sequence: replace}\n")
	_, match = counter(t, prog)
	if match(happens("rename", "h", 1, 1))+match(happens("rename", "h", 1, 1))+match(happens("rmdir", "h", 1, 1)) != 0 || match(happens("unlink", "h", 2, 1)) != 1 {
		t.Error("the sequence is not what counts")
	}
	if w := prog.Rules()[0].Window; w < time.Second || w > time.Minute {
		t.Errorf("the rule needs %s of the past", w)
	}
	var events []string
	for _, s := range prog.Rules()[0].Select {
		events = append(events, s.Event)
	}
	if diff := cmp.Diff([]string{"rmdir", "unlink"}, events); diff != "" {
		t.Errorf("the events that it needs (-want +got):\n%s", diff)
	}
}

// TestRebuilt: a new owner of a partition, which reads back as much of it as
// the rules look back, finds what the one before would have found, with the
// same ids, and does not find again what that one has found.
func TestRebuilt(t *testing.T) {
	text := moved + strings.NewReplacer("rule: r", "rule: waits", "unlink}", "rmdir, absent: true, within: 10s}").Replace(moved) +
		"- {rule: counts, desc: d, condition: evt.type = rename, threshold: {count: 3, within: 50s, by: [proc.pid]}, output: o, priority: INFO}\n"
	cfg := matcher.DefaultConfig()
	cfg.Rules = []string{matcher.Builtin}
	lang := expr.New(expr.DefaultConfig(), slog.New(slog.DiscardHandler))
	rs, err := matcher.Load(cfg, []matcher.Language{lang}, fstest.MapFS{"r.yaml": {Data: []byte(text)}})
	if err != nil || len(rs.Problems) > 0 {
		t.Fatal(err, rs.Problems)
	}
	var events []*msg.Batch
	for i, e := range []struct {
		event   string
		pid     int32
		seconds int64
	}{
		{"rename", 1, 10},
		{"rename", 2, 20},
		{"rename", 3, 160},
		{"rename", 1, 200},
		{"rename", 2, 205},
		{"rmdir", 2, 206},
		{"rename", 1, 210},
		{"unlink", 2, 215},
		{"rename", 1, 220},
		{"unlink", 3, 221},
		{"unlink", 1, 230},
		{"rename", 4, 235},
		{"rename", 9, 300},
	} {
		b := happens(e.event, "h", e.pid, e.seconds).Batch
		b.Events[0].Seq = uint64(i)
		events = append(events, b)
	}
	// find replays events up to split, given what was found in them, and then
	// goes on; of each finding it returns what it is and its id.
	find := func(from, split int, was map[string]bool) (found, ids []string) {
		e, err := matcher.NewEvaluator(rs, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		emit := func(d *msg.Detection) {
			found = append(found, fmt.Sprintf("%s in %d", d.Rule.ID, d.Event.Seq))
			ids = append(ids, d.ID)
		}
		for i, b := range events[from:] {
			if from+i < split {
				e.Replay(b, 0, was, emit)
			} else {
				e.Batch(b, emit)
			}
		}
		return found, ids
	}
	all, ids := find(0, 0, nil)
	want := []string{
		"waits in 0", "waits in 1", "waits in 2", "r in 7", "waits in 3", "counts in 8", "r in 9", "r in 10", "waits in 8", "waits in 11",
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("by one owner (-want +got):\n%s", diff)
	}
	for split := range events {
		from := slices.IndexFunc(events, func(b *msg.Batch) bool {
			return b.Events[0].Time >= events[split].Events[0].Time-int64(rs.Window())
		})
		// What the owner before has found is what one finds that stops there.
		was := map[string]bool{}
		e, err := matcher.NewEvaluator(rs, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		for i, b := range events[:split] {
			e.Batch(b, func(d *msg.Detection) { was[d.ID] = true })
			// As it does in silence.
			e.Pass(0, "h", events[i+1].Events[0].Time-7e9, func(d *msg.Detection) { was[d.ID] = true })
		}
		e.Close()
		_, then := find(from, split, was)
		var left []string
		for _, id := range ids {
			if !was[id] {
				left = append(left, id)
			}
		}
		if diff := cmp.Diff(left, then); diff != "" {
			t.Errorf("taken over before event %d, read back from %d, ids (-want +got):\n%s", split, from, diff)
		}
	}
}

// BenchmarkSequence: what a first step costs that leads to nothing, with a note
// and without, of one group and of many.
func BenchmarkSequence(b *testing.B) {
	for _, note := range []string{"", `, note: "fetched by %proc.cmdline as %user.name, parent %proc.pname"`} {
		prog, problems := expr.New(expr.DefaultConfig(), slog.New(slog.DiscardHandler)).Load([]matcher.File{{
			Path: "r.yaml", Content: []byte(strings.Replace(moved, `, note: "%proc.cmdline"`, note, 1)),
		}})
		if len(problems) > 0 {
			b.Fatal(problems)
		}
		for _, groups := range []int32{1, 1000} {
			w, err := prog.NewWorker()
			if err != nil {
				b.Fatal(err)
			}
			var events []*matcher.Event
			for pid := range groups {
				events = append(events, happens("rename", "h", pid, 1))
			}
			b.Run(fmt.Sprintf("note=%t/groups=%d", note != "", groups), func(b *testing.B) {
				b.ReportAllocs()
				for i := range b.N {
					ev := events[i%len(events)]
					ev.Serial = uint64(i) + 1
					ev.Record.Event.Time++
					if err := w.Match(0, ev, func(matcher.Finding) {}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
