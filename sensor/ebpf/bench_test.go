//go:build cgo && linux

package ebpf

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	bpf "github.com/aquasecurity/libbpfgo"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/pkg/msg"
)

// floodVariable makes the test binary a program that calls getppid so many
// times and prints what one call cost its thread, in ns of CPU time. It is a
// process of its own because such a loop would hold up this one's collector.
const floodVariable = "TRIPLINE_TEST_FLOOD"

func floodMain() {
	n, err := strconv.Atoi(os.Getenv(floodVariable))
	if err != nil {
		os.Exit(2)
	}
	runtime.LockOSThread()
	for range 1000 {
		_, _, _ = syscall.RawSyscall(unix.SYS_GETPPID, 0, 0, 0)
	}
	start := cpuTime(unix.CLOCK_THREAD_CPUTIME_ID)
	for range n {
		_, _, _ = syscall.RawSyscall(unix.SYS_GETPPID, 0, 0, 0)
	}
	fmt.Print(float64(cpuTime(unix.CLOCK_THREAD_CPUTIME_ID)-start) / float64(n))
}

func flood(b *testing.B, calls int) (ns float64) {
	b.Helper()
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), floodVariable+"="+strconv.Itoa(calls))
	out, err := cmd.Output()
	if err != nil {
		b.Fatal(err)
	}
	if ns, err = strconv.ParseFloat(string(out), 64); err != nil {
		b.Fatal(err)
	}
	return ns
}

func cpuTime(clock int32) int64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(clock, &ts)
	return ts.Nano()
}

// benched is a source at work that counts its events.
type benched struct {
	*Source
	events int
	stop   func()
}

func startBench(b *testing.B) *benched { return startBenchWith(b, DefaultConfig()) }

func startBenchWith(b *testing.B, cfg Config) *benched {
	needRoot(b)
	s, err := New(cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		b.Fatal(err)
	}
	w := &benched{Source: s}
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		done <- s.Run(ctx, func(batch *msg.Batch) {
			w.events += len(batch.Events)
			select {
			case ready <- struct{}{}:
			default:
			}
		})
	}()
	<-ready
	observeSelf(s)
	w.stop = func() {
		cancel()
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	return w
}

// Each variant of BenchmarkSyscall is measured benchRounds times for benchCalls
// calls, in turn, so that whatever else the machine does hits all alike.
const (
	benchRounds = 15
	benchCalls  = 100_000
)

// BenchmarkSyscall prints the median of what one getppid costs, in ns: without
// any program, with an empty one at exit (and at entry), with ours while only
// other calls are wanted, and with ours recording it. Run with -benchtime 1x.
func BenchmarkSyscall(b *testing.B) {
	w := startBench(b)
	defer w.stop()
	bare, err := os.ReadFile("bench.bpf.o")
	if err != nil {
		b.Skipf("needs bench.bpf.o: run make in bpf (%v)", err)
	}
	m, err := open(bare)
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	if err := m.BPFLoadObject(); err != nil {
		b.Fatal(err)
	}
	want := func(names ...string) func() func() {
		return func() func() {
			var d []msg.EventDemand
			for _, n := range names {
				d = append(d, msg.EventDemand{Name: n})
			}
			w.Want(d)
			return func() { w.Want(nil) }
		}
	}
	variants := []struct {
		name  string
		setUp func() (tearDown func())
	}{
		{"none", func() func() { return func() {} }},
		{"empty-exit", attachBare(b, m, "bare_exit")},
		{"empty-both", attachBare(b, m, "bare_exit", "bare_enter")},
		{"off-exit", want("swapon")},
		{"off-both", want("swapon", "execve")},
		{"on", want("getppid")},
	}
	cost := make([][]float64, len(variants))
	b.ResetTimer()
	for range b.N * benchRounds {
		for i, v := range variants {
			down := v.setUp()
			cost[i] = append(cost[i], flood(b, benchCalls))
			down()
		}
	}
	b.StopTimer()
	for i, v := range variants {
		slices.Sort(cost[i])
		b.ReportMetric(cost[i][len(cost[i])/2], v.name+"-ns")
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(w.lost()), "dropped")
}

func attachBare(b *testing.B, m *bpf.Module, names ...string) func() func() {
	return func() func() {
		var links []*bpf.BPFLink
		for _, n := range names {
			p, err := m.GetProgram(n)
			if err != nil {
				b.Fatal(err)
			}
			l, err := p.AttachGeneric()
			if err != nil {
				b.Fatal(err)
			}
			links = append(links, l)
		}
		return func() {
			for _, l := range links {
				_ = l.Destroy()
			}
		}
	}
}

// BenchmarkFlood has one thread make a wanted call as fast as it can and prints
// how many events per second came out in batches, how many were lost, and what
// one cost the sensor in CPU time, memory management included. Nothing is
// folded: each call is a record.
func BenchmarkFlood(b *testing.B) {
	const calls = 3_000_000
	cfg := DefaultConfig()
	cfg.Fold = false
	w := startBenchWith(b, cfg)
	w.Want([]msg.EventDemand{{Name: "getppid"}})
	b.ResetTimer()
	start, used := time.Now(), cpuTime(unix.CLOCK_PROCESS_CPUTIME_ID)
	for range b.N {
		flood(b, calls)
	}
	wall := time.Since(start)
	b.StopTimer()
	w.stop()
	used = cpuTime(unix.CLOCK_PROCESS_CPUTIME_ID) - used
	b.ReportMetric(float64(w.events)/wall.Seconds(), "events/s")
	b.ReportMetric(float64(calls*b.N), "made")
	b.ReportMetric(float64(w.events), "came-out")
	b.ReportMetric(float64(w.lost()), "dropped")
	b.ReportMetric(float64(used)/float64(w.events), "sensor-ns/event")
}
