//go:build cgo && linux && amd64

package ebpf

import (
	"errors"
	"os/exec"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

func unlinkNothing(t *testing.T) {
	t.Helper()
	if err := unix.Unlink("/nonexistent/gate"); !errors.Is(err, unix.ENOENT) {
		t.Fatal(err)
	}
}

// TestGate turns a call on and off while the source runs.
func TestGate(t *testing.T) {
	w := start(t, "getpriority")
	tid := onThread(t)
	demand := func(names ...string) {
		t.Helper()
		var d []msg.EventDemand
		for _, n := range names {
			d = append(d, msg.EventDemand{Name: n})
		}
		if missing := w.Want(d); len(missing) > 0 {
			t.Fatalf("missing %v", missing)
		}
	}
	w.mark(t, 0)
	unlinkNothing(t)
	demand("getpriority", "unlinkat", "unlink")
	w.mark(t, 1)
	unlinkNothing(t)
	demand("getpriority")
	w.mark(t, 2)
	unlinkNothing(t)
	w.mark(t, 3)
	between := w.betweenMarks(tid, 3)
	for i, want := range []int{0, 1, 0} {
		if len(between[i]) != want {
			t.Errorf("stretch %d has %d events, want %d", i, len(between[i]), want)
		}
	}
}

// TestNoDemandNoProgram checks that system calls go untouched while nobody
// wants any, and that lifecycle events come regardless.
func TestNoDemandNoProgram(t *testing.T) {
	w := start(t)
	attached := func(name string) bool {
		w.Source.mu.Lock()
		defer w.Source.mu.Unlock()
		return w.links[name] != nil
	}
	// Only where it is not seen later is execve looked at when it is made.
	late := !w.skipped[progPrepare]
	for _, c := range []struct {
		demand      []msg.EventDemand
		exit, enter bool
	}{
		{nil, false, false},
		{[]msg.EventDemand{{Name: "openat"}}, true, false},
		{[]msg.EventDemand{{Name: "openat"}, {Name: "execve"}}, true, !late},
		{[]msg.EventDemand{{Name: "exit_group"}}, true, true},
		{[]msg.EventDemand{{Name: "sched_process_exec"}}, false, false},
	} {
		w.Want(c.demand)
		if attached(progExit) != c.exit || attached(progEnter) != c.enter {
			t.Errorf("%v: attached at exit %v, at entry %v; want %v, %v", c.demand, attached(progExit), attached(progEnter), c.exit, c.enter)
		}
	}
	w.event("sched_process_exec", of(run(t, exec.Command("/bin/true"))))
}

func TestWantAndEnabled(t *testing.T) {
	w := start(t)
	missing := w.Want([]msg.EventDemand{{Name: "ptrace"}, {Name: "no_such_event"}, {Name: "waitpid"}, {Name: "hidden_inodes"}})
	if len(missing) != 2 || missing["no_such_event"] == "" || missing["hidden_inodes"] == "" {
		t.Errorf("missing %v", missing)
	}
	got := w.Enabled()
	for _, name := range []string{"ptrace", "waitpid", "sched_process_fork", "sched_process_exec", "sched_process_exit", "cgroup_mkdir", "cgroup_rmdir", "cgroup_attach_task", "container_create", "container_remove", "existing_container", "init_namespaces"} {
		if !slices.Contains(got, name) {
			t.Errorf("%s is not enabled: %v", name, got)
		}
	}
	// Containers and the host's namespaces are always told of, too.
	if len(got) != 12 {
		t.Errorf("enabled: %v", got)
	}
}

// TestFilterInKernel lets through only the values that all demands are about.
func TestFilterInKernel(t *testing.T) {
	w := start(t, "getpriority")
	w.Want([]msg.EventDemand{
		{Name: "getpriority"},
		{Name: "ptrace", Args: []msg.ArgDemand{{Name: "request", Op: "=", Values: []string{"PTRACE_CONT", "3"}}}},
		{Name: "ptrace", Args: []msg.ArgDemand{{Name: "request", Op: "=", Values: []string{"PTRACE_SEIZE"}}}},
	})
	tid := onThread(t)
	w.mark(t, 0)
	for _, request := range []uintptr{unix.PTRACE_CONT, unix.PTRACE_POKETEXT, 3, unix.PTRACE_SEIZE, unix.PTRACE_PEEKTEXT} {
		_, _, _ = syscall.RawSyscall(unix.SYS_PTRACE, request, 1<<22, 0)
	}
	w.mark(t, 1)
	var got []int64
	for _, r := range w.betweenMarks(tid, 1)[0] {
		got = append(got, word(t, r, "request"))
	}
	if want := []int64{unix.PTRACE_CONT, 3, unix.PTRACE_SEIZE}; !slices.Equal(got, want) {
		t.Errorf("requests %v, want %v", got, want)
	}
}

func TestFilter(t *testing.T) {
	ptrace, _ := catalogue.Lookup("ptrace")
	eq := func(name string, values ...string) []msg.ArgDemand {
		return []msg.ArgDemand{{Name: name, Op: "=", Values: values}}
	}
	for _, c := range []struct {
		name     string
		demands  []msg.EventDemand
		position int
		mask     uint64
	}{
		{"none", nil, 0, 0},
		{"names and numbers", []msg.EventDemand{{Args: eq("request", "PTRACE_TRACEME", "0x4")}}, 1, 1<<0 | 1<<4},
		{"union", []msg.EventDemand{{Args: eq("request", "1")}, {Args: eq("request", "2")}}, 1, 1<<1 | 1<<2},
		{"one wants all", []msg.EventDemand{{Args: eq("request", "1")}, {}}, 0, 0},
		{"one wants all, first", []msg.EventDemand{{}, {Args: eq("request", "1")}}, 0, 0},
		{"different arguments", []msg.EventDemand{{Args: eq("request", "1")}, {Args: eq("pid", "1")}}, 0, 0},
		{"second argument fits", []msg.EventDemand{{Args: append(eq("nope", "1"), eq("pid", "1")...)}}, 2, 1 << 1},
		{"unknown value", []msg.EventDemand{{Args: eq("request", "PTRACE_NEW")}}, 0, 0},
		{"beyond the mask", []msg.EventDemand{{Args: eq("request", "PTRACE_SEIZE")}}, 1, 1 << 63},
		{"prefix", []msg.EventDemand{{Args: []msg.ArgDemand{{Name: "request", Op: "prefix", Values: []string{"1"}}}}}, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if p, m := filter(ptrace, c.demands); p != c.position || c.position != 0 && m != c.mask {
				t.Errorf("position %d mask %#x, want %d %#x", p, m, c.position, c.mask)
			}
		})
	}
}

// TestOwnCallsExcluded checks that the sensor does not report itself.
func TestOwnCallsExcluded(t *testing.T) {
	w := start(t, "getpriority")
	tid := onThread(t)
	w.Source.mu.Lock()
	w.shared.m.self = cUint(syscall.Getpid())
	w.Source.mu.Unlock()
	w.mark(t, 0)
	w.observeSelf()
	w.mark(t, 1)
	for _, r := range w.betweenMarks(tid, 1)[0] {
		t.Errorf("the sensor's own %s came out", r.Name())
	}
	for _, r := range w.records() {
		if a, _ := r.Arg("who"); r.Name() == "getpriority" && r.Event.Tid == int32(tid) && a.Word == 0 {
			t.Error("the sensor's own mark came out")
		}
	}
}

// TestExitCalls records the calls that do not come back.
func TestExitCalls(t *testing.T) {
	w := start(t, "exit_group")
	pid := run(t, exec.Command("/bin/sh", "-c", "exit 9"))
	if got := word(t, w.event("exit_group", of(pid)), "status"); got != 9 {
		t.Errorf("status %d, want 9", got)
	}
}
