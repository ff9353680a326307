//go:build cgo && linux

package ebpf

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/pkg/msg"
)

func gettid() int { return unix.Gettid() }

// of picks the events of a process.
func of(pid int) func(msg.Record) bool {
	return func(r msg.Record) bool { return r.Process().Pid == int32(pid) }
}

// run runs a program to its end and returns its pid and the state.
func run(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	return cmd.Process.Pid
}

// word is a scalar argument that must be there.
func word(t *testing.T, r msg.Record, name string) int64 {
	t.Helper()
	v, ok := r.Arg(name)
	if !ok {
		t.Fatalf("%s has no argument %s", r.Name(), name)
	}
	return v.Word
}

// text is an argument that must be there, as people read it.
func text(t *testing.T, r msg.Record, name string) string {
	t.Helper()
	v, ok := r.Arg(name)
	if !ok {
		t.Fatalf("%s has no argument %s", r.Name(), name)
	}
	return v.Text()
}

// tool copies a static-enough program to a place of its own, with an owner and
// a mode of its own, and returns its path.
func tool(t *testing.T, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile("/bin/sleep")
	if err != nil {
		t.Skipf("needs /bin/sleep: %v", err)
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, b, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestExec holds every fact about a new program against /proc and stat.
func TestExec(t *testing.T) {
	w := start(t)
	dir := t.TempDir()
	path := tool(t, dir, "mytool")
	if err := os.Chown(path, 1234, 4321); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o4755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "60", "0")
	cmd.Dir = dir
	cmd.Env = []string{"LD_PRELOAD=", "COLOUR=blue"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()

	r := w.event("sched_process_exec", of(pid))
	p := r.Process()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	status := procStatus(t, pid)

	if diff := cmp.Diff([]string{path, "60", "0"}, p.Args); diff != "" {
		t.Errorf("arguments: %s", diff)
	}
	if diff := cmp.Diff(cmd.Env, p.Env); diff != "" {
		t.Errorf("environment: %s", diff)
	}
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"pid", p.Pid, int32(pid)},
		{"ppid", p.Ppid, int32(os.Getpid())},
		{"ns_pid", p.NsPid, int32(pid)},
		{"comm", p.Comm, "mytool"},
		{"cwd", p.Cwd, dir},
		{"exe", p.Exe.Path, path},
		{"inode", p.Exe.Inode, st.Ino},
		{"device", p.Exe.Device, unix.Major(st.Dev)<<20 | unix.Minor(st.Dev)},
		{"mode", p.Exe.Mode, st.Mode},
		{"owner", p.Exe.Uid, uint32(1234)},
		{"links", p.Exe.Nlink, uint32(st.Nlink)},
		{"ctime", p.Exe.Ctime, st.Ctim.Nano()},
		{"mtime", p.Exe.Mtime, st.Mtim.Nano()},
		{"memfd", p.Exe.Memfd, false},
		{"session", p.Sid, int32(pid)},
		{"group", p.Pgid, int32(pid)},
		{"tty", p.Tty, uint32(0)},
		{"stdin", p.StdinMode & unix.S_IFMT, uint32(unix.S_IFIFO)},
		{"uid", fmt.Sprint(p.Cred.Uid, p.Cred.Euid, p.Cred.Suid, p.Cred.Fsuid), status["Uid"]},
		{"gid", fmt.Sprint(p.Cred.Gid, p.Cred.Egid, p.Cred.Sgid, p.Cred.Fsgid), status["Gid"]},
		{"effective", fmt.Sprintf("%016x", p.Cred.CapEffective), status["CapEff"]},
		{"permitted", fmt.Sprintf("%016x", p.Cred.CapPermitted), status["CapPrm"]},
		{"inheritable", fmt.Sprintf("%016x", p.Cred.CapInheritable), status["CapInh"]},
		{"bounding", fmt.Sprintf("%016x", p.Cred.CapBounding), status["CapBnd"]},
		{"ambient", fmt.Sprintf("%016x", p.Cred.CapAmbient), status["CapAmb"]},
		{"login uid", fmt.Sprint(p.LoginUid), procText(t, pid, "loginuid")},
		{"audit session", fmt.Sprint(p.AuditSession), procText(t, pid, "sessionid")},
		{"mnt", p.Ns.Mnt, nsOf(t, pid, "mnt")},
		{"pid ns", p.Ns.Pid, nsOf(t, pid, "pid")},
		{"net", p.Ns.Net, nsOf(t, pid, "net")},
		{"user", p.Ns.User, nsOf(t, pid, "user")},
		{"uts", p.Ns.Uts, nsOf(t, pid, "uts")},
		{"ipc", p.Ns.Ipc, nsOf(t, pid, "ipc")},
		{"cgroup ns", p.Ns.Cgroup, nsOf(t, pid, "cgroup")},
		{"start ticks", int64(p.StartTime) / 1e7, startTicks(t, pid)},
		{"knowledge", p.Knowledge, msg.Knowledge_KNOWLEDGE_KERNEL},
		{"arg cmdpath", text(t, r, "cmdpath"), path},
		{"arg pathname", text(t, r, "pathname"), path},
		{"arg interp", text(t, r, "interp"), path},
		{"arg dev", word(t, r, "dev"), int64(p.Exe.Device)},
		{"arg inode", word(t, r, "inode"), int64(st.Ino)},
		{"arg ctime", word(t, r, "ctime"), st.Ctim.Nano()},
		{"arg inode_mode", word(t, r, "inode_mode"), int64(st.Mode)},
		{"arg stdin_type", word(t, r, "stdin_type") & unix.S_IFMT, int64(unix.S_IFIFO)},
		{"arg argv", text(t, r, "argv"), path + " 60 0"},
		{"arg env", text(t, r, "env"), "LD_PRELOAD= COLOUR=blue"},
		{"arg invoked_from_kernel", word(t, r, "invoked_from_kernel"), int64(0)},
		{"comm of the event", r.Comm(), "mytool"},
	} {
		if c.got != c.want {
			t.Errorf("%s is %v (%T), want %v", c.what, c.got, c.got, c.want)
		}
	}
}

