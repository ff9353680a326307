package process

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/pkg/msg"
)

func TestParseStat(t *testing.T) {
	rest := " S 7 8 9 34816 10 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456 99 1 2 3"
	for _, comm := range []string{"sh", "a b", "x) S 1 1 1", "((", ")", "", "\n"} {
		st, err := parseStat([]byte("42 (" + comm + ")" + rest))
		if err != nil {
			t.Fatalf("%q: %v", comm, err)
		}
		want := stat{comm: comm, ppid: 7, pgid: 8, sid: 9, tty: 34816, flags: 4194560, startTicks: 123456}
		if st != want {
			t.Errorf("%q: got %+v, want %+v", comm, st, want)
		}
	}
	for _, bad := range []string{"", "42", "42 (sh", "42 (sh) S 1 2", ")("} {
		if _, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q is taken for a stat line", bad)
		}
	}
}

func TestReadSelf(t *testing.T) {
	r := &reader{root: "/proc", cgroup: func(b []byte) string { return string(b[:1]) }}
	p, err := r.read(int32(os.Getpid()), 0)
	if err != nil {
		t.Fatal(err)
	}
	exe, _ := os.Executable()
	cwd, _ := os.Getwd()
	if p.Exe.GetPath() != exe || !slices.Equal(p.Args, os.Args) || p.Cwd != cwd {
		t.Errorf("exe %q, args %q, cwd %q; want %q, %q, %q", p.Exe.GetPath(), p.Args, p.Cwd, exe, os.Args, cwd)
	}
	sid, _ := unix.Getsid(0)
	if p.Ppid != int32(os.Getppid()) || p.Sid != int32(sid) || p.Pgid != int32(unix.Getpgrp()) {
		t.Errorf("ppid %d, sid %d, pgid %d", p.Ppid, p.Sid, p.Pgid)
	}
	if p.Cred.GetUid() != uint32(os.Getuid()) || p.Cred.GetEgid() != uint32(os.Getegid()) {
		t.Errorf("credentials %v", p.Cred)
	}
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/ns/mnt", &st); err != nil || uint64(p.Ns.GetMnt()) != st.Ino {
		t.Errorf("mount namespace %d, want %d (%v)", p.Ns.GetMnt(), st.Ino, err)
	}
	if err := unix.Stat(exe, &st); err != nil || p.Exe.Inode != st.Ino || p.Exe.Mtime != st.Mtim.Nano() {
		t.Errorf("executable %v is not what stat says: %+v (%v)", p.Exe, st, err)
	}
	if p.Knowledge != msg.Knowledge_KNOWLEDGE_PROC || p.Cgroup == "" || p.NsPid == 0 {
		t.Errorf("knowledge %v, cgroup %q, ns pid %d", p.Knowledge, p.Cgroup, p.NsPid)
	}
	if _, err := r.read(int32(os.Getpid()), 1); err == nil {
		t.Error("a process with another start time is taken for this one")
	}
}

// local makes a kernel and a step of this machine, whose /proc is asked.
func local(t *testing.T) (*Step, *kernel) {
	s := newStep(t, nil)
	if s.boot == "" {
		t.Skip("needs a readable /proc/sys/kernel/random/boot_id")
	}
	k := newKernel()
	k.boot = s.boot
	return s, k
}

// runScript starts a shell script and returns its process; lines of its output
// come on the channel.
func runScript(t *testing.T, script string) (*exec.Cmd, <-chan string, func(string)) {
	t.Helper()
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("needs sh")
	}
	cmd := exec.Command(sh, "-c", script)
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 16)
	go func() {
		defer close(lines)
		for sc := bufio.NewScanner(out); sc.Scan(); {
			lines <- sc.Text()
		}
	}()
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd, lines, func(s string) { fmt.Fprintln(in, s) }
}

func (k *kernel) adopt(t *testing.T, pid int32) {
	t.Helper()
	st, err := (&reader{root: "/proc"}).stat(pid)
	if err != nil {
		t.Fatal(err)
	}
	k.start[pid] = st.startTicks*tick + 4321 // as the kernel has it: finer than /proc
}

func TestLiveProcessIsReadWhenMissed(t *testing.T) {
	s, k := local(t)
	cmd, lines1, _ := runScript(t, "echo ready; read x")
	<-lines1
	pid := int32(cmd.Process.Pid)
	k.adopt(t, pid)
	k.open(pid, "sh")
	b := k.send(t, s, false)
	p := b.Record(0).Process()
	if p.Knowledge != msg.Knowledge_KNOWLEDGE_PROC || len(p.Args) != 3 || p.Args[2] != "echo ready; read x" {
		t.Errorf("got %v %q", p.Knowledge, p.Args)
	}
	if p.StartTime != k.start[pid] {
		t.Errorf("start time %d, want the kernel's %d", p.StartTime, k.start[pid])
	}
	// Its ancestors are this test and so on up to init.
	if a := b.Record(0).Ancestor(1); a == nil || a.Pid != int32(os.Getpid()) {
		t.Errorf("parent is %v, want this test", a)
	}
	if n := len(p.Ancestors); n == 0 || b.Processes[p.Ancestors[n-1]].Ppid != 0 {
		t.Errorf("%d ancestors do not reach the first process", n)
	}
}

