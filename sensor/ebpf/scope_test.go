//go:build cgo && linux && amd64

package ebpf

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	bpf "github.com/aquasecurity/libbpfgo"
)

// niceProgram is where the program is that lowers its priority.
func niceProgram() string {
	path, err := exec.LookPath("nice")
	if err != nil {
		return "/usr/bin/nice"
	}
	// As the kernel will call it.
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

// rescope gives a source that runs another scope, as if it had started with it.
func (w *watch) rescope(s Scope) {
	w.t.Helper()
	w.Source.mu.Lock()
	defer w.Source.mu.Unlock()
	clear(unsafe.Slice((*byte)(unsafe.Pointer(&w.shared.m.scope)), unsafe.Sizeof(w.shared.m.scope)))
	emptyScope(w.t, w.module)
	sc, err := newScope(s, w.module, w.shared)
	if err == nil {
		err = sc.begin(w.tasks)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.shared.m.self, w.shared.m.self_exe = 0, 0
	w.remember()
}

// emptyScope takes out what another scope has left in the maps.
func emptyScope(t *testing.T, module *bpf.Module) {
	t.Helper()
	for _, name := range []string{"scope_values", "scope_paths", "scope_tasks", "scope_cgroups"} {
		m, err := module.GetMap(name)
		if err != nil {
			t.Fatal(err)
		}
		empty(t, m)
	}
}

func empty(t *testing.T, m *bpf.BPFMap) {
	t.Helper()
	var keys [][]byte
	it := m.Iterator()
	for it.Next() {
		keys = append(keys, append([]byte(nil), it.Key()...))
	}
	for _, k := range keys {
		if err := m.DeleteKey(unsafe.Pointer(&k[0])); err != nil {
			t.Fatal(err)
		}
	}
}

// shell is a process that does what it is told.
type shell struct {
	t   *testing.T
	pid int
	in  io.Writer
	out *bufio.Reader
}

func newShell(t *testing.T, attr *syscall.SysProcAttr) *shell {
	t.Helper()
	cmd := exec.Command("/bin/sh")
	cmd.SysProcAttr = attr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("needs a shell with %+v: %v", attr, err)
	}
	t.Cleanup(func() {
		in.(io.Closer).Close()
		_ = cmd.Wait()
	})
	s := &shell{t, cmd.Process.Pid, in, bufio.NewReader(out)}
	s.tell("echo up")
	return s
}

// tell gives a command and returns the line that it prints.
func (s *shell) tell(command string) string {
	s.t.Helper()
	if _, err := io.WriteString(s.in, command+"\n"); err != nil {
		s.t.Fatal(err)
	}
	line, err := s.out.ReadString('\n')
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// become has the shell itself lower its priority.
func (s *shell) become() int {
	if _, err := io.WriteString(s.in, "exec "+niceProgram()+" -n 1 /bin/true\n"); err != nil {
		s.t.Fatal(err)
	}
	return s.pid
}

// child has a child of the shell do it.
func (s *shell) child() int {
	s.t.Helper()
	pid, err := strconv.Atoi(s.tell(niceProgram() + " -n 1 /bin/true & echo $!; wait"))
	if err != nil {
		s.t.Fatal(err)
	}
	return pid
}

func (s *shell) namespace(kind string) string {
	s.t.Helper()
	link, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", s.pid, kind))
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.Trim(strings.TrimPrefix(link, kind), ":[]")
}

// niced runs a program that lowers its priority.
func niced(t *testing.T, path string, attr *syscall.SysProcAttr) int {
	t.Helper()
	cmd := exec.Command(path, "-n", "1", "/bin/true")
	cmd.SysProcAttr = attr
	return run(t, cmd)
}

// container makes a cgroup as container runtimes do.
func testContainer(t *testing.T, id string) (dir string) {
	t.Helper()
	v2, pids := hierarchies(t)
	h := pids
	if h == nil {
		h = v2
	}
	if h == nil {
		t.Skip("needs a mounted cgroup hierarchy")
	}
	dir = filepath.Join(h.mount, fmt.Sprintf("tripline-%d-%s.scope", os.Getpid(), id))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Skipf("needs a writable %s: %v", h.mount, err)
	}
	t.Cleanup(func() {
		// Whoever is in it ends, some time.
		for end := time.Now().Add(patience); os.Remove(dir) != nil && time.Now().Before(end); time.Sleep(time.Millisecond) {
			procs, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
			for _, p := range strings.Fields(string(procs)) {
				pid, _ := strconv.Atoi(p)
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	})
	return dir
}

func (s *shell) enter(cgroup string) *shell {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(cgroup, "cgroup.procs"), []byte(strconv.Itoa(s.pid)), 0o644); err != nil {
		s.t.Fatal(err)
	}
	return s
}

// TestScope has, for each condition, a process in scope and one out of scope do
// the same. Of the one everything comes out, of the other no record at all.
func TestScope(t *testing.T) {
	w := start(t, "setpriority", "security_bprm_check")
	quiet := filepath.Join(t.TempDir(), "quiet")
	b, err := os.ReadFile(niceProgram())
	if err != nil {
		t.Skip(err)
	}
	if err := os.WriteFile(quiet, b, 0o755); err != nil {
		t.Fatal(err)
	}
	user := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	idA, idB := strings.Repeat("a1", 32), strings.Repeat("b2", 32)
	type pair struct {
		scope   Scope
		in, out func() int
	}
	host := func() int { return niced(t, niceProgram(), nil) }
	for _, c := range []struct {
		name string
		make func(t *testing.T) pair
	}{
		{"pid", func(t *testing.T) pair {
			s := newShell(t, nil)
			return pair{Scope{fmt.Sprintf("pid=1,%d", s.pid)}, s.become, host}
		}},
		{"not pid", func(t *testing.T) pair {
			s := newShell(t, nil)
			return pair{Scope{fmt.Sprintf("pid!=%d", s.pid)}, host, s.become}
		}},
		{"uid", func(t *testing.T) pair {
			return pair{Scope{"uid=65534,65533"}, func() int { return niced(t, niceProgram(), user) }, host}
		}},
		{"not uid", func(t *testing.T) pair {
			return pair{Scope{"uid!=65534"}, host, func() int { return niced(t, niceProgram(), user) }}
		}},
		{"comm", func(t *testing.T) pair {
			return pair{Scope{"comm=quiet"}, func() int { return niced(t, quiet, nil) }, newShell(t, nil).become}
		}},
		{"not comm", func(t *testing.T) pair {
			s := newShell(t, nil)
			return pair{Scope{"comm!=nice,true,sh"}, func() int { return niced(t, quiet, nil) }, s.become}
		}},
		{"exe", func(t *testing.T) pair {
			return pair{Scope{"exe=" + quiet}, func() int { return niced(t, quiet, nil) }, newShell(t, nil).become}
		}},
		{"exe that runs already", func(t *testing.T) pair {
			s := newShell(t, nil)
			sh, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", s.pid))
			if err != nil {
				t.Fatal(err)
			}
			// The shell's fork is in scope, what the child becomes is not.
			return pair{Scope{"exe=" + sh, "follow"}, s.child, host}
		}},
		{"not exe", func(t *testing.T) pair {
			return pair{Scope{"exe!=" + niceProgram()}, func() int { return niced(t, quiet, nil) }, nil}
		}},
		{"mount namespace", func(t *testing.T) pair {
			s := newShell(t, &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS})
			return pair{Scope{"mntns=" + s.namespace("mnt")}, s.become, host}
		}},
		{"pid namespace", func(t *testing.T) pair {
			s := newShell(t, &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID})
			return pair{Scope{"pidns=" + s.namespace("pid")}, s.become, host}
		}},
		{"tree", func(t *testing.T) pair {
			s := newShell(t, nil)
			return pair{Scope{fmt.Sprintf("tree=%d", s.pid)}, s.child, host}
		}},
		{"not tree", func(t *testing.T) pair {
			s := newShell(t, nil)
			return pair{Scope{fmt.Sprintf("tree!=%d", s.pid)}, host, s.child}
		}},
		{"follow", func(t *testing.T) pair {
			s := newShell(t, nil)
			return pair{Scope{fmt.Sprintf("pid=%d", s.pid), "follow"}, s.child, host}
		}},
		{"without follow", func(t *testing.T) pair {
			a, b := newShell(t, nil), newShell(t, nil)
			return pair{Scope{fmt.Sprintf("pid=%d,%d", a.pid, b.pid)}, a.become, b.child}
		}},
		{"new processes", func(t *testing.T) pair {
			return pair{Scope{"process=new"}, host, newShell(t, nil).become}
		}},
		{"container", func(t *testing.T) pair {
			s := newShell(t, nil).enter(testContainer(t, idA))
			return pair{Scope{"container"}, s.become, host}
		}},
		{"host", func(t *testing.T) pair {
			s := newShell(t, nil).enter(testContainer(t, idA))
			return pair{Scope{"host"}, host, s.become}
		}},
		{"one container", func(t *testing.T) pair {
			a, b := newShell(t, nil).enter(testContainer(t, idA)), newShell(t, nil).enter(testContainer(t, idB))
			return pair{Scope{"container=" + idB[:12]}, b.become, a.become}
		}},
		{"one container that comes later", func(t *testing.T) pair {
			return pair{
				Scope{"container=" + idB},
				func() int { return newShell(t, nil).enter(testContainer(t, idB)).become() },
				func() int { return newShell(t, nil).enter(testContainer(t, idA)).become() },
			}
		}},
		{"not one container", func(t *testing.T) pair {
			a, b := newShell(t, nil).enter(testContainer(t, idA)), newShell(t, nil).enter(testContainer(t, idB))
			return pair{Scope{"container!=" + idB}, a.become, b.become}
		}},
		{"new containers", func(t *testing.T) pair {
			old := newShell(t, nil).enter(testContainer(t, idA))
			return pair{Scope{"container=new"}, func() int {
				return newShell(t, nil).enter(testContainer(t, idB)).become()
			}, old.become}
		}},
		{"two conditions", func(t *testing.T) pair {
			s := newShell(t, nil)
			return pair{Scope{fmt.Sprintf("tree=%d", s.pid), "uid!=65534"}, s.child, host}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := c.make(t)
			w.rescope(p.scope)
			since := time.Now().UnixNano()
			out := -1
			if p.out != nil {
				out = p.out()
			}
			in := p.in()
			if out == -1 {
				// What is in scope is no longer what it becomes.
				w.event("security_bprm_check", of(in))
			} else {
				w.event("setpriority", of(in))
			}
			for _, r := range w.records() {
				if of(out)(r) && r.Event.Time > since {
					t.Errorf("%s of process %d is told of, which is out of scope", r.Name(), out)
				}
			}
		})
	}
}