// TestScript runs a file that names its interpreter.
func TestScript(t *testing.T) {
	w := start(t)
	path := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(path, []byte("#!/bin/sh -e\nexit 7\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	pid := run(t, exec.Command(path, "one"))
	r := w.event("sched_process_exec", of(pid))
	shell, err := filepath.EvalSymlinks("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ what, got, want string }{
		{"cmdpath", text(t, r, "cmdpath"), path},
		{"pathname", text(t, r, "pathname"), shell},
		{"interp", text(t, r, "interp"), "/bin/sh"},
		{"interpreter", r.Process().Exe.Interpreter, "/bin/sh"},
		{"argv", text(t, r, "argv"), "/bin/sh -e " + path + " one"},
		{"comm", r.Comm(), "script"},
	} {
		if c.got != c.want {
			t.Errorf("%s is %q, want %q", c.what, c.got, c.want)
		}
	}
	// As the kernel has it: the status above the signal.
	if got := word(t, w.event("sched_process_exit", of(pid)), "exit_code"); got != 7<<8 {
		t.Errorf("exit code %#x, want 0x700", got)
	}
}

// TestExecMemfd runs a program that lies in memory only.
func TestExecMemfd(t *testing.T) {
	w := start(t)
	b, err := os.ReadFile("/bin/true")
	if err != nil {
		t.Skipf("needs /bin/true: %v", err)
	}
	fd, err := unix.MemfdCreate("payload", 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "payload")
	defer f.Close()
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd))
	cmd.Args = []string{"innocent"}
	r := w.event("sched_process_exec", of(run(t, cmd)))
	if got := text(t, r, "pathname"); got != "memfd:payload" {
		t.Errorf("pathname %q", got)
	}
	if e := r.Process().Exe; !e.Memfd || e.Nlink != 0 || e.Path != "memfd:payload" {
		t.Errorf("executable %v", e)
	}
	if got := text(t, r, "argv"); got != "innocent" {
		t.Errorf("argv %q", got)
	}
}

// TestLongArguments checks that what does not fit is counted, not lost silently.
func TestLongArguments(t *testing.T) {
	w := start(t, "execve")
	long := strings.Repeat("x", 3000)
	pid := run(t, exec.Command("/bin/true", long, long, long))
	whole := len("/bin/true") + 1 + 3*3001

	r := w.event("sched_process_exec", of(pid))
	p := r.Process()
	if got := len(strings.Join(p.Args, " ")); got != listLimit {
		t.Errorf("%d bytes of the command line, want %d", got, listLimit)
	}
	if p.ArgsOmitted != uint32(whole-listLimit) {
		t.Errorf("omitted %d, want %d", p.ArgsOmitted, whole-listLimit)
	}
	if r.Event.Flags&uint32(msg.EventFlag_EVENT_FLAG_TRUNCATED) == 0 {
		t.Error("not marked truncated")
	}
	c := w.event("execve", of(pid))
	if c.Event.Flags&uint32(msg.EventFlag_EVENT_FLAG_TRUNCATED) == 0 {
		t.Error("execve is not marked truncated")
	}
	if v, _ := c.Arg("argv"); len(v.Strings()) < 2 || v.Strings()[1] != long {
		t.Error("execve has lost what fits")
	}
}

