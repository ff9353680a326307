package process

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// newStep makes a step; configure may be nil.
func newStep(t testing.TB, configure func(*Config)) *Step {
	t.Helper()
	cfg := DefaultConfig()
	if configure != nil {
		configure(&cfg)
	}
	s, err := New(cfg, nil, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// kernel plays a sensor: it makes the batches that a sensor would make of what
// processes do. Its boot is not this machine's unless said so, so that /proc
// is not asked.
type kernel struct {
	msg.Builder
	boot string
	seq  uint64
	rows map[int32]uint32 // of the batch at hand, by pid
	// start times by pid
	start map[int32]uint64
}

func newKernel() *kernel {
	return &kernel{boot: "elsewhere", rows: map[int32]uint32{}, start: map[int32]uint64{}}
}

// ms is a start time in whole milliseconds plus a bit that /proc cannot show.
func ms(n uint64) uint64 { return n*1e6 + 1234 }

// thin returns the row of a process as every event carries it.
func (k *kernel) thin(pid int32) uint32 {
	if i, ok := k.rows[pid]; ok {
		return i
	}
	k.rows[pid] = k.Process(&msg.Process{Pid: pid, StartTime: k.start[pid], CgroupId: 1})
	return k.rows[pid]
}

func (k *kernel) event(name string, row uint32, tid int32, comm string, args ...int64) {
	e, ok := catalogue.Lookup(name)
	if !ok {
		panic(name)
	}
	k.seq++
	k.Event(&msg.Event{
		Seq: k.seq, Time: int64(k.seq) * 1e6, Type: uint32(e.ID), Process: row, Tid: tid,
		Comm: uint32(k.String(comm)), Args: args,
	})
}

// open is an event of no consequence.
func (k *kernel) open(pid int32, comm string) {
	k.event("openat", k.thin(pid), pid, comm, -100, k.String("/etc/x"), 0, 0)
}

// fork makes a child with only what the kernel knows of one: no image.
func (k *kernel) fork(parent, child int32, start uint64, comm string) {
	row := k.thin(parent)
	k.start[child] = start
	k.rows[child] = k.Process(&msg.Process{
		Pid: child, StartTime: start, Ppid: parent, ParentStartTime: k.start[parent],
		Comm: comm, CgroupId: 1, Knowledge: msg.Knowledge_KNOWLEDGE_KERNEL,
	})
	args := make([]int64, 9)
	args[2], args[6], args[8] = int64(parent), int64(child), int64(start)
	k.event("sched_process_fork", row, parent, comm, args...)
}

// exec makes pid run path.
func (k *kernel) exec(pid, ppid int32, path string, args ...string) {
	comm := path[strings.LastIndexByte(path, '/')+1:]
	k.rows[pid] = k.Process(&msg.Process{
		Pid: pid, StartTime: k.start[pid], Ppid: ppid, ParentStartTime: k.start[ppid],
		Comm: comm, Exe: &msg.Executable{Path: path, Inode: uint64(len(path))}, Args: append([]string{comm}, args...),
		CgroupId: 1, ExecTime: int64(k.seq+1) * 1e6, Knowledge: msg.Knowledge_KNOWLEDGE_KERNEL,
		Cred: &msg.Credentials{Uid: 7},
	})
	k.event("sched_process_exec", k.rows[pid], pid, comm, make([]int64, 10)...)
}

func (k *kernel) exit(pid int32, comm string) {
	k.event("sched_process_exit", k.thin(pid), pid, comm, 0, 1)
}

// send hands the batch to the step as it would come over the wire.
func (k *kernel) send(t testing.TB, s *Step, replayed bool) *msg.Batch {
	t.Helper()
	b := k.Take()
	b.BootId, b.Source, b.Host = k.boot, "ebpf", "host"
	if n := len(b.Events); n > 0 {
		b.FirstSeq, b.LastSeq = b.Events[0].Seq, b.Events[n-1].Seq
	}
	clear(k.rows)
	s.Enrich(context.Background(), b, replayed)
	frame, err := msg.Marshal(nil, b, msg.Plain)
	if err != nil {
		t.Fatal(err)
	}
	var back msg.Batch
	if err := msg.Unmarshal(frame, &back); err != nil {
		t.Fatalf("the step broke the batch: %v", err)
	}
	return &back
}

// line describes who did an event: the process and its ancestors, by pid and
// executable, '+' marking those that have exited.
func line(r msg.Record) string {
	var out []string
	for n := 0; ; n++ {
		p := r.Ancestor(n)
		if p == nil {
			return strings.Join(out, " ")
		}
		mark := ""
		if n > 0 && p.Flags&uint32(msg.ProcessFlag_PROCESS_FLAG_EXITED) != 0 {
			mark = "+"
		}
		out = append(out, fmt.Sprintf("%d:%s%s", p.Pid, p.Exe.GetPath(), mark))
	}
}

// lines describes all events of the given type, "" for all.
func lines(b *msg.Batch, name string) (out []string) {
	for i := range b.Events {
		if r := b.Record(i); name == "" || r.Name() == name {
			out = append(out, line(r))
		}
	}
	return out
}

// tree starts init, a server and its shell.
func (k *kernel) tree() {
	k.start[1] = ms(10)
	k.Process(&msg.Process{
		Pid: 1, StartTime: ms(10), Comm: "init", Exe: &msg.Executable{Path: "/init"},
		Args: []string{"init"}, Knowledge: msg.Knowledge_KNOWLEDGE_PROC, CgroupId: 1, Cwd: "/",
	})
	k.fork(1, 10, ms(1000), "init")
	k.exec(10, 1, "/bin/httpd", "-D")
	k.fork(10, 20, ms(2000), "httpd")
	k.exec(20, 10, "/bin/sh", "-c", "id")
}

func TestLineage(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(k *kernel)
		want []string // of the openat events
	}{
		{
			"of a child", func(k *kernel) { k.open(20, "sh") },
			[]string{"20:/bin/sh 10:/bin/httpd 1:/init"},
		},
		{"of a child before its exec", func(k *kernel) {
			k.fork(20, 30, ms(3000), "sh")
			k.open(30, "sh")
			k.exec(30, 20, "/bin/id")
			k.open(30, "id")
		}, []string{"30:/bin/sh 20:/bin/sh 10:/bin/httpd 1:/init", "30:/bin/id 20:/bin/sh 10:/bin/httpd 1:/init"}},
		{"while an ancestor executes", func(k *kernel) {
			k.open(20, "sh")
			k.exec(10, 1, "/bin/other")
			k.open(20, "sh")
		}, []string{"20:/bin/sh 10:/bin/httpd 1:/init", "20:/bin/sh 10:/bin/other 1:/init"}},
		{"of a child made before its parent executes", func(k *kernel) {
			k.fork(20, 30, ms(3000), "sh")
			k.exec(20, 10, "/bin/other")
			k.open(30, "sh")
		}, []string{"30:/bin/sh 20:/bin/other 10:/bin/httpd 1:/init"}},
		{"of a double fork, nobody saying who took it", func(k *kernel) {
			k.fork(20, 30, ms(3000), "sh")
			k.fork(30, 31, ms(3001), "sh")
			k.exit(30, "sh")
			k.exec(31, 30, "/bin/daemon")
			k.open(31, "daemon")
		}, []string{"31:/bin/daemon 30:/bin/sh+ 20:/bin/sh 10:/bin/httpd 1:/init"}},
		{"of a double fork, with the new parent", func(k *kernel) {
			k.fork(20, 30, ms(3000), "sh")
			k.fork(30, 31, ms(3001), "sh")
			k.exit(30, "sh")
			k.open(31, "sh")
			k.exec(31, 1, "/bin/daemon")
			k.open(31, "daemon")
		}, []string{"31:/bin/sh 30:/bin/sh+ 20:/bin/sh 10:/bin/httpd 1:/init", "31:/bin/daemon 1:/init"}},
		{"after its pid was taken again", func(k *kernel) {
			k.exit(20, "sh")
			k.fork(1, 20, ms(9000), "init")
			k.exec(20, 1, "/bin/late")
			k.open(20, "late")
		}, []string{"20:/bin/late 1:/init"}},
		{"of a child whose parent's pid was taken again", func(k *kernel) {
			k.fork(20, 30, ms(3000), "sh")
			k.exit(20, "sh")
			k.fork(1, 20, ms(9000), "init")
			k.exec(20, 1, "/bin/late")
			k.open(30, "sh")
		}, []string{"30:/bin/sh 20:/bin/sh+ 10:/bin/httpd 1:/init"}},
		{"after its exit and a pid taken without an exit seen", func(k *kernel) {
			k.start[20] = ms(9000)
			k.exec(20, 1, "/bin/late")
			k.open(20, "late")
		}, []string{"20:/bin/late 1:/init"}},
		{"of an exec by another thread than the leader", func(k *kernel) {
			// The thread takes over pid and start time; the leader's exit
			// comes first and is none of the process.
			k.event("sched_process_exit", k.thin(20), 20, "sh", 0, 0)
			k.exec(20, 10, "/bin/threaded")
			k.open(20, "threaded")
		}, []string{"20:/bin/threaded 10:/bin/httpd 1:/init"}},
		{"of a thread", func(k *kernel) {
			k.event("openat", k.thin(20), 21, "worker", -100, k.String("/x"), 0, 0)
		}, []string{"20:/bin/sh 10:/bin/httpd 1:/init"}},
		{"of a sibling made with CLONE_PARENT", func(k *kernel) {
			// 20 forks 30, whose parent is 20's parent; the image is 20's.
			row := k.thin(20)
			k.start[30] = ms(3000)
			k.rows[30] = k.Process(&msg.Process{
				Pid: 30, StartTime: ms(3000), Ppid: 10, ParentStartTime: k.start[10],
				Comm: "sh", Knowledge: msg.Knowledge_KNOWLEDGE_KERNEL,
			})
			args := make([]int64, 9)
			args[2], args[6] = 20, 30
			k.event("sched_process_fork", row, 20, "sh", args...)
			k.open(30, "sh")
		}, []string{"30:/bin/sh 10:/bin/httpd 1:/init"}},
		{"of a child whose fork was lost", func(k *kernel) {
			k.start[30] = ms(3000)
			k.Process(&msg.Process{Pid: 99}) // another row between
			k.rows[30] = k.Process(&msg.Process{Pid: 30, StartTime: ms(3000), Ppid: 20, Comm: "sh"})
			k.open(30, "sh")
		}, []string{"30:/bin/sh 20:/bin/sh 10:/bin/httpd 1:/init"}},
		{"of a child whose fork and exec were lost", func(k *kernel) {
			k.start[30] = ms(3000)
			k.rows[30] = k.Process(&msg.Process{Pid: 30, StartTime: ms(3000), Ppid: 20, Comm: "nc"})
			k.open(30, "nc")
		}, []string{"30: 20:/bin/sh 10:/bin/httpd 1:/init"}},
		{"of one that was never heard of", func(k *kernel) {
			k.start[77] = ms(3000)
			k.open(77, "ghost")
		}, []string{"77:"}},
	} {
		for _, split := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/batches=%v", c.name, split), func(t *testing.T) {
				s, k := newStep(t, nil), newKernel()
				k.tree()
				if split {
					k.send(t, s, false)
				}
				c.do(k)
				if got := lines(k.send(t, s, false), "openat"); !slices.Equal(got, c.want) {
					t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(c.want, "\n\t"))
				}
			})
		}
	}
}

