package builtin

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tripline/tripline/enricher"
	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// replayed is a source of batches that were encoded before; it ends after n.
type replayed struct {
	frames [][]byte
	boot   int
	n      int
	at     int
	open   chan struct{}
	end    context.CancelFunc
}

func (r *replayed) Receive(ctx context.Context) (msg.Delivery[*msg.Batch], error) {
	if r.at == r.n {
		r.end()
		<-ctx.Done()
		return msg.Delivery[*msg.Batch]{}, ctx.Err()
	}
	var b msg.Batch
	if err := msg.Unmarshal(r.frames[r.at%len(r.frames)], &b); err != nil {
		return msg.Delivery[*msg.Batch]{}, err
	}
	b.FirstSeq, b.LastSeq = uint64(r.at*len(b.Events)+1), uint64((r.at+1)*len(b.Events))
	r.at++
	r.open <- struct{}{}
	return msg.Delivery[*msg.Batch]{Value: &b, Ack: func(error) { <-r.open }}, nil
}

func (r *replayed) History(_ context.Context, _ time.Duration, f func(*msg.Batch) error) error {
	for _, frame := range r.frames[:r.boot] {
		var b msg.Batch
		if err := msg.Unmarshal(frame, &b); err != nil {
			return err
		}
		if err := f(&b); err != nil {
			return err
		}
	}
	r.frames = r.frames[r.boot:]
	return nil
}

// encoder publishes as the bus does: it encodes.
type encoder struct {
	buf   []byte
	bytes int
}

func (e *encoder) Publish(_ context.Context, b *msg.Batch, done func(error)) (err error) {
	if e.buf, err = msg.Marshal(e.buf[:0], b, msg.Plain); err != nil {
		return err
	}
	e.bytes += len(e.buf)
	done(nil)
	return nil
}

const perBatch = 256

// load makes batches: first those of the forks and execs of n processes in
// trees of ten generations, a hundred to a cgroup, then of opens by them, of
// which each batch has a few busy ones.
func load(b testing.TB, n int) *replayed {
	rng := rand.New(rand.NewPCG(1, 2))
	r := &replayed{open: make(chan struct{}, 64)}
	openat, _ := catalogue.Lookup("openat")
	var m msg.Builder
	take := func() {
		out := m.Take()
		out.Host, out.BootId, out.Source = "host", "elsewhere", "ebpf"
		frame, err := msg.Marshal(nil, out, msg.Plain)
		if err != nil {
			b.Fatal(err)
		}
		r.frames = append(r.frames, frame)
	}
	cgroup := func(i int) uint64 { return uint64(10 + i/100) }
	pid := func(i int) int32 { return int32(100 + i) }
	mkdir, _ := catalogue.Lookup("cgroup_mkdir")
	for i := range n/100 + 1 {
		row := m.Process(&msg.Process{Pid: 1, StartTime: 1})
		path := fmt.Sprintf("/system.slice/unit-%d.service", i)
		if i%2 == 1 {
			path = fmt.Sprintf("/docker/%064x", i)
		}
		m.Event(&msg.Event{Type: uint32(mkdir.ID), Process: row, Comm: uint32(m.String("x")), Args: []int64{int64(10 + i), m.String(path), 0}})
	}
	for i := range n {
		parent := int32(1)
		if i%10 != 0 {
			parent = pid(i - 1)
		}
		m.Process(&msg.Process{
			Pid: pid(i), StartTime: uint64(i+1) * 1e7, Ppid: parent, Comm: "worker",
			Exe: &msg.Executable{Path: fmt.Sprintf("/usr/bin/tool-%d", i%300), Inode: uint64(i % 300)}, Cwd: "/home/user",
			Args: []string{"tool", "--number", fmt.Sprint(i), "--config", "/etc/tool.conf"}, Cred: &msg.Credentials{Uid: 1000, CapBounding: 1},
			Ns: &msg.Namespaces{Mnt: 1, Pid: 2, Net: 3}, CgroupId: cgroup(i), Knowledge: msg.Knowledge_KNOWLEDGE_KERNEL,
		})
		if i%perBatch == perBatch-1 {
			take()
		}
	}
	take()
	r.boot = len(r.frames)
	for range 64 {
		busy := make([]int, min(8, n))
		for i := range busy {
			busy[i] = rng.IntN(n)
		}
		rows := map[int]uint32{}
		for range perBatch {
			i := busy[rng.IntN(len(busy))]
			if rng.IntN(20) == 0 {
				i = rng.IntN(n)
			}
			row, ok := rows[i]
			if !ok {
				row = m.Process(&msg.Process{
					Pid: pid(i), StartTime: uint64(i+1) * 1e7, Ppid: map[bool]int32{true: 1, false: pid(i - 1)}[i%10 == 0],
					Comm: "worker", CgroupId: cgroup(i),
				})
				rows[i] = row
			}
			m.Event(&msg.Event{
				Type: uint32(openat.ID), Process: row, Tid: pid(i), Comm: uint32(m.String("worker")),
				Args: []int64{-100, m.String(fmt.Sprintf("/var/lib/file-%d", rng.IntN(100))), 0, 0},
			})
		}
		take()
	}
	return r
}