// TestExecveSucceeds checks what only the entry of the call can tell.
func TestExecveSucceeds(t *testing.T) {
	w := start(t, "execve")
	cmd := exec.Command("/bin/true", "one", "two words")
	cmd.Env = []string{"KUBERNETES_SERVICE_HOST=10.0.0.1"}
	pid := run(t, cmd)
	r := w.event("execve", of(pid))
	if r.Event.Ret != 0 || text(t, r, "pathname") != "/bin/true" || text(t, r, "argv") != "/bin/true one two words" ||
		text(t, r, "envp") != cmd.Env[0] || r.Comm() != "true" {
		j, _ := r.JSON().MarshalJSONLine()
		t.Errorf("%s", j)
	}
}

// threadExecVariable makes the test binary run another program from a thread
// that is not its first.
const threadExecVariable = "TRIPLINE_TEST_THREAD_EXEC"

func threadExecMain() {
	for {
		done := make(chan struct{})
		go func() {
			runtime.LockOSThread()
			if gettid() != os.Getpid() {
				err := syscall.Exec("/bin/true", []string{"by-a-thread"}, nil)
				fmt.Println(err)
				os.Exit(1)
			}
			close(done)
		}()
		<-done
	}
}

// TestExecByThread checks the call of a thread that becomes the whole process:
// it returns under another thread id than it was made with.
func TestExecByThread(t *testing.T) {
	w := start(t, "execve")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = []string{threadExecVariable + "=1"}
	pid := run(t, cmd)
	byThread := func(r msg.Record) bool {
		v, _ := r.Arg("argv")
		return of(pid)(r) && len(v.Strings()) == 1 && v.Strings()[0] == "by-a-thread"
	}
	call := w.event("execve", byThread)
	program := w.event("sched_process_exec", byThread)
	for _, r := range []msg.Record{call, program} {
		if r.Event.Tid != int32(pid) {
			t.Errorf("%s by thread %d, want %d", r.Name(), r.Event.Tid, pid)
		}
	}
	if call.Process().StartTime != program.Process().StartTime {
		t.Errorf("start time %d and %d", call.Process().StartTime, program.Process().StartTime)
	}
}

