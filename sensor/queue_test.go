package sensor

import (
	"slices"
	"testing"

	"github.com/tripline/tripline/pkg/msg"
)

func small() Config {
	c := DefaultConfig()
	c.QueueEvents, c.BatchEvents = 1000, 100
	return c
}

// drain takes everything and counts it by name, in order of the batches.
func drain(q *queue) (counts map[string]int, order []string, sizes []int) {
	counts = map[string]int{}
	for {
		b, _ := q.pop()
		if b == nil {
			return counts, order, sizes
		}
		sizes = append(sizes, len(b.Events))
		for i := range b.Events {
			n := b.Record(i).Name()
			counts[n]++
			order = append(order, n)
		}
	}
}

func repeat(name string, n int) []string { return slices.Repeat([]string{name}, n) }

func TestFloodPushesOutItself(t *testing.T) {
	q := newQueue(small())
	var dropped []typeCount
	for range 100 {
		names := repeat("openat", 97)
		names = append(names, "sched_process_exec", "ptrace", "openat")
		dropped = append(dropped, q.push(batchOf(t, names...))...)
	}
	counts, _, _ := drain(q)
	if counts["sched_process_exec"] != 100 || counts["ptrace"] != 100 {
		t.Errorf("rare events went before the flood: %v", counts)
	}
	var lost uint64
	for _, d := range dropped {
		if eventName(d.typ) != "openat" {
			t.Errorf("dropped %d of %s", d.count, eventName(d.typ))
		}
		lost += d.count
	}
	if got := int(lost) + counts["openat"]; got != 9800 {
		t.Errorf("%d of 9800 openat are accounted for", got)
	}
	drops := q.takeDrops()
	if len(drops) != 1 || drops[0].Cause != "queue" || drops[0].Count != lost || drops[0].Type != id(t, "openat") {
		t.Errorf("drops that travel: %v, want %d openat", drops, lost)
	}
	if again := q.takeDrops(); again != nil {
		t.Errorf("the same drops twice: %v", again)
	}
	if events, bytes := q.size(); events != 0 || bytes != 0 {
		t.Errorf("an empty queue counts %d events, %d bytes", events, bytes)
	}
}

// TestFloodPushesOutItsProcess has one process flood with what is needed more
// than the few events of the same and of lesser classes that others make.
func TestFloodPushesOutItsProcess(t *testing.T) {
	q := newQueue(small())
	const rounds = 50
	for i := range rounds {
		b := batchOf(t, append(repeat("security_file_open", 60), repeat("openat", 40)...)...)
		b.Processes = append(b.Processes, &msg.Process{Pid: 77, StartTime: 5}, &msg.Process{Pid: int32(1000 + i), StartTime: 9})
		for _, e := range b.Events {
			e.Process = uint32(len(b.Processes) - 2)
		}
		b.Events[7].Process++ // a file that another opens
		b.Events[70].Process++
		q.push(b)
	}
	quiet := 0
	for {
		b, _ := q.pop()
		if b == nil {
			break
		}
		for i := range b.Events {
			if b.Record(i).Process().Pid >= 1000 {
				quiet++
			}
		}
	}
	if quiet != 2*rounds {
		t.Errorf("%d of %d events of quiet processes are left", quiet, 2*rounds)
	}
}

func TestOldestOfAFloodGoesFirst(t *testing.T) {
	q := newQueue(small())
	for i := range 11 {
		b := batchOf(t, repeat("openat", 100)...)
		for _, e := range b.Events {
			e.Ret = int64(i)
		}
		q.push(b)
	}
	b, _ := q.pop()
	if got := b.Events[0].Ret; got != 2 {
		t.Errorf("the oldest left is of batch %d, want 2", got)
	}
}

func TestLifecycleGoesLast(t *testing.T) {
	q := newQueue(small())
	// More lifecycle events than anything else: the class counts first.
	for range 9 {
		q.push(batchOf(t, repeat("sched_process_fork", 90)...))
		q.push(batchOf(t, repeat("ptrace", 30)...))
	}
	counts, _, _ := drain(q)
	if counts["sched_process_fork"] != 810 {
		t.Errorf("lost lifecycle events while there were others: %v", counts)
	}
	for range 20 {
		q.push(batchOf(t, repeat("sched_process_fork", 90)...))
	}
	counts, _, _ = drain(q)
	if n := counts["sched_process_fork"]; n == 0 || n > 1000 {
		t.Errorf("%d lifecycle events in a queue of 1000", n)
	}
}

func TestBoundInBytes(t *testing.T) {
	cfg := small()
	cfg.QueueEvents, cfg.QueueBytes = 1<<20, 1<<20
	q := newQueue(cfg)
	for range 100 {
		b := batchOf(t, "openat")
		b.Blobs = append(b.Blobs, make([]byte, 100<<10))
		q.push(b)
		if _, bytes := q.size(); bytes > cfg.QueueBytes {
			t.Fatalf("%d bytes wait, more than %d", bytes, cfg.QueueBytes)
		}
	}
	// Tables without any event must not get around the bound.
	for range 100 {
		b := &msg.Batch{Processes: []*msg.Process{{Pid: 1, Cwd: string(make([]byte, 100<<10)), Knowledge: msg.Knowledge_KNOWLEDGE_KERNEL}}}
		q.push(b)
		if _, bytes := q.size(); bytes > cfg.QueueBytes {
			t.Fatalf("%d bytes wait, more than %d", bytes, cfg.QueueBytes)
		}
	}
}

func TestSmallBatchesAreFolded(t *testing.T) {
	q := newQueue(small())
	for range 25 {
		q.push(batchOf(t, "openat", "ptrace", "openat", "ptrace", "openat", "sched_process_exit", "ptrace", "openat", "ptrace", "openat"))
	}
	other := batchOf(t, "ptrace")
	other.Source = "another"
	q.push(other)
	counts, order, sizes := drain(q)
	if want := []int{100, 100, 50, 1}; !slices.Equal(sizes, want) {
		t.Errorf("batches of %v, want %v", sizes, want)
	}
	if counts["openat"] != 125 || len(order) != 251 {
		t.Errorf("events changed: %v", counts)
	}
	for i := range 250 {
		if want := order[i%10]; order[i] != want {
			t.Fatalf("event %d is %s, want %s: order is lost", i, order[i], want)
		}
	}
}

func TestUnknownTypesAreLeastNeeded(t *testing.T) {
	q := newQueue(small())
	for range 20 {
		b := batchOf(t, append(repeat("sched_process_exec", 10), repeat("openat", 90)...)...)
		for _, e := range b.Events[10:] {
			e.Type = 1 << 20
		}
		q.push(b)
	}
	counts, _, _ := drain(q)
	if counts["sched_process_exec"] != 200 {
		t.Errorf("lost known events before unknown ones: %v", counts)
	}
}

func BenchmarkPushPop(b *testing.B) {
	q := newQueue(DefaultConfig())
	batch := batchOf(b, repeat("openat", 256)...)
	for b.Loop() {
		q.push(batch)
		q.pop()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/256, "ns/event")
}

// BenchmarkOverload is what a flood costs when nobody takes anything.
func BenchmarkOverload(b *testing.B) {
	cfg := DefaultConfig()
	cfg.QueueEvents = 1 << 17
	q := newQueue(cfg)
	for b.Loop() {
		b.StopTimer()
		batch := batchOf(b, append(repeat("openat", 255), "ptrace")...)
		b.StartTimer()
		q.push(batch)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/256, "ns/event")
}
