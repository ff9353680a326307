//go:build cgo && linux && amd64

package ebpf

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// floodOf starts a process that makes so many calls of getppid and ends.
func floodOf(t *testing.T, calls int) int {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), floodVariable+"="+strconv.Itoa(calls))
	return run(t, cmd)
}

func startFolding(t *testing.T, events ...string) *watch {
	t.Helper()
	cfg := testConfig(t)
	cfg.Fold = true
	return startWith(t, cfg, events...)
}

// TestFold has a process repeat itself: each call is accounted for, in few
// events, and the last of them comes before the end of the process.
func TestFold(t *testing.T) {
	w := startFolding(t, "getppid")
	// The program makes some calls more to warm up.
	const calls, warm = 200_000, 1000
	pid := floodOf(t, calls)
	w.event("sched_process_exit", of(pid))
	events, stand, exited := 0, 0, false
	for _, r := range w.records() {
		switch {
		case !of(pid)(r):
		case r.Name() == "sched_process_exit":
			exited = true
		case r.Name() == "getppid":
			if exited {
				t.Fatal("a call comes after the end of the process")
			}
			events++
			stand += int(max(r.Event.Count, 1))
		}
	}
	lost := 0
	for _, d := range w.Drops() {
		lost += int(d.Count)
	}
	if n := stand + lost; n < calls+warm || n > calls+warm+100 {
		t.Errorf("%d calls are accounted for, %d were made", n, calls+warm)
	}
	// However slow the machine is, it takes a second or two.
	if events > calls/2 {
		t.Errorf("%d events for %d calls: nothing was folded", events, calls)
	}
	t.Logf("%d calls in %d events, %d lost", stand, events, lost)
}

// TestFoldTellsApart repeats two calls in turn, and a third now and then: what
// is not the same is not counted as if it were.
func TestFoldTellsApart(t *testing.T) {
	w := startFolding(t, "getpriority")
	tid := onThread(t)
	w.mark(t, 0)
	const calls, every = 60_000, 5000
	for i := range calls {
		who := uintptr(1<<22 + i%2)
		if i%every == 0 {
			who = 1<<22 + 100 + uintptr(i/every)
		}
		_, _, _ = syscall.RawSyscall(unix.SYS_GETPRIORITY, unix.PRIO_PROCESS, who, 0)
	}
	time.Sleep(2 * foldInterval)
	w.mark(t, 1)
	count := map[int64]int{}
	for _, r := range w.betweenMarks(tid, 1)[0] {
		count[word(t, r, "who")-1<<22] += int(max(r.Event.Count, 1))
	}
	rare := 0
	for who, n := range count {
		if who >= 100 {
			rare++
			if n != 1 {
				t.Errorf("a call that was made once counts %d", n)
			}
		}
	}
	if rare != calls/every {
		t.Errorf("%d of %d rare calls", rare, calls/every)
	}
	for i, want := range []int{calls/2 - calls/every, calls / 2} {
		if n := count[int64(i)]; n != want {
			t.Errorf("call %d counts %d, want %d", i, n, want)
		}
	}
}

// TestRingKeepsRoom floods a ring that is looked at too seldom with calls that
// are all different: the flood is dropped, what others do is not.
func TestRingKeepsRoom(t *testing.T) {
	cfg := testConfig(t)
	cfg.Fold = true
	cfg.PollMin, cfg.PollMax = 200*time.Millisecond, 200*time.Millisecond
	w := startWith(t, cfg, "getpriority", "setpriority")
	// As if the ring were small.
	w.Source.mu.Lock()
	w.shared.m.ring_half = 1 << 19
	w.Source.mu.Unlock()
	onThread(t)
	stop := make(chan bool)
	done := make(chan int)
	go func() {
		// This process floods; the runtime gives the loop a thread.
		n := 0
		for {
			select {
			case <-stop:
				done <- n
				return
			default:
			}
			for range 100 {
				n++
				_, _, _ = syscall.RawSyscall(unix.SYS_GETPRIORITY, unix.PRIO_PROCESS, uintptr(1<<22+n), 0)
			}
		}
	}()
	const rounds = 10
	var pids []int
	for range rounds {
		time.Sleep(100 * time.Millisecond)
		pids = append(pids, run(t, exec.Command(niceProgram(), "-n", "1", "/bin/true")))
	}
	close(stop)
	made := <-done
	for _, pid := range pids {
		w.event("setpriority", of(pid))
	}
	var lost uint64
	for _, d := range w.Drops() {
		lost += d.Count
		if d.Type != unix.SYS_GETPRIORITY {
			t.Errorf("lost %v", d)
		}
	}
	if lost == 0 {
		t.Errorf("nothing was dropped of %d calls: that was no flood", made)
	}
	t.Logf("%d of %d calls of the flood dropped, %d of %d rare ones seen", lost, made, len(pids), rounds)
}
