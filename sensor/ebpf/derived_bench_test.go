//go:build cgo && linux

package ebpf

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/pkg/msg"
)

// BenchmarkOpenClose prints the median of what opening and closing a file costs
// its thread, in ns: without any program, with the derived event of it, with
// all derived events, and with the calls themselves and their files. Run with
// -benchtime 1x.
func BenchmarkOpenClose(b *testing.B) {
	w := startBench(b)
	defer w.stop()
	observeSelf(w.Source)
	path := filepath.Join(b.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		b.Fatal(err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all []string
	for _, d := range derivations() {
		if w.missing(lookupAll([]string{d.event})[0]) == "" {
			all = append(all, d.event)
		}
	}
	variants := []struct {
		name   string
		events []string
	}{
		{"none", nil},
		{"file-open", []string{"security_file_open"}},
		{"all-derived", all},
		{"calls", []string{"openat", "close"}},
		{"both", []string{"openat", "security_file_open"}},
	}
	cost := make([][]float64, len(variants))
	b.ResetTimer()
	for range b.N * benchRounds {
		for i, v := range variants {
			var d []msg.EventDemand
			for _, n := range v.events {
				d = append(d, msg.EventDemand{Name: n})
			}
			w.Want(d)
			cost[i] = append(cost[i], openClose(b, path, benchCalls/10))
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

// openClose opens and closes so many times and returns what one pair cost.
func openClose(b *testing.B, path string, pairs int) float64 {
	b.Helper()
	name := append([]byte(path), 0)
	const cwd = ^uintptr(99)
	start := cpuTime(unix.CLOCK_THREAD_CPUTIME_ID)
	for range pairs {
		fd, _, errno := syscall.RawSyscall6(unix.SYS_OPENAT, cwd, uintptr(unsafe.Pointer(unsafe.SliceData(name))), 0, 0, 0, 0)
		if errno != 0 {
			b.Fatal(errno)
		}
		_, _, _ = syscall.RawSyscall(unix.SYS_CLOSE, fd, 0, 0)
	}
	return float64(cpuTime(unix.CLOCK_THREAD_CPUTIME_ID)-start) / float64(pairs)
}
