//go:build cgo && linux

package ebpf

import (
	"os/exec"
	"sync"
	"testing"

	"github.com/tripline/tripline/pkg/msg"
)

// TestOrder runs many short-lived processes at once and checks that each one's
// story is told in order although its events come by two rings: forked, then
// calls, then the new program, then calls, then the end.
func TestOrder(t *testing.T) {
	w := start(t, "openat", "mmap", "close", "execve", "exit_group")
	const workers, each = 4, 25
	pids := make(chan int, workers*each)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for range each {
				cmd := exec.Command("/bin/sh", "-c", "exec /bin/true")
				if err := cmd.Run(); err != nil {
					t.Error(err)
					return
				}
				pids <- cmd.Process.Pid
			}
		})
	}
	group.Wait()
	close(pids)
	ours := make(map[int32]bool)
	for pid := range pids {
		ours[int32(pid)] = true
		w.event("sched_process_exit", of(pid))
	}

	type story struct {
		forked, execs, exited, calls int
		last                         int64
		start                        uint64
	}
	stories := make(map[int32]*story)
	of := func(pid int32) *story {
		s := stories[pid]
		if s == nil {
			s = &story{}
			stories[pid] = s
		}
		return s
	}
	for _, r := range w.records() {
		if r.Name() == "sched_process_fork" {
			if child := int32(word(t, r, "child_pid")); ours[child] {
				s := of(child)
				s.forked++
				s.start = uint64(word(t, r, "start_time"))
				if s.calls > 0 {
					t.Errorf("%d made calls before it was forked", child)
				}
			}
		}
		pid := r.Process().Pid
		if !ours[pid] {
			continue
		}
		s := of(pid)
		switch {
		case s.forked == 0:
			t.Errorf("%d: %s before its fork", pid, r.Name())
		case s.exited > 0:
			t.Errorf("%d: %s after its end", pid, r.Name())
		case r.Event.Time < s.last:
			t.Errorf("%d: %s goes back in time", pid, r.Name())
		case r.Process().StartTime != s.start:
			t.Errorf("%d: %s has another start time", pid, r.Name())
		}
		s.last = r.Event.Time
		switch r.Name() {
		case "sched_process_exec":
			s.execs++
		case "sched_process_exit":
			s.exited++
		case "execve":
			// The call returns after the program has been replaced.
			if r.Event.Ret == 0 && s.execs == 0 {
				t.Errorf("%d: execve returned before the new program", pid)
			}
			s.calls++
		default:
			s.calls++
		}
		// At its end an older kernel has put away what a process was running.
		if s.execs > 0 && r.Name() != "sched_process_exit" && r.Process().Knowledge == msg.Knowledge_KNOWLEDGE_KERNEL && r.Process().Exe.GetPath() == "" {
			t.Errorf("%d: %s refers to a process without a program", pid, r.Name())
		}
	}
	for pid := range ours {
		s := of(pid)
		if s.forked != 1 || s.execs != 2 || s.exited != 1 || s.calls < 4 {
			t.Errorf("%d: forked %d, new programs %d, ended %d, calls %d", pid, s.forked, s.execs, s.exited, s.calls)
		}
	}
	if d := w.Drops(); len(d) != 0 {
		t.Errorf("lost %v", d)
	}
}
