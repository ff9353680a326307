package expr

import (
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/matcher/expr/falco/ast"
	"github.com/tripline/tripline/matcher/expr/falco/check"
	"github.com/tripline/tripline/matcher/expr/falco/fields"
	"github.com/tripline/tripline/matcher/expr/falco/loader"
	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// The run of `make bench-expr`: what it measures, how often and for how long.
const (
	benchRounds = 7
	benchSpan   = 100 * time.Millisecond
	benchEvents = 2048
	batchEvents = 256
)

// BenchmarkRates prints how many events per second one core holds against 25,
// 56 and 93 rules: as an [matcher.Evaluator] does, with closures and with expr's
// machine; when every rule for the event is asked, both ways; and with expr used
// plainly, one map of fields an event and one program a rule. Ways and sizes
// take turns, so that what else the computer does falls on all of them; the
// medians count.
// TRIPLINE_BENCH_RULES names a directory of rule files to take instead of ours.
func BenchmarkRates(b *testing.B) {
	dir := os.Getenv("TRIPLINE_BENCH_RULES")
	base := benchRules(b, dir)
	batches := benchLoad()
	var sizes []int
	var ways [][]func() int // by size
	candidates := []int{25, 56, 93}
	if dir != "" {
		candidates = append(slices.DeleteFunc(candidates, func(n int) bool { return n >= len(base) }), len(base))
	}
	fmt.Printf("%d events: 70 %% open, 20 %% exec, 10 %% connect; events per second of one core's time, medians of %d rounds\n", len(batches)*batchEvents, benchRounds)
	for _, n := range candidates {
		sizes = append(sizes, n)
		prog := benchProgram(b, base, n)
		ways = append(ways, benchWays(b, prog, batches))
		fmt.Printf("%d rules, of which for open, exec, connect: %s\n", n, benchShare(prog))
	}
	const kinds = 6
	rates := make([][kinds][]float64, len(sizes))
	for range benchRounds {
		for i := range sizes {
			for k, w := range ways[i] {
				rates[i][k] = append(rates[i][k], rate(b, w, len(batches)*batchEvents))
			}
		}
	}
	const row = "%6s %12s %12s %14s %14s %12s %15s %10s\n"
	fmt.Printf(row, "rules", "as run", "on machine", "asked", "asked, mach.", "plain expr", "plain, by type", "findings")
	var first [kinds]float64
	var falls [kinds]string
	for i, n := range sizes {
		cells := []any{strconv.Itoa(n)}
		found := ways[i][0]()
		for k, w := range ways[i] {
			slices.Sort(rates[i][k])
			med := rates[i][k][benchRounds/2]
			if got := w(); got != found {
				b.Errorf("%d rules: way %d finds %d, the first %d", n, k, got, found)
			}
			if i == 0 {
				first[k] = med
			}
			cells = append(cells, fmt.Sprintf("%.0f", med))
			falls[k] = fmt.Sprintf("%.0f %%", 100-100*med/first[k])
		}
		fmt.Printf(row, append(cells, fmt.Sprintf("%.2f%%", 100*float64(found)/float64(len(batches)*batchEvents)))...)
	}
	cells := []any{"fall"}
	for _, f := range falls {
		cells = append(cells, f)
	}
	fmt.Printf(row, append(cells, "")...)
}

// benchShare says how many rules want each of the events.
func benchShare(p *Program) string {
	var out []string
	for _, event := range []string{"openat", "sched_process_exec", "connect"} {
		n := 0
		for _, r := range p.rules {
			if slices.ContainsFunc(r.Select, func(s matcher.Selector) bool { return s.Event == "" || s.Event == event }) {
				n++
			}
		}
		out = append(out, strconv.Itoa(n))
	}
	return strings.Join(out, ", ")
}

// rate runs a way for a while and returns events per second of processor time,
// the collector's included, so that what else the machine does takes no part.
func rate(b *testing.B, way func() int, events int) float64 {
	began, n := used(b), 0
	for used(b)-began < benchSpan {
		way()
		n += events
	}
	return float64(n) / (used(b) - began).Seconds()
}

// used is the processor time of this process so far.
func used(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// benchWays lists the ways: each holds all events against the rules once and
// returns how many findings there were.
func benchWays(b *testing.B, prog *Program, batches []*msg.Batch) []func() int {
	var events []*matcher.Event
	for _, batch := range batches {
		for i := range batch.Events {
			r := batch.Record(i)
			events = append(events, &matcher.Event{Record: r, Origin: matcher.OriginOf(r)})
		}
	}
	index := make([][]int, len(events))
	all := make([][]int, len(events))
	for i, ev := range events {
		for k, r := range prog.rules {
			all[i] = append(all[i], k)
			if slices.ContainsFunc(r.Select, func(s matcher.Selector) bool {
				return (s.Event == "" || s.Event == ev.Name()) && (s.Origin == matcher.AnyOrigin || s.Origin == ev.Origin)
			}) {
				index[i] = append(index[i], k)
			}
		}
	}
	p := newPlain(b, prog)
	return []func() int{
		evaluator(b, prog, false, batches), evaluator(b, prog, true, batches),
		worker(b, prog, false, events, index), worker(b, prog, true, events, index),
		p.way(b, events, all), p.way(b, events, index),
	}
}

// made is a language whose rules are there already.
type made struct {
	*Program
	machineOnly bool
}

func (made) Name() string                                               { return Name }
func (made) Owns(string) bool                                           { return true }
func (m made) NewWorker() (matcher.Worker, error)                       { return m.newWorker(m.machineOnly) }
func (m made) Load([]matcher.File) (matcher.Program, []matcher.Problem) { return m, nil }

// evaluator evaluates as the matcher does.
func evaluator(b *testing.B, prog *Program, machineOnly bool, batches []*msg.Batch) func() int {
	cfg := matcher.DefaultConfig()
	cfg.Rules = []string{matcher.Builtin}
	rs, err := matcher.Load(cfg, []matcher.Language{made{prog, machineOnly}}, fstest.MapFS{})
	if err != nil {
		b.Fatal(err)
	}
	if len(rs.Rules) != len(prog.rules) {
		b.Fatalf("%d rules of %d: %v", len(rs.Rules), len(prog.rules), rs.Problems)
	}
	e, err := matcher.NewEvaluator(rs, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(e.Close)
	return func() (found int) {
		for _, batch := range batches {
			e.Batch(batch, func(*msg.Detection) { found++ })
		}
		return found
	}
}

// worker asks every rule for an event.
func worker(b *testing.B, prog *Program, machineOnly bool, events []*matcher.Event, index [][]int) func() int {
	w, err := prog.newWorker(machineOnly)
	if err != nil {
		b.Fatal(err)
	}
	serial := uint64(0)
	return func() (found int) {
		count := func(matcher.Finding) { found++ }
		for i, ev := range events {
			serial++
			ev.Serial = serial
			for _, k := range index[i] {
				if err := w.Match(k, ev, count); err != nil {
					b.Fatal(err)
				}
			}
		}
		return found
	}
}

// benchRules loads the rules of a directory, "" for ours, in an order that has
// nothing to do with their names.
func benchRules(b *testing.B, dir string) []*loader.Rule {
	cfg := DefaultConfig()
	cfg.RuleMatching = All
	lang := New(cfg, slog.New(slog.DiscardHandler))
	own := dir == ""
	if own {
		dir = "../../rules/expr"
	}
	var in []matcher.File
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !lang.Owns(p) {
			return err
		}
		content, err := os.ReadFile(p)
		in = append(in, matcher.File{Path: p, Content: content})
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	prog, _ := lang.Load(in)
	var out []*loader.Rule
	for _, r := range prog.(*Program).loaded {
		if r.Enabled && r.Threshold == nil && r.Sequence == nil {
			out = append(out, r)
		}
	}
	if len(out) == 0 {
		b.Fatalf("no rules in %s", dir)
	}
	if own {
		rand.New(rand.NewPCG(1, 1)).Shuffle(len(out), func(i, k int) { out[i], out[k] = out[k], out[i] })
	}
	return out
}

// benchProgram makes a program of n rules. When there are less, some come
// again with other names of programs and files in them.
func benchProgram(b *testing.B, base []*loader.Rule, n int) *Program {
	cfg := DefaultConfig()
	cfg.RuleMatching = All
	p := &Program{cfg: cfg}
	for i := range n {
		r := *base[i%len(base)]
		if round := i / len(base); round > 0 {
			r.Name = fmt.Sprintf("%s %d", r.Name, round)
			r.Resolved = varied(r.Resolved, round)
			var err error
			if r.Compiled, _, err = check.Compile(r.Resolved, fields.NewTable(nil)); err != nil {
				b.Fatal(err)
			}
		}
		p.loaded = append(p.loaded, &r)
		p.rules = append(p.rules, describe(&r, map[string]string{}))
	}
	return p
}

// varied changes the texts that fields of processes and files are compared with.
func varied(n ast.Node, round int) ast.Node {
	kids := func(in []ast.Node) []ast.Node {
		out := make([]ast.Node, len(in))
		for i, k := range in {
			out[i] = varied(k, round)
		}
		return out
	}
	switch n := n.(type) {
	case *ast.And:
		return &ast.And{At: n.At, Kids: kids(n.Kids)}
	case *ast.Or:
		return &ast.Or{At: n.At, Kids: kids(n.Kids)}
	case *ast.Not:
		return &ast.Not{At: n.At, Kid: varied(n.Kid, round)}
	case *ast.Check:
		f, ok := n.Left.(*ast.Field)
		v, has := n.Right.(*ast.Values)
		if !ok || !has || !slices.Contains([]string{"proc.name", "proc.pname", "proc.aname", "proc.exepath", "proc.cmdline", "proc.args", "fd.name", "fs.path.name"}, f.Name) {
			return n
		}
		c, items := *n, *v
		items.Items = slices.Clone(v.Items)
		for i := range items.Items {
			items.Items[i].Text += fmt.Sprintf("-%d", round)
		}
		c.Right = &items
		return &c
	}
	return n
}

// benchLoad makes events of a busy server on which little happens that rules
// look for.
func benchLoad() (batches []*msg.Batch) {
	r := rand.New(rand.NewPCG(7, 7))
	paths := strings.Fields(`/etc/ld.so.cache /usr/lib/x86_64-linux-gnu/libc.so.6 /proc/self/status /etc/nginx/nginx.conf /var/log/app/app.log
		/tmp/upload-8812 /usr/share/zoneinfo/UTC /etc/resolv.conf /etc/hosts /home/dev/project/main.go /var/lib/postgresql/base/1/2619 /dev/null
		/sys/fs/cgroup/memory.max /srv/www/index.html /etc/passwd /run/systemd/journal/socket`)
	programs := strings.Fields("nginx postgres redis-server node java python3 sshd cron systemd bash sh git go curl containerd-shim kubelet")
	serial := uint64(0)
	for range benchEvents / batchEvents {
		var b msg.Builder
		b.String("")
		b.Batch().Host, b.Batch().BootTime = "bench", 1_700_000_000_000_000_000
		c := b.Container(&msg.Container{Id: "0123456789abcdef", Name: "web", Image: &msg.Image{Repository: "shop/web", Tag: "1"}, Completeness: msg.Completeness_COMPLETENESS_COMPLETE})
		root := b.Process(&msg.Process{Pid: 1, NsPid: 1, Comm: "systemd", Args: []string{"systemd"}, Cred: &msg.Credentials{}})
		var procs []uint32
		for i := range 40 {
			name := programs[r.IntN(len(programs))]
			p := &msg.Process{
				Pid: int32(100 + i), NsPid: int32(100 + i), Ppid: 1, Comm: name, Args: []string{name, "--config", paths[r.IntN(len(paths))]},
				Exe: &msg.Executable{Path: "/usr/bin/" + name}, Cred: &msg.Credentials{Uid: uint32(i % 3)}, Ancestors: []uint32{root}, Cwd: "/srv",
				LoginUid: 4294967295, Knowledge: msg.Knowledge_KNOWLEDGE_KERNEL,
			}
			if i%2 == 0 {
				p.Container = c
			}
			procs = append(procs, b.Process(p))
		}
		for range batchEvents {
			serial++
			b.Event(benchEvent(&b, r, serial, procs, paths))
		}
		batches = append(batches, b.Take())
	}
	return batches
}

func benchEvent(b *msg.Builder, r *rand.Rand, serial uint64, procs []uint32, paths []string) *msg.Event {
	name := []string{"openat", "openat", "openat", "openat", "openat", "openat", "openat", "sched_process_exec", "sched_process_exec", "connect"}[r.IntN(10)]
	typ, _ := catalogue.Lookup(name)
	e := &msg.Event{Seq: serial, Time: int64(serial), Type: uint32(typ.ID), Process: procs[r.IntN(len(procs))], Args: make([]int64, len(typ.Params))}
	for i := range typ.Params {
		e.Absent |= 1 << i
	}
	set := func(name string, v int64) {
		if i := typ.Param(name); i >= 0 {
			e.Args[i] = v
			e.Absent &^= 1 << i
		}
	}
	switch name {
	case "openat":
		p := paths[r.IntN(len(paths))]
		e.Ret = 3
		set("pathname", b.String(p))
		flags := int64(0)
		if written := strings.HasPrefix(p, "/var/") || strings.HasPrefix(p, "/tmp/") || p == "/dev/null"; written && r.IntN(2) == 0 {
			flags = 0x241 // O_WRONLY | O_CREAT | O_TRUNC
		}
		set("flags", flags)
		e.File = b.File(&msg.File{Fd: 3, Path: p, Mode: 0o100644, Inode: 7})
	case "connect":
		a := []*msg.SocketAddress{
			{Family: msg.AFInet, Ip: []byte{10, 0, 0, 1}, Port: 80},
			{Family: msg.AFInet, Ip: []byte{10, 9, 0, 2}, Port: 5432},
			{Family: msg.AFInet, Ip: []byte{93, 184, 216, 34}, Port: 443},
			{Family: msg.AFInet6, Ip: []byte{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, Port: 443},
		}[r.IntN(4)]
		set("sockfd", 5)
		set("addr", b.Address(a))
		e.File = b.File(&msg.File{Fd: 5, Mode: 0o140000, SocketType: 1, Protocol: 6, Remote: a})
	}
	return e
}