// TestScopeCounts makes a host busy while only containers are looked at: the
// rings do not move, and what was left out is counted.
func TestScopeCounts(t *testing.T) {
	w := start(t, "getppid", "openat", "close", "execve", "security_file_open", "security_bprm_check")
	w.rescope(Scope{"container"})
	tid := onThread(t)
	calledOut, lifecycleOut := w.leftOut(skippedCalls), w.leftOut(skippedLifecycle)
	since := time.Now().UnixNano()
	before := [2]uint64{w.Source.events.end(), w.Source.lifecycle.end()}
	for range 50 {
		run(t, exec.Command("/bin/true"))
	}
	const calls = 10_000
	for range calls {
		_, _, _ = syscall.RawSyscall(syscall.SYS_GETPPID, 0, 0, 0)
	}
	// Others on the machine may work in containers; this thread and its
	// children do not.
	for _, r := range w.records() {
		if r.Event.Tid == int32(tid) && r.Event.Time > since {
			t.Errorf("%s of the test is told of", r.Name())
		}
	}
	if n := w.leftOut(skippedCalls) - calledOut; n < calls {
		t.Errorf("%d calls are counted as left out, of at least %d", n, calls)
	}
	if n := w.leftOut(skippedLifecycle) - lifecycleOut; n < 3*50 {
		t.Errorf("%d process events are counted as left out, of at least %d", n, 3*50)
	}
	t.Logf("left out: %d calls, %d process events; bytes that went into the rings meanwhile: events %d, lifecycle %d", w.leftOut(skippedCalls),
		w.leftOut(skippedLifecycle), w.Source.events.end()-before[0], w.Source.lifecycle.end()-before[1])
}
