package faults

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

const (
	scaleHosts = 3
	// 1/scaleShare of a processor is what each matcher may use, so that a host
	// more is a processor more, also where there are only two and others work.
	scaleShare = 10
	scaleRules = 40
	// settles is how long it may take until partitions are even again.
	settles = 5 * time.Second
)

// TestScale: three network namespaces are hosts. A stretch of events of all
// three is held against rules that are much more work than the rest by one to
// four matchers, each with a share of a processor, and then matchers come and go.
func TestScale(t *testing.T) {
	needs(t)
	events := setting(t, "TRIPLINE_SCALE_EVENTS", 0)
	if events == 0 {
		t.Skip("needs TRIPLINE_SCALE_EVENTS, how many: run make bench-scale")
	}
	net := namespaces(t)
	dear, cheap := filepath.Join(t.TempDir(), "dear.yaml"), filepath.Join(t.TempDir(), "cheap.yaml")
	write(t, dear, slowRules(scaleRules))
	write(t, cheap, "- rule: Cheap\n  desc: looks at every event\n  condition: evt.type in (openat, connect, execve) and proc.name = nobody\n  output: none\n  priority: DEBUG\n")
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "matchers\trules\tevents\tseconds\tevents/s\tmatchers' CPU s\tevents/CPU s of matchers\tserver's CPU s\tmaker's CPU s\tpartitions\tevents of each\t")
	measure := func(rules string, n, events int) (perSecond, perCPU float64) {
		p := hosts(t, net, n, rules)
		for i := range n {
			p.matcher(i, true)
		}
		eventually(t, "the matchers to share the partitions", func() bool { return p.isEven(n) })
		// What it took to load the rules does not count.
		cpu, server, maker := p.cpu(), cpuOf(t, p.server.cmd.Process.Pid), cpuOf(t, os.Getpid())
		began := time.Now()
		p.fill(events)
		maker = cpuOf(t, os.Getpid()) - maker
		took := p.emptied(began)
		cpu, server = p.cpu()-cpu, cpuOf(t, p.server.cmd.Process.Pid)-server
		perSecond, perCPU = float64(events)/took.Seconds(), float64(events)/cpu.Seconds()
		time.Sleep(1500 * time.Millisecond) // the next heartbeats
		partitions, taken := p.shared()
		fmt.Fprintf(w, "%d\t%s\t%d\t%.1f\t%.0f\t%.1f\t%.0f\t%.1f\t%.1f\t%v\t%v\t\n", n, strings.TrimSuffix(filepath.Base(rules), ".yaml"), events, took.Seconds(),
			perSecond, cpu.Seconds(), perCPU, server.Seconds(), maker.Seconds(), partitions, taken)
		if n == 4 {
			p.comeAndGo()
		}
		p.end()
		return perSecond, perCPU
	}
	_, carried := measure(cheap, 1, 4*events)
	var rates []float64
	for n := range 4 {
		perSecond, perCPU := measure(dear, n+1, events)
		rates = append(rates, perSecond)
		if n == 0 && carried < 10*perCPU {
			t.Errorf("the rules are not what takes the time: %.0f events a second of processor with them, %.0f with a cheap one", perCPU, carried)
		}
		if n > 0 && rates[n] < rates[n-1]*1.05 {
			t.Errorf("%d matchers: %.0f events a second, %d: %.0f", n, rates[n-1], n+1, rates[n])
		}
	}
	w.Flush()
	t.Logf("on %d hosts, 1/%d of a processor for each matcher:\n%s", scaleHosts, scaleShare, b.String())
}

// slowRules hold the name of every file that is opened against so many regular
// expressions, of which none finds anything.
func slowRules(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `
- rule: Slow %[1]d
  desc: looks at the names of all files
  condition: evt.type in (open, openat, openat2) and fd.name regex ".*/(src|lib)/([a-z]+[0-9]*[.])+secret%[1]d"
  output: "none"
  priority: DEBUG
`, i)
	}
	return b.String()
}