func TestThinRowsAreCompleted(t *testing.T) {
	s, k := newStep(t, nil), newKernel()
	k.tree()
	k.send(t, s, false)
	k.open(20, "sh")
	p := k.send(t, s, false).Record(0).Process()
	if got := fmt.Sprint(p.Exe.GetPath(), p.Args, p.Comm, p.Cred.GetUid(), p.Ppid, p.ParentStartTime == ms(1000), p.Knowledge); got !=
		"/bin/sh[sh -c id]sh7 10 true KNOWLEDGE_KERNEL" {
		t.Errorf("got %s", got)
	}
}

func TestKnowledge(t *testing.T) {
	s, k := newStep(t, nil), newKernel()
	k.tree()
	k.fork(20, 30, ms(3000), "sh")
	k.open(30, "sh")
	k.open(1, "init")
	k.start[77] = ms(3000)
	k.open(77, "ghost")
	b := k.send(t, s, false)
	got := map[int32]msg.Knowledge{}
	for i := range b.Events {
		if r := b.Record(i); r.Name() == "openat" {
			got[r.Process().Pid] = r.Process().Knowledge
		}
	}
	want := map[int32]msg.Knowledge{30: msg.Knowledge_KNOWLEDGE_INHERITED, 1: msg.Knowledge_KNOWLEDGE_PROC, 77: msg.Knowledge_KNOWLEDGE_THIN}
	for pid, k := range want {
		if got[pid] != k {
			t.Errorf("pid %d: %v, want %v", pid, got[pid], k)
		}
	}
}

