//go:build cgo && linux && amd64

package ebpf

import (
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
	"github.com/tripline/tripline/test/storm"
)

// BenchmarkCommands prints by how much user and system time of whole commands
// grow, in percent: with the gate alone, with all derived events (the security
// set), with every event that the rules need which come with Tripline (they need
// no close), and with all system calls. Medians of turns, each after a turn without any program.
// Run with -benchtime 1x.
func BenchmarkCommands(b *testing.B) {
	w := startBench(b)
	defer w.stop()
	var derived, calls []string
	for e := range catalogue.All() {
		switch {
		case w.missing(e) != "":
		case e.Class == catalogue.Syscall:
			calls = append(calls, e.Name)
		case w.derived.by[e.ID] != nil:
			derived = append(derived, e.Name)
		}
	}
	variants := []struct {
		name   string
		events []string
	}{
		{"gate", []string{"swapon", "execve"}},
		{"security", derived},
		{"rules", slices.DeleteFunc(storm.Events(), func(n string) bool { return n == "close" })},
		{"everything", append(calls, derived...)},
	}
	const rounds = 7
	for _, c := range []struct{ name, line string }{
		{"find", "find /usr -xdev >/dev/null 2>&1 || true"},
		{"fork-exec", "i=0; while [ $i -lt 400 ]; do /bin/true; i=$((i+1)); done"},
	} {
		b.Run(c.name, func(b *testing.B) {
			took := func() float64 {
				cmd := exec.Command("/bin/sh", "-c", c.line)
				if err := cmd.Run(); err != nil {
					b.Fatal(err)
				}
				return float64(cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime())
			}
			took()
			more := make([][]float64, len(variants))
			var bare []float64
			b.ResetTimer()
			for range b.N * rounds {
				for i, v := range variants {
					var d []msg.EventDemand
					for _, n := range v.events {
						d = append(d, msg.EventDemand{Name: n})
					}
					w.quiet(true)
					without := took()
					w.quiet(false)
					w.Want(d)
					with := took()
					w.Want(nil)
					bare = append(bare, without)
					more[i] = append(more[i], 100*(with/without-1))
				}
			}
			b.StopTimer()
			for i, v := range variants {
				slices.Sort(more[i])
				b.ReportMetric(more[i][len(more[i])/2], v.name+"-%")
			}
			slices.Sort(bare)
			b.ReportMetric(bare[len(bare)/2]/float64(time.Millisecond), "bare-ms")
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(w.lost()), "dropped")
		})
	}
}

// quiet detaches everything, the lifecycle included, or attaches it again.
func (w *benched) quiet(on bool) {
	w.Source.mu.Lock()
	defer w.Source.mu.Unlock()
	names := append(w.derived.always(), lifecyclePrograms()...)
	for _, name := range names {
		if on {
			w.detach(name)
		} else if err := w.attach(name); err != nil {
			panic(err)
		}
	}
}
