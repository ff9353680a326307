package process

import (
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

// TestLateEnvironment: what is asked for only while a process runs is read
// from its memory, and forgotten when nobody asks any more.
func TestLateEnvironment(t *testing.T) {
	s, k := newStep(t, nil), newKernel()
	k.boot = s.boot
	cmd := exec.Command("/bin/sh", "-c", "sleep 1000 & wait")
	cmd.Env = []string{"A=1", "SECRET=hunter2", "B=2", "PATH=/bin:/usr/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
	parent := int32(cmd.Process.Pid)
	child := sleepOf(t, s, parent)
	for _, pid := range []int32{parent, child} {
		st, err := s.reader.stat(pid)
		if err != nil {
			t.Fatal(err)
		}
		k.start[pid] = st.startTicks * tick
	}
	for _, step := range []struct {
		asked, want []string
	}{
		{nil, nil},
		{[]string{"A"}, []string{"A=1"}},
		{[]string{"A", "B"}, []string{"A=1", "B=2"}},
		{[]string{"B"}, []string{"B=2"}},
		{nil, nil},
		{[]string{"A", "NONE"}, []string{"A=1"}},
		{[]string{msg.WholeEnvironment}, cmd.Env},
		{[]string{"A"}, []string{"A=1"}},
	} {
		k.open(child, "sleep")
		k.Batch().Environment = step.asked
		r := k.send(t, s, false).Record(0)
		if r.Process().Pid != child || r.Ancestor(1) == nil || r.Ancestor(1).Pid != parent {
			t.Fatalf("the event is of %s", line(r))
		}
		for n, p := range []*msg.Process{r.Process(), r.Ancestor(1)} {
			got := slices.DeleteFunc(slices.Clone(p.Env), func(v string) bool { return !slices.Contains(cmd.Env, v) }) // the shell adds its own
			if !slices.Equal(sorted(got), sorted(step.want)) {
				t.Errorf("asked for %q: ancestor %d has %q, want %q", step.asked, n, got, step.want)
			}
		}
	}
	for _, n := range s.tables[0].byPID {
		if slices.Contains(n.row.Env, "SECRET=hunter2") {
			t.Errorf("process %d keeps what nobody asks for", n.pid)
		}
	}
}

// TestEnvironmentOfBatchesIsLimited: whatever a sensor sends, nothing goes on
// that was not asked for.
func TestEnvironmentOfBatchesIsLimited(t *testing.T) {
	s, k := newStep(t, nil), newKernel()
	k.tree()
	k.start[30] = ms(3000)
	k.rows[30] = k.Process(&msg.Process{
		Pid: 30, StartTime: ms(3000), Ppid: 20, Comm: "sh", Exe: &msg.Executable{Path: "/bin/sh"},
		Env: []string{"SECRET=hunter2", "A=1"}, Knowledge: msg.Knowledge_KNOWLEDGE_KERNEL,
	})
	k.open(30, "sh")
	k.Batch().Environment = []string{"A"}
	b := k.send(t, s, false)
	if got := b.Record(len(b.Events) - 1).Process().Env; !slices.Equal(got, []string{"A=1"}) {
		t.Errorf("went on with %q", got)
	}
	// The child has what its parent has, and the table no more than that.
	k.fork(30, 31, ms(4000), "sh")
	k.open(31, "sh")
	k.Batch().Environment = []string{"A"}
	b = k.send(t, s, false)
	if got := b.Record(len(b.Events) - 1).Process().Env; !slices.Equal(got, []string{"A=1"}) {
		t.Errorf("a child went on with %q", got)
	}
}

// sleepOf waits until a process has a child called sleep.
func sleepOf(t *testing.T, s *Step, parent int32) int32 {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		pids, err := s.reader.pids()
		if err != nil {
			t.Fatal(err)
		}
		for _, pid := range pids {
			if st, err := s.reader.stat(pid); err == nil && st.ppid == parent && st.comm == "sleep" {
				return pid
			}
		}
	}
	t.Fatal("the shell starts no child")
	return 0
}

func sorted(l []string) []string {
	l = slices.Clone(l)
	slices.Sort(l)
	return l
}
