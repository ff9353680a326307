//go:build cgo && linux && amd64

package ebpf

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/sensor/ebpf/internal/forked"
)

// TestThousandsExist starts the sensor on a machine with thousands of processes
// and compares what it says of each with what is known of it.
func TestThousandsExist(t *testing.T) {
	needRoot(t)
	// An emulated machine makes fewer in the time.
	const most, least, limit = 3000, 300, 20 * time.Second
	began := time.Now()
	self := os.Getpid()
	var pids []int
	kill := func() {
		for _, pid := range pids {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		for _, pid := range pids {
			reap(t, pid)
		}
		pids = nil
	}
	defer func() { kill() }()
	for len(pids) < most && (len(pids) < least || time.Since(began) < limit) {
		// Each waits for a signal.
		pid := forked.Call(unix.SYS_PAUSE, 0, 0, 0, 0, 0, 0)
		if pid < 0 {
			t.Skipf("needs %d processes, after %d: %v", least, len(pids), syscall.Errno(-pid))
		}
		pids = append(pids, pid)
	}
	count := len(pids)
	// And some that are numbered anew, in a namespace of their own.
	inner := exec.Command("/bin/sh", "-c", "/bin/sleep 1000 & exec /bin/sleep 1001")
	inner.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID}
	if err := inner.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = inner.Process.Kill()
		_ = inner.Wait()
	}()
	made := time.Since(began)

	began = time.Now()
	w := start(t)
	w.event("init_namespaces", func(msg.Record) bool { return true })
	listed := time.Since(began)
	known := make(map[int32]*msg.Process)
	batches := 0
	w.mu.Lock()
	for _, b := range w.batches {
		batches++
		for _, p := range b.Processes {
			known[p.Pid] = p
		}
	}
	w.mu.Unlock()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	missing := 0
	parent := known[int32(self)]
	if parent == nil {
		t.Fatal("this process is not among them")
	}
	for _, pid := range pids {
		p := known[int32(pid)]
		if p == nil {
			missing++
			continue
		}
		if p.Ppid != int32(self) || p.ParentStartTime != parent.StartTime || p.NsPid != int32(pid) || p.Exe.GetPath() != exe ||
			len(p.Args) == 0 || p.Args[0] != os.Args[0] || p.StartTime < parent.StartTime {
			t.Fatalf("process %d: %v", pid, p)
		}
	}
	if missing > 0 {
		t.Errorf("%d of %d are missing", missing, count)
	}
	for _, p := range known {
		if len(p.Args) == 2 && p.Args[0] == "/bin/sleep" && (p.Args[1] == "1000" || p.Args[1] == "1001") && p.Ns.Pid == known[int32(inner.Process.Pid)].GetNs().GetPid() {
			want := map[string]int32{"1001": 1, "1000": 2}[p.Args[1]]
			if p.NsPid != want || p.Pid == p.NsPid {
				t.Errorf("sleep %s is %d inside, want %d (%d on the host)", p.Args[1], p.NsPid, want, p.Pid)
			}
		}
	}
	if p := known[int32(inner.Process.Pid)]; p == nil || p.NsPid != 1 || p.NsPpid != 0 {
		t.Errorf("the first of the namespace is %v", p)
	}
	t.Logf("%d processes made in %v, %d told in %d batches, %v after the start", count, made.Round(time.Millisecond), len(known), batches, listed.Round(time.Millisecond))

	// They are known under the name that their end carries.
	victim := known[int32(pids[len(pids)/2])]
	kill()
	if e := w.event("sched_process_exit", of(int(victim.Pid))); e.Process().StartTime != victim.StartTime || word(t, e, "exit_code") != int64(unix.SIGKILL) {
		t.Errorf("ended: %v, was %v", e.Process(), victim)
	}
}