func TestSeededTable(t *testing.T) {
	s, k := local(t)
	cmd, lines1, _ := runScript(t, "echo ready; read x")
	<-lines1
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	pid := int32(cmd.Process.Pid)
	k.adopt(t, pid)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	k.open(pid, "sh") // /proc has nothing to say of it any more
	if p := k.send(t, s, false).Record(0).Process(); len(p.Args) != 3 {
		t.Errorf("the process was not seeded: %q", p.Args)
	}
}

func TestLostExecIsRepaired(t *testing.T) {
	s, k := local(t)
	cmd, lines1, say := runScript(t, "echo ready; read x; exec sleep 1000")
	<-lines1
	pid := int32(cmd.Process.Pid)
	k.adopt(t, pid)
	k.open(pid, "sh")
	before := k.send(t, s, false).Record(0).Process()
	say("go")
	r := &reader{root: "/proc"}
	waitFor(t, "the shell runs sleep", func() bool { return strings.HasSuffix(r.exe(pid).GetPath(), "/sleep") })
	k.open(pid, "sleep")
	k.send(t, s, false)
	k.open(pid, "sleep")
	after := k.send(t, s, false).Record(0).Process()
	if filepath.Base(after.Exe.GetPath()) != "sleep" || !slices.Equal(after.Args, []string{"sleep", "1000"}) {
		t.Errorf("before %q, after %q %q", before.Exe.GetPath(), after.Exe.GetPath(), after.Args)
	}
	if after.Knowledge != msg.Knowledge_KNOWLEDGE_PROC {
		t.Errorf("marked %v", after.Knowledge)
	}
	if c, _ := s.Health(); c["repaired"] != 1 {
		t.Errorf("%d repairs counted", c["repaired"])
	}
}

func TestOrphanGetsItsNewParent(t *testing.T) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Skipf("needs PR_SET_CHILD_SUBREAPER: %v", err)
	}
	defer func() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) }()
	s, k := local(t)
	// The shell starts a grandchild that outlives it.
	cmd, out, say := runScript(t, "sleep 1000 & echo $!; read x")
	var orphan int32
	fmt.Sscan(<-out, &orphan)
	shell := int32(cmd.Process.Pid)
	k.adopt(t, shell)
	k.adopt(t, orphan)
	t.Cleanup(func() {
		_ = syscall.Kill(int(orphan), syscall.SIGKILL)
		var ws syscall.WaitStatus
		_, _ = syscall.Wait4(int(orphan), &ws, 0, nil)
	})
	k.open(orphan, "sleep")
	if a := k.send(t, s, false).Record(0).Ancestor(1); a.GetPid() != shell {
		t.Fatalf("parent is %d, want the shell %d", a.GetPid(), shell)
	}
	say("end")
	waitFor(t, "this process becomes the parent", func() bool {
		ppid, err := s.reader.ppid(orphan, k.start[orphan]/tick)
		return err == nil && ppid == int32(os.Getpid())
	})
	k.exit(shell, "sh")
	k.open(orphan, "sleep")
	b := k.send(t, s, false)
	r := b.Record(1)
	if a := r.Ancestor(1); a.GetPid() != int32(os.Getpid()) || r.Process().Ppid != int32(os.Getpid()) {
		t.Errorf("parent is %d (ppid %d), want this process %d", a.GetPid(), r.Process().Ppid, os.Getpid())
	}
}

// TestCommandLineThatNeverComes is about a process that backs its arguments
// with memory whose pages nobody delivers.
func TestCommandLineThatNeverComes(t *testing.T) {
	r := &reader{root: "/proc"}
	r.root = t.TempDir()
	dir := filepath.Join(r.root, "7")
	// A pipe in place of the file hangs a reader just the same.
	if err := errors.Join(os.Mkdir(dir, 0o700), unix.Mkfifo(filepath.Join(dir, "cmdline"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for range 2 * maxStuck {
		if args := r.cmdline(7); args != nil {
			t.Fatalf("got %q", args)
		}
	}
	if n := r.stuck.Load(); n != maxStuck {
		t.Errorf("%d reads hang, want no more than %d", n, maxStuck)
	}
	// Let them go.
	f, err := os.OpenFile(filepath.Join(dir, "cmdline"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	waitFor(t, "the hanging reads end", func() bool { return r.stuck.Load() == 0 })
}

func waitFor(t *testing.T, what string, f func() bool) {
	t.Helper()
	for range 2000 {
		if f() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("never happened: %s", what)
}