// TestFork checks both sides of a fork.
func TestFork(t *testing.T) {
	w := start(t)
	pid := run(t, exec.Command("/bin/true"))
	r := w.event("sched_process_fork", func(r msg.Record) bool { return word(t, r, "child_pid") == int64(pid) })
	self := int64(os.Getpid())
	for name, want := range map[string]int64{
		"parent_pid": self, "parent_ns_pid": self, "parent_tid": int64(r.Event.Tid), "parent_ns_tid": int64(r.Event.NsTid),
		"child_tid": int64(pid), "child_ns_tid": int64(pid), "child_ns_pid": int64(pid),
	} {
		if got := word(t, r, name); got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
	i := slices.IndexFunc(r.Batch.Processes, func(p *msg.Process) bool {
		return p.Pid == int32(pid) && p.StartTime == uint64(word(t, r, "start_time"))
	})
	if i < 0 {
		t.Fatal("the child is not in the batch's table")
	}
	child := r.Batch.Processes[i]
	if child.Ppid != int32(self) || child.ParentStartTime != r.Process().StartTime {
		t.Errorf("the child's parent is %d started %d, want %d started %d", child.Ppid, child.ParentStartTime, self, r.Process().StartTime)
	}
	exe, _ := os.Executable()
	if child.Exe.GetPath() != exe || !slices.Equal(child.Args, os.Args) {
		t.Errorf("the child runs %q %q, want %q %q", child.Exe.GetPath(), child.Args, exe, os.Args)
	}
}

// TestThreads checks that a new thread is not taken for a process, and that
// what it does is reported under its own id.
func TestThreads(t *testing.T) {
	w := start(t, "getpriority")
	tids := make(chan int)
	go func() {
		// The thread ends with the goroutine, since it stays locked.
		tid := onThread(t)
		w.mark(t, 1)
		tids <- tid
	}()
	tid := <-tids
	r := w.event("getpriority", func(r msg.Record) bool { return r.Event.Tid == int32(tid) })
	if r.Process().Pid != int32(os.Getpid()) {
		t.Errorf("pid %d, want %d", r.Process().Pid, os.Getpid())
	}
	run(t, exec.Command("/bin/true"))
	w.event("sched_process_exit", func(msg.Record) bool { return true })
	for _, r := range w.records() {
		if r.Name() == "sched_process_fork" && word(t, r, "child_pid") != word(t, r, "child_tid") {
			t.Errorf("a thread is reported as a fork: %v", r.Event)
		}
	}
}

// TestNamespaces starts a process that is number 1 where it lives.
func TestNamespaces(t *testing.T) {
	w := start(t, "getpriority")
	cmd := exec.Command("/bin/sh", "-c", "exit 0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWUTS, Setsid: true}
	pid := run(t, cmd)
	r := w.event("sched_process_exec", of(pid))
	p := r.Process()
	if p.NsPid != 1 || p.NsPpid != 0 || p.NsSid != 1 || p.NsPgid != 1 || r.Event.NsTid != 1 {
		t.Errorf("in its own namespace: pid %d, parent %d, session %d, group %d, thread %d; want 1 0 1 1 1",
			p.NsPid, p.NsPpid, p.NsSid, p.NsPgid, r.Event.NsTid)
	}
	if p.Pid != int32(pid) || p.Sid != int32(pid) {
		t.Errorf("on the host: pid %d, session %d, want %d", p.Pid, p.Sid, pid)
	}
	self := os.Getpid()
	if p.Ns.Pid == nsOf(t, self, "pid") || p.Ns.Mnt == nsOf(t, self, "mnt") || p.Ns.Uts == nsOf(t, self, "uts") || p.Ns.Net != nsOf(t, self, "net") {
		t.Errorf("namespaces %v", p.Ns)
	}
}

// TestTerminal gives a process a controlling terminal.
func TestTerminal(t *testing.T) {
	w := start(t)
	ptmx, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("needs /dev/ptmx: %v", err)
	}
	defer ptmx.Close()
	n, err := unix.IoctlGetInt(int(ptmx.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(ptmx.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("needs /dev/pts: %v", err)
	}
	defer tty.Close()
	cmd := exec.Command("/bin/true")
	cmd.Stdin = tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	p := w.event("sched_process_exec", of(run(t, cmd))).Process()
	if want := uint32(136<<8 | n); p.Tty != want {
		t.Errorf("tty %d, want %d", p.Tty, want)
	}
	if p.StdinMode&unix.S_IFMT != unix.S_IFCHR {
		t.Errorf("stdin %#o", p.StdinMode)
	}
}

// TestExistingProcesses starts a process before the sensor.
func TestExistingProcesses(t *testing.T) {
	needRoot(t)
	cmd := exec.Command("/bin/sleep", "100")
	cmd.Env = []string{"MARK=1"}
	cmd.Dir = t.TempDir()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	pid := cmd.Process.Pid
	w := start(t)
	var p *msg.Process
	b := w.await("the existing process", func(b *msg.Batch) bool {
		for _, q := range b.Processes {
			if q.Pid == int32(pid) {
				p = q
				return true
			}
		}
		return false
	})
	if len(b.Events) != 0 {
		t.Errorf("%d events in a batch of existing processes", len(b.Events))
	}
	if b.BootTime == 0 || b.Source != "ebpf" {
		t.Errorf("boot time %d, source %q", b.BootTime, b.Source)
	}
	if !slices.Equal(p.Args, cmd.Args) || !slices.Equal(p.Env, cmd.Env) || p.Cwd != cmd.Dir || p.Knowledge != msg.Knowledge_KNOWLEDGE_PROC || p.Comm != "sleep" {
		t.Errorf("%v", p)
	}
	// The key is the one that later events carry.
	_ = cmd.Process.Kill()
	if e := w.event("sched_process_exit", of(pid)); e.Process().StartTime != p.StartTime {
		t.Errorf("start time %d at exit, %d before", e.Process().StartTime, p.StartTime)
	} else if word(t, e, "exit_code") != 9 {
		t.Errorf("exit code %d, want 9", word(t, e, "exit_code"))
	}
}