// BenchmarkEvents is events through the whole stage with all steps: decoding,
// enriching, splitting and encoding. One iteration is one event.
func BenchmarkEvents(b *testing.B) {
	for _, n := range []int{10, 1000, 20000} {
		b.Run(fmt.Sprintf("processes=%d", n), func(b *testing.B) {
			r := load(b, n)
			r.n = b.N/perBatch + 1
			c := DefaultConfig()
			c.Runtimes = nil
			log, reg := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
			steps, err := Steps(c, log, reg)
			if err != nil {
				b.Fatal(err)
			}
			out := &encoder{}
			e, err := enricher.New(c.Config, r, out, steps, log, reg)
			if err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			r.end = cancel
			b.ReportAllocs()
			b.ResetTimer()
			if err := e.Run(ctx); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			b.ReportMetric(float64(r.n*perBatch)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(out.bytes)/float64(r.n*perBatch), "bytes/event")
		})
	}
}

// BenchmarkMemory reports how much a process of the table takes.
func BenchmarkMemory(b *testing.B) {
	const n = 20000
	for range b.N {
		r := load(b, n)
		c := DefaultConfig()
		steps, err := Steps(c, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
		if err != nil {
			b.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for _, frame := range r.frames[:r.boot] {
			var batch msg.Batch
			if err := msg.Unmarshal(frame, &batch); err != nil {
				b.Fatal(err)
			}
			steps[0].Enrich(context.Background(), &batch, true)
		}
		frames := r.frames
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(frames)
		runtime.KeepAlive(steps)
		b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc))/n, "bytes/process")
	}
}

// BenchmarkChurn is processes that are born, execute, open something and die:
// one iteration is one process. Heap is what the tables hold after a tenth, a
// half and all of the iterations: it does not grow once the dead fill their
// bound.
func BenchmarkChurn(b *testing.B) {
	c := DefaultConfig()
	c.Runtimes = nil
	steps, err := Steps(c, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		b.Fatal(err)
	}
	id := func(name string) uint32 {
		e, ok := catalogue.Lookup(name)
		if !ok {
			b.Fatal(name)
		}
		return uint32(e.ID)
	}
	fork, exec, exit, openat := id("sched_process_fork"), id("sched_process_exec"), id("sched_process_exit"), id("openat")
	var m msg.Builder
	shell := m.Process(&msg.Process{Pid: 1, StartTime: 1, Comm: "sh", Exe: &msg.Executable{Path: "/bin/sh"}, Knowledge: msg.Knowledge_KNOWLEDGE_KERNEL})
	seq := uint64(0)
	event := func(kind, row uint32, pid int32, args ...int64) {
		seq++
		// A hundred microseconds apart, so 2500 processes a second.
		m.Event(&msg.Event{Seq: seq, Time: int64(seq) * 100_000, Type: kind, Process: row, Tid: pid, Comm: uint32(m.String("sh")), Args: args})
	}
	b.ReportAllocs()
	heap := func() float64 {
		var now runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&now)
		return float64(now.HeapAlloc) / 1e6
	}
	for i := range b.N {
		if b.N >= 10 && (i == b.N/10 || i == b.N/2) {
			b.StopTimer()
			b.ReportMetric(heap(), map[bool]string{true: "MB-after-a-tenth", false: "MB-after-half"}[i == b.N/10])
			b.StartTimer()
		}
		if m.Batch(); i%64 == 0 && i > 0 {
			out := m.Take()
			out.Host, out.BootId, out.LastSeq = "host", "elsewhere", seq
			for _, s := range steps {
				s.Enrich(context.Background(), out, false)
			}
			shell = m.Process(&msg.Process{Pid: 1, StartTime: 1})
		}
		pid, start := int32(300+i%32000), uint64(i)*1e7
		cred := &msg.Credentials{Uid: 1000}
		m.Process(&msg.Process{Pid: pid, StartTime: start, Ppid: 1, Comm: "sh", Cred: cred, Knowledge: msg.Knowledge_KNOWLEDGE_KERNEL})
		event(fork, shell, 1, 0, 0, 1, 1, int64(pid), int64(pid), int64(pid), int64(pid), int64(start))
		child := m.Process(&msg.Process{
			Pid: pid, StartTime: start, Ppid: 1, Comm: "sh", Cred: cred, Knowledge: msg.Knowledge_KNOWLEDGE_KERNEL,
			Exe: &msg.Executable{Path: "/bin/sh"}, Args: []string{"sh", "-c", fmt.Sprint(i)}, ExecTime: int64(seq) * 100_000,
		})
		event(exec, child, pid, make([]int64, 10)...)
		event(openat, child, pid, -100, m.String("/x"), 0, 0)
		event(exit, child, pid, 0, 1)
	}
	b.StopTimer()
	b.ReportMetric(heap(), "MB-at-the-end")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "processes/s")
	runtime.KeepAlive(steps)
}