// quota makes a control group whose processes get a share of a processor.
func quota(t *testing.T, name string) string {
	t.Helper()
	const period = 20000 // µs
	root, files := "/sys/fs/cgroup/cpu", map[string]string{"cpu.cfs_period_us": strconv.Itoa(period), "cpu.cfs_quota_us": strconv.Itoa(period / scaleShare)}
	if _, err := os.Stat(root); err != nil {
		root, files = "/sys/fs/cgroup", map[string]string{"cpu.max": fmt.Sprintf("%d %d", period/scaleShare, period)}
		if err := os.WriteFile(root+"/cgroup.subtree_control", []byte("+cpu"), 0); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(root, fmt.Sprintf("tripline-faults-%d-%s", os.Getpid(), name))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeGroup(t, dir) })
	for file, text := range files {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// namespace is one host.
type namespace struct{ name, gateway string }

// namespaces makes network namespaces that each reach this one and go with the
// test.
func namespaces(t *testing.T) (out []namespace) {
	t.Helper()
	if _, err := exec.LookPath("ip"); err != nil {
		t.Fatal("needs ip, of iproute2: make deps-test installs it")
	}
	ip := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	id := os.Getpid() % 10000
	for i := range scaleHosts {
		n := namespace{fmt.Sprintf("tlf%d-%d", id, i), fmt.Sprintf("10.213.%d.%d", id%250, 4*i+1)}
		here, there := fmt.Sprintf("tlf%d-%da", id, i), fmt.Sprintf("tlf%d-%db", id, i)
		ip("netns", "add", n.name)
		t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", n.name).Run() })
		ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", n.name)
		t.Cleanup(func() { _ = exec.Command("ip", "link", "del", here).Run() })
		ip("addr", "add", n.gateway+"/30", "dev", here)
		ip("link", "set", here, "up")
		ip("-n", n.name, "addr", "add", fmt.Sprintf("10.213.%d.%d/30", id%250, 4*i+2), "dev", there)
		ip("-n", n.name, "link", "set", there, "up")
		out = append(out, n)
	}
	return out
}

// scaled is a server and matchers on the hosts.
type scaled struct {
	*pipeline
	net  []namespace
	port string
	mine []*stage
	rule string // the file of rules
}

func hosts(t *testing.T, net []namespace, n int, rules string) *scaled {
	t.Helper()
	p := &scaled{net: net, rule: rules, pipeline: &pipeline{t: t, host: "hub", dir: t.TempDir(), stages: map[string]*stage{}}}
	_, p.port, _ = strings.Cut(freePort(t), ":")
	p.addr = "127.0.0.1:" + p.port
	p.config = filepath.Join(p.dir, "config.yaml")
	write(t, p.config, fmt.Sprintf(`
nats:
  streams:
    events: {storage: file, max_bytes: 2147483648}
  server: {store_dir: %s, listen: "0.0.0.0:%s", public: true, max_store: 17179869184}
matcher: {workers: 1}
`, t.TempDir(), p.port))
	t.Cleanup(func() {
		if t.Failed() {
			p.explain()
		}
	})
	p.server = p.stage(fmt.Sprintf("nats%d", n), nil, "run", "nats")
	p.server.begin()
	p.beats = listen(t, p.addr)
	return p
}

// matcher starts one on the i-th host, going round, with a share of a processor
// if it is limited.
func (p *scaled) matcher(i int, limited bool) *stage {
	n := p.net[i%len(p.net)]
	name := fmt.Sprintf("matcher%d", len(p.mine)+1)
	s := p.stage(name, nil, "run", "matcher", "--rules-dir", p.rule, "--nats", "nats://"+n.gateway+":"+p.port)
	s.args = append(s.args, "--host", n.name)
	s.program = []string{"ip", "netns", "exec", n.name, "env", "GOMAXPROCS=1"}
	if limited {
		// A shell joins the group and becomes the program.
		group := quota(p.t, fmt.Sprintf("%s-%s", filepath.Base(p.dir), name))
		s.program = append([]string{"sh", "-c", `echo $$ > "$0/cgroup.procs" && exec "$@"`, group}, s.program...)
	}
	p.mine = append(p.mine, s)
	p.stages[name], p.names = s, append(p.names, name)
	s.mu.Lock()
	s.wanted = true
	err := s.start()
	s.mu.Unlock()
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(s.finish)
	return s
}

// fill stores events of all hosts, spread over the partitions.
func (p *scaled) fill(events int) {
	p.t.Helper()
	cfg := bus.DefaultConfig()
	cfg.URL = "nats://" + p.addr
	b, err := bus.Connect(p.t.Context(), cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		p.t.Fatal(err)
	}
	defer b.Close()
	const each = 256
	var pubs []*bus.EventsPublisher
	for _, n := range p.net {
		pub, err := b.EventsPublisher(n.name)
		if err != nil {
			p.t.Fatal(err)
		}
		pubs = append(pubs, pub)
	}
	var wg sync.WaitGroup
	for i := range events / each {
		h := i % scaleHosts
		batch := ordinary(p.net[h].name, uint32(i/scaleHosts)%b.Partitions(), uint64(i*each+1), each)
		wg.Add(1)
		if err := pubs[h].Publish(p.t.Context(), batch, func(err error) {
			if err != nil {
				p.t.Errorf("store: %v", err)
			}
			wg.Done()
		}); err != nil {
			p.t.Fatal(err)
		}
	}
	wg.Wait()
}

// ordinary is a batch of what ordinary programs do: opens, some programs
// started, some connections; no name comes twice.
func ordinary(host string, partition uint32, first uint64, n int) *msg.Batch {
	var b msg.Builder
	comm := uint32(b.String("make"))
	proc := b.Process(&msg.Process{
		Pid: 4711, NsPid: 4711, Ppid: 1, NsPpid: 1, StartTime: 7, Comm: "make", Args: []string{"make", "all"},
		Exe: &msg.Executable{Path: "/usr/bin/make"}, Cred: &msg.Credentials{Uid: 1000}, Cgroup: "/user.slice/" + strconv.Itoa(int(partition)),
	})
	for i := range n {
		name := "openat"
		switch {
		case i%64 == 0:
			name = "sched_process_exec"
		case i%16 == 0:
			name = "connect"
		}
		e, ok := catalogue.Lookup(name)
		if !ok {
			panic(name)
		}
		ev := &msg.Event{Seq: first + uint64(i), Time: time.Now().UnixNano(), Type: uint32(e.ID), Process: proc, Comm: comm, Tid: 4711, NsTid: 4711}
		for j, param := range e.Params {
			switch param.Kind {
			case catalogue.String, catalogue.Path:
				ev.Args = append(ev.Args, b.String("/home/me/src/file"+strconv.FormatUint(ev.Seq, 10)+".c"))
			case catalogue.Strings:
				ev.Args = append(ev.Args, b.List(&msg.StringList{Items: []string{"cc", "-c", "file.c"}}))
			case catalogue.SockAddr:
				ev.Args = append(ev.Args, b.Address(&msg.SocketAddress{Family: msg.AFInet, Ip: []byte{10, 1, 2, 3}, Port: 443}))
			case catalogue.Bytes, catalogue.Cred:
				ev.Args = append(ev.Args, 0)
				ev.Absent |= 1 << j
			default:
				ev.Args = append(ev.Args, 0)
			}
		}
		b.Event(ev)
	}
	out := b.Take()
	out.Host, out.BootId, out.Source, out.Partition, out.Enricher = host, "boot", "test", partition, "test"
	out.FirstSeq, out.LastSeq = first, first+uint64(n)-1
	return out
}

// emptied waits until everything is dealt with and returns how long it took.
func (p *scaled) emptied(began time.Time) time.Duration {
	p.t.Helper()
	for end := began.Add(5 * time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(p.t.Context(), 5*time.Second)
		left, err := p.beats.bus.Pending(ctx)
		cancel()
		if err == nil && left.Events == 0 && slices.Max(left.Answered) > 0 {
			return time.Since(began)
		}
	}
	p.t.Fatal("the events were not dealt with in five minutes")
	return 0
}

// comeAndGo has matchers join, die and leave, and says how long it takes until
// every partition is shared out evenly among those that live.
func (p *scaled) comeAndGo() {
	even := func(what string, live int) {
		began := time.Now()
		eventually(p.t, "partitions to be shared out evenly after "+what, func() bool { return p.isEven(live) })
		took := time.Since(began)
		p.t.Logf("even among %d within %.1f s of %s (heartbeats tell it once a second)", live, took.Seconds(), what)
		if took > settles {
			p.t.Errorf("that is more than %v", settles)
		}
	}
	even("the start", 4)
	p.matcher(4, false) // its start is not what is measured
	even("a fifth that joined", 5)
	p.mine[1].mu.Lock()
	p.mine[1].wanted = false
	p.mine[1].mu.Unlock()
	p.mine[1].signal(syscall.SIGKILL)
	even("one that was killed", 4)
	p.mine[0].finish()
	even("one that was stopped in order", 3)
}

// isEven says whether the matchers heard of lately have all partitions, each one
// of them, and none has two more than another.
func (p *scaled) isEven(live int) bool {
	p.beats.mu.Lock()
	defer p.beats.mu.Unlock()
	owned := map[int]int{}
	var sizes []int
	for _, h := range p.beats.last {
		if h.Stage != "matcher" || time.Since(h.Time) > 1500*time.Millisecond {
			continue
		}
		list, _ := h.Detail["partitions"].([]any)
		for _, n := range list {
			if n, ok := n.(float64); ok {
				owned[int(n)]++
			}
		}
		sizes = append(sizes, len(list))
	}
	if len(sizes) != live || len(owned) != bus.DefaultPartitions {
		return false
	}
	for _, n := range owned {
		if n != 1 {
			return false
		}
	}
	return slices.Max(sizes)-slices.Min(sizes) <= 1
}

// shared is how many partitions each matcher has, and how many events it took.
func (p *scaled) shared() (partitions []int, events []uint64) {
	p.beats.mu.Lock()
	defer p.beats.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(p.beats.last)) {
		if h := p.beats.last[key]; h.Stage == "matcher" {
			list, _ := h.Detail["partitions"].([]any)
			partitions = append(partitions, len(list))
			events = append(events, h.Counters["events"])
		}
	}
	return partitions, events
}

// cpu is what the matchers have used.
func (p *scaled) cpu() (all time.Duration) {
	for _, s := range p.mine {
		all += cpuOf(p.t, s.cmd.Process.Pid)
	}
	return all
}

func (p *scaled) end() {
	for _, s := range append(p.mine, p.server) {
		s.mu.Lock()
		running := s.wanted
		s.mu.Unlock()
		if running {
			s.finish()
		}
	}
}

// cpuOf is the processor time of a process (proc_pid_stat(5), fields 14 and 15,
// in hundredths of a second).
func cpuOf(t *testing.T, pid int) time.Duration {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	var ticks int64
	for _, w := range words[11:13] {
		n, err := strconv.ParseInt(w, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