func TestExecLeavesNothingOfTheOldImage(t *testing.T) {
	s, k := newStep(t, nil), newKernel()
	k.tree()
	k.send(t, s, false)
	k.rows[20] = k.Process(&msg.Process{
		Pid: 20, StartTime: k.start[20], Comm: "x", Exe: &msg.Executable{Path: "/bin/x"},
		ExecTime: 1e15, Knowledge: msg.Knowledge_KNOWLEDGE_KERNEL,
	})
	k.event("sched_process_exec", k.rows[20], 20, "x")
	k.send(t, s, false)
	k.open(20, "x")
	p := k.send(t, s, false).Record(0).Process()
	if p.Exe.GetPath() != "/bin/x" || len(p.Args) != 0 {
		t.Errorf("after an exec without arguments: %q %q", p.Exe.GetPath(), p.Args)
	}
	if p.Cred.GetUid() != 7 {
		t.Error("credentials are lost by the exec")
	}
}

func TestBatchThatComesAgainTurnsNothingBack(t *testing.T) {
	s, k := newStep(t, nil), newKernel()
	k.tree()
	k.send(t, s, false)
	k.fork(20, 30, ms(3000), "sh")
	k.open(30, "sh")
	first := k.seq
	k.send(t, s, false)
	k.exec(30, 20, "/bin/id")
	k.send(t, s, false)
	last := k.seq
	// The batch of the fork again.
	k.seq = first - 2
	k.fork(20, 30, ms(3000), "sh")
	k.open(30, "sh")
	k.send(t, s, false)
	k.seq = last
	k.open(30, "id")
	if got := lines(k.send(t, s, false), ""); got[0] != "30:/bin/id 20:/bin/sh 10:/bin/httpd 1:/init" {
		t.Errorf("got %s", got[0])
	}
}

