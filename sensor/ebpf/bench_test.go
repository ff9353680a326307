//go:build cgo && linux

package ebpf

import (
	"context"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	bpf "github.com/aquasecurity/libbpfgo"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/pkg/msg"
)

// Each variant is measured benchRounds times for benchCalls calls, in turn, so
// that what else the machine does hits all alike; medians count.
const (
	benchRounds = 15
	benchCalls  = 100_000
)

// BenchmarkSyscall prints what one getppid costs, in ns of the thread's own CPU
// time: without any program, with an empty one, with ours while nobody wants
// getppid, and with ours while somebody does. Run it with -benchtime 1x.
func BenchmarkSyscall(b *testing.B) {
	needRoot(b)
	bare, err := os.ReadFile("bench.bpf.o")
	if err != nil {
		b.Skipf("needs bench.bpf.o: run make in bpf (%v)", err)
	}
	bpf.SetLoggerCbs(bpf.Callbacks{Log: func(int, string) {}})
	m, err := open(bare)
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	if err := m.BPFLoadObject(); err != nil {
		b.Fatal(err)
	}
	s, err := New(DefaultConfig(), slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan struct{}, 1), make(chan error, 1)
	var events atomic.Uint64
	go func() {
		done <- s.Run(ctx, func(batch *msg.Batch) {
			events.Add(uint64(len(batch.Events)))
			select {
			case ready <- struct{}{}:
			default:
			}
		})
	}()
	<-ready
	s.mu.Lock()
	s.shared.m.self = 0
	s.mu.Unlock()

	want := func(names ...string) func() func() {
		return func() func() {
			var d []msg.EventDemand
			for _, n := range names {
				d = append(d, msg.EventDemand{Name: n})
			}
			s.Want(d)
			return func() { s.Want(nil) }
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
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cost := make([][]float64, len(variants))
	b.ResetTimer()
	for range b.N {
		for range benchRounds {
			for i, v := range variants {
				down := v.setUp()
				cost[i] = append(cost[i], getppidCost())
				down()
				// The reader catches up, so that it does not disturb the next.
				time.Sleep(20 * time.Millisecond)
			}
		}
	}
	b.StopTimer()
	for i, v := range variants {
		slices.Sort(cost[i])
		b.ReportMetric(cost[i][len(cost[i])/2], v.name+"-ns")
	}
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(events.Load()), "events")
	b.ReportMetric(float64(s.lost()), "dropped")
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

// getppidCost is one measurement, in ns a call.
func getppidCost() float64 {
	for range 1000 {
		_, _, _ = syscall.RawSyscall(unix.SYS_GETPPID, 0, 0, 0)
	}
	start := threadTime()
	for range benchCalls {
		_, _, _ = syscall.RawSyscall(unix.SYS_GETPPID, 0, 0, 0)
	}
	return float64(threadTime()-start) / benchCalls
}

func threadTime() int64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts)
	return ts.Nano()
}
