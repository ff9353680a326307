package expr

import (
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/matcher/expr/falco/check"
	"github.com/tripline/tripline/matcher/expr/falco/fields"
	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// texts are what random events are made of: what the conditions compare with,
// and near misses.
func texts() []string {
	return []string{
		"", "sh", "SH", "bash", "cat", "nginx", "sshd", "x", "xsh", "/etc/passwd", "/etc", "/tmp/a", "/home/u/x/y", "/etc/a.conf", "a.conf",
		"sh -c x", "root", "PTRACE", "runc", "/etc/shadow", "/etc/cron.d/x", "curl", "modprobe",
	}
}

func addresses() []*msg.SocketAddress {
	return []*msg.SocketAddress{
		nil,
		{Family: msg.AFInet, Ip: []byte{10, 0, 0, 1}, Port: 80},
		{Family: msg.AFInet, Ip: []byte{10, 9, 0, 2}, Port: 40000},
		{Family: msg.AFInet, Ip: []byte{169, 254, 169, 254}, Port: 80},
		{Family: msg.AFInet, Ip: []byte{8, 8, 8, 8}, Port: 22},
		{Family: msg.AFInet6, Ip: []byte{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, Port: 443},
		{Family: msg.AFUnix, Path: "/run/x"},
	}
}

// randomRecords makes a batch of events of the types that rules name, with
// anything absent that can be. They are of few processes.
func randomRecords(r *rand.Rand, n int) (all []msg.Record) {
	var b msg.Builder
	b.String("")
	texts := texts()
	text := func() string { return texts[r.IntN(len(texts))] }
	var procs []uint32
	for range 1 + n/4 {
		procs = append(procs, randomProcess(r, &b, text))
	}
	for range n {
		b.Event(randomEvent(r, &b, procs[r.IntN(len(procs))], text))
	}
	batch := b.Take()
	for i := range batch.Events {
		all = append(all, batch.Record(i))
	}
	return all
}

// randomProcess makes a process with its ancestors.
func randomProcess(r *rand.Rand, b *msg.Builder, text func() string) uint32 {
	container := uint32(0)
	if r.IntN(2) == 0 {
		c := &msg.Container{Id: "0123456789abcdef", Name: text(), Image: &msg.Image{Repository: text()}, Privileged: r.IntN(2) == 0}
		if r.IntN(3) > 0 {
			c.Completeness = msg.Completeness_COMPLETENESS_COMPLETE
		}
		container = b.Container(c)
	}
	var ancestors []uint32
	for i := range 1 + r.IntN(5) {
		p := &msg.Process{Pid: int32(i), NsPid: int32(r.IntN(3)), Comm: text(), Container: container, Ancestors: ancestors, Tty: uint32(r.IntN(2)) << 15, StartTime: 1 + uint64(i)}
		if r.IntN(3) > 0 {
			p.Args = []string{text(), text(), text()}
			p.Exe = &msg.Executable{Path: text(), UpperLayer: r.IntN(2) == 0, Memfd: r.IntN(4) == 0}
			p.Cred = &msg.Credentials{Uid: uint32(r.IntN(2) * 1000)}
			p.User = text()
		}
		ancestors = append([]uint32{b.Process(p)}, ancestors...)
	}
	return ancestors[0]
}

func randomEvent(r *rand.Rand, b *msg.Builder, process uint32, text func() string) *msg.Event {
	types := []string{"openat", "openat2", "open", "sched_process_exec", "execve", "connect", "accept4", "sendto", "ptrace", "finit_module", "sched_process_fork", "unlinkat", "close"}
	typ, _ := catalogue.Lookup(types[r.IntN(len(types))])
	e := &msg.Event{
		Seq: uint64(r.IntN(3)), Time: 5 + int64(r.IntN(4)), Type: uint32(typ.ID), Ret: int64(r.IntN(5) - 2), Process: process, Comm: uint32(b.String(text())),
		Tid: int32(r.IntN(4)), NsTid: int32(r.IntN(4)), Args: make([]int64, len(typ.Params)),
	}
	for i, p := range typ.Params {
		if r.IntN(4) == 0 {
			e.Absent |= 1 << i
			continue
		}
		switch p.Kind {
		case catalogue.String, catalogue.Path:
			e.Args[i] = b.String(text())
		case catalogue.Bytes:
			e.Args[i] = b.Bytes([]byte(text()))
		case catalogue.Strings:
			e.Args[i] = b.List(&msg.StringList{Items: []string{text()}})
		case catalogue.SockAddr:
			if a := addresses()[r.IntN(7)]; a != nil {
				e.Args[i] = b.Address(a)
			} else {
				e.Absent |= 1 << i
			}
		case catalogue.Cred:
			e.Absent |= 1 << i
		default:
			e.Args[i] = int64(r.IntN(70) - 2)
		}
	}
	if r.IntN(2) == 0 {
		e.File = b.File(&msg.File{
			Fd: int32(r.IntN(4)), Path: text(), Mode: []uint32{0, 0o100644, 0o040755, 0o010600, 0o140000}[r.IntN(5)],
			Local: addresses()[r.IntN(7)], Remote: addresses()[r.IntN(7)], Protocol: uint32(r.IntN(20)),
		})
	}
	return e
}

// loadAll loads the rules that come with Tripline and those of testdata.
func loadAll(t testing.TB, cfg Config) *Program {
	t.Helper()
	paths, err := filepath.Glob("../../rules/expr/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	lang := New(cfg, slog.New(slog.DiscardHandler))
	var files []matcher.File
	for _, p := range append(paths, "testdata/operators.yaml") {
		if !lang.Owns(p) {
			continue
		}
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, matcher.File{Path: p, Content: b})
	}
	prog, problems := lang.Load(files)
	for _, p := range problems {
		if !p.Warning {
			t.Error(p.Error())
		}
	}
	return prog.(*Program)
}

// compareWays holds a random event against all rules: walking the tree, and in
// all ways of the workers.
func compareWays(t *testing.T, prog *Program, all map[string]held, view *fields.Event, rec msg.Record, serial uint64, hits map[string]int) {
	t.Helper()
	visible := view.Set(rec)
	ev := &matcher.Event{Record: rec, Serial: serial}
	for i, r := range prog.loaded {
		if r.Threshold != nil || r.Sequence != nil {
			// Not one event alone decides: the tree walker has no memory.
			want := finds(t, all["the machine"], i, ev)
			for name, w := range all {
				if name != "the machine" && finds(t, w, i, ev) != want {
					t.Fatalf("rule %q on %s: the machine %t, %s %t\n%+v", r.Name, view.Type(), want, name, !want, rec.JSON())
				}
			}
			if want {
				hits[r.Name]++
			}
			continue
		}
		want := visible && r.Types.Has(view.Type()) && check.Walk(r.Compiled, view)
		for _, s := range r.Suppress {
			want = want && !(rec.Event.Time < s.Until.UnixNano() && check.Walk(s.Compiled, view))
		}
		if visible && !want && len(r.Suppress) == 0 && check.Walk(r.Compiled, view) {
			t.Fatalf("rule %q holds for %s, which its event types %v leave out", r.Name, view.Type(), r.Types)
		}
		for name, w := range all {
			got := finds(t, w, i, ev)
			if got != want {
				t.Fatalf("rule %q on %s: the tree says %t, %s %t\n%+v", r.Name, view.Type(), want, name, got, rec.JSON())
			}
		}
		if want {
			hits[r.Name]++
		}
	}
}

// finds says whether a rule finds something in an event.
func finds(t *testing.T, w held, i int, ev *matcher.Event) (got bool) {
	t.Helper()
	if w.choose && !slices.Contains(w.Choose(ev), int32(i)) {
		return false
	}
	if err := w.Match(i, ev, func(f matcher.Finding) {
		got = true
		if f.Output == "" {
			t.Errorf("rule %d has no output", i)
		}
	}); err != nil {
		t.Fatalf("rule %d: %v", i, err)
	}
	return got
}

func ways(t testing.TB) (prog *Program, all map[string]held) {
	t.Helper()
	cfg := DefaultConfig()
	cfg.RuleMatching = All
	cfg.Rules = []Selection{{Enable: &Target{Rule: "*"}}} // those that are off at first, too
	prog = loadAll(t, cfg)
	return prog, workers(t, prog)
}

// held is a way of evaluating: all rules are asked, or those that are chosen.
type held struct {
	*Worker
	choose bool
}

// workers makes a worker for each way of evaluating.
func workers(t testing.TB, prog *Program) map[string]held {
	t.Helper()
	all := map[string]held{}
	for name, machineOnly := range map[string]bool{"the machine": true, "closures": false} {
		for _, choose := range []bool{false, true} {
			w, err := prog.newWorker(machineOnly)
			if err != nil {
				t.Fatal(err)
			}
			if choose {
				all["chosen for "+name] = held{w, choose}
			} else {
				all[name] = held{w, choose}
			}
		}
	}
	return all
}

// TestWaysAgree: all ways of evaluating agree on random events.
func TestWaysAgree(t *testing.T) {
	prog, all := ways(t)
	for _, b := range all["closures"].rules {
		for _, p := range b.cond.special {
			if p.machine != nil {
				t.Error("a condition has no fast form")
			}
		}
	}
	hits := map[string]int{}
	r := rand.New(rand.NewPCG(1, 2))
	view := fields.NewEvent()
	serial := uint64(0)
	for range 1250 {
		for _, rec := range randomRecords(r, 16) {
			serial++
			compareWays(t, prog, all, view, rec, serial, hits)
		}
	}
	for _, rule := range prog.loaded {
		if hits[rule.Name] == 0 && strings.HasPrefix(rule.At.File, "testdata/") {
			t.Errorf("no random event matches %q: the events are too far from the rules", rule.Name)
		}
	}
}

// FuzzWays is TestWaysAgree with events from the fuzzer's seeds.
func FuzzWays(f *testing.F) {
	prog, all := ways(f)
	view := fields.NewEvent()
	serial := uint64(0)
	f.Add(uint64(1), uint64(2))
	f.Fuzz(func(t *testing.T, a, b uint64) {
		for _, rec := range randomRecords(rand.New(rand.NewPCG(a, b)), 8) {
			serial++
			compareWays(t, prog, all, view, rec, serial, map[string]int{})
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	prog, all := ways(b)
	r := rand.New(rand.NewPCG(3, 4))
	var events []*matcher.Event
	for _, rec := range randomRecords(r, 256) {
		events = append(events, &matcher.Event{Record: rec})
	}
	everyRule := make([]int32, len(prog.loaded))
	for i := range everyRule {
		everyRule[i] = int32(i)
	}
	for name, w := range all {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			ignore := func(matcher.Finding) {}
			for i := range b.N {
				ev := events[i%len(events)]
				ev.Serial = uint64(i) + 1
				rules := everyRule
				if w.choose {
					rules = w.Choose(ev)
				}
				for _, k := range rules {
					if err := w.Match(int(k), ev, ignore); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