func TestReplayRebuildsTheTable(t *testing.T) {
	s, k := newStep(t, nil), newKernel()
	k.tree()
	k.send(t, s, true)
	k.open(20, "sh")
	if got := lines(k.send(t, s, false), ""); got[0] != "20:/bin/sh 10:/bin/httpd 1:/init" {
		t.Errorf("got %s", got[0])
	}
}

func TestTableIsBounded(t *testing.T) {
	s := newStep(t, func(c *Config) { c.MaxProcesses, c.MaxDead, c.KeepDead = 200, 50, time.Second })
	k := newKernel()
	k.tree()
	for i := range int32(5000) {
		pid := 1000 + i%700
		k.fork(20, pid, ms(uint64(10000+i*10)), "sh")
		if i%3 != 0 { // every third exit is lost
			k.exit(pid, "sh")
		}
		if i%50 == 0 {
			k.send(t, s, false)
		}
		k.open(20, "sh")
	}
	k.send(t, s, false)
	tb := s.tables[0].table
	if tb.count > 200 || tb.nDead > 51 {
		t.Errorf("table holds %d, %d of them dead; bounds are 200 and 50", tb.count, tb.nDead)
	}
	n, dead := 0, 0
	for _, x := range tb.byPID {
		for ; x != nil; x = x.older {
			n++
			if x.dead {
				dead++
			}
		}
	}
	if n != tb.count || dead != tb.nDead {
		t.Errorf("counted %d and %d dead, the table says %d and %d", n, dead, tb.count, tb.nDead)
	}
	k.open(20, "sh")
	if got := lines(k.send(t, s, false), ""); got[0] != "20:/bin/sh 10:/bin/httpd 1:/init" {
		t.Errorf("a process in use was forgotten: %s", got[0])
	}
}

func TestDeadAreKeptForAWhile(t *testing.T) {
	s := newStep(t, func(c *Config) { c.KeepDead = time.Second })
	k := newKernel()
	k.tree()
	k.exit(20, "sh")
	k.send(t, s, false)
	row := func() *msg.Process {
		k.rows[20] = k.Process(&msg.Process{Pid: 20, StartTime: ms(2000)})
		k.open(1, "init")
		b := k.send(t, s, false)
		for _, p := range b.Processes {
			if p.Pid == 20 {
				return p
			}
		}
		t.Fatal("no row")
		return nil
	}
	if p := row(); p.Exe.GetPath() != "/bin/sh" {
		t.Error("a dead process is forgotten at once")
	}
	k.seq += 5000 // five seconds of events later
	k.open(1, "init")
	k.send(t, s, false)
	if p := row(); p.Exe.GetPath() != "" {
		t.Error("a dead process is kept for ever")
	}
}

func TestBootsAreKeptApart(t *testing.T) {
	s := newStep(t, nil)
	a, b := newKernel(), newKernel()
	b.boot = "another"
	a.tree()
	a.send(t, s, false)
	b.start[20] = a.start[20]
	b.open(20, "sh")
	if got := lines(b.send(t, s, false), ""); got[0] != "20:" {
		t.Errorf("a process of another boot is taken for %s", got[0])
	}
	a.open(20, "sh")
	if got := lines(a.send(t, s, false), ""); got[0] != "20:/bin/sh 10:/bin/httpd 1:/init" {
		t.Errorf("got %s", got[0])
	}
}

func TestNames(t *testing.T) {
	s, k := newStep(t, nil), newKernel()
	k.tree()
	k.send(t, s, false)
	// A thread with a name of its own makes the first event of the batch.
	k.rows[20] = k.Process(&msg.Process{Pid: 20, StartTime: k.start[20], Comm: "worker"})
	k.event("openat", k.rows[20], 21, "worker", -100, k.String("/x"), 0, 0)
	k.open(20, "sh")
	k.open(20, "renamed") // prctl(PR_SET_NAME) by the leader
	b := k.send(t, s, false)
	for i, want := range []string{"sh", "sh", "renamed"} {
		r := b.Record(i)
		if got := r.Process().Comm; got != want {
			t.Errorf("event %d: the process is called %q, want %q", i, got, want)
		}
		if got := line(r); got != "20:/bin/sh 10:/bin/httpd 1:/init" {
			t.Errorf("event %d: %s", i, got)
		}
	}
	if got := b.Record(0).Comm(); got != "worker" {
		t.Errorf("the thread is called %q", got)
	}
}

// TestLastWords is about the full row of an exit, which has no image any more.
func TestLastWords(t *testing.T) {
	s, k := newStep(t, nil), newKernel()
	k.tree()
	k.send(t, s, false)
	last := func(pid int32, start uint64) *msg.Process {
		k.start[pid] = start
		k.rows[pid] = k.Process(&msg.Process{
			Pid: pid, StartTime: start, Ppid: 10, ParentStartTime: k.start[10], Comm: "sh",
			Cred: &msg.Credentials{Uid: 9}, Knowledge: msg.Knowledge_KNOWLEDGE_KERNEL, Flags: uint32(msg.ProcessFlag_PROCESS_FLAG_EXITED),
		})
		k.exit(pid, "sh")
		return k.send(t, s, false).Record(0).Process()
	}
	if p := last(20, k.start[20]); p.Exe.GetPath() != "/bin/sh" || p.Cred.GetUid() != 9 {
		t.Errorf("known: %q, uid %d", p.Exe.GetPath(), p.Cred.GetUid())
	}
	if p := last(88, ms(7000)); p.Exe.GetPath() != "" {
		t.Errorf("one never heard of is said to have run %q", p.Exe.GetPath())
	}
}
