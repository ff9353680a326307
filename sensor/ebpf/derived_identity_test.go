//go:build cgo && linux && amd64

package ebpf

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/pkg/msg"
)

// creds returns the credentials of an event before and after.
func creds(t *testing.T, r msg.Record) (old, now *msg.Credentials) {
	t.Helper()
	a, ok1 := r.Arg("old_cred")
	b, ok2 := r.Arg("new_cred")
	if !ok1 || !ok2 {
		t.Fatalf("%s lacks credentials", r.Name())
	}
	return a.Cred(), b.Cred()
}

// TestCommitCreds changes the credentials of one thread and back.
func TestCommitCreds(t *testing.T) {
	w := start(t, "commit_creds", "getpriority")
	tid := onThread(t)
	w.mark(t, 0)
	raw(t, unix.SYS_SETRESUID, ^uintptr(0), 1234, ^uintptr(0))
	w.mark(t, 1)
	raw(t, unix.SYS_SETRESUID, ^uintptr(0), 0, ^uintptr(0))
	w.mark(t, 2)
	raw(t, unix.SYS_SETRESGID, ^uintptr(0), ^uintptr(0), ^uintptr(0)) // nothing changes
	w.mark(t, 3)
	between := w.betweenMarks(tid, 3)
	for i, want := range []int{1, 1, 0} {
		if len(between[i]) != want {
			t.Fatalf("change %d made %d events, want %d", i, len(between[i]), want)
		}
	}
	old, now := creds(t, between[0][0])
	status := procStatus(t, os.Getpid())
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"uids before", fmt.Sprint(old.Uid, old.Euid, old.Suid, old.Fsuid), "0 0 0 0"},
		{"uids after", fmt.Sprint(now.Uid, now.Euid, now.Suid, now.Fsuid), "0 1234 0 1234"},
		{"gids", fmt.Sprint(now.Gid, now.Egid, now.Sgid, now.Fsgid), fmt.Sprint(old.Gid, old.Egid, old.Sgid, old.Fsgid)},
		{"effective before", fmt.Sprintf("%016x", old.CapEffective), status["CapEff"]},
		{"effective after", now.CapEffective, uint64(0)},
		{"permitted after", fmt.Sprintf("%016x", now.CapPermitted), status["CapPrm"]},
		{"bounding", fmt.Sprintf("%016x", now.CapBounding), status["CapBnd"]},
		{"user namespace", now.UserNs, nsOf(t, os.Getpid(), "user")},
		{"call", word(t, between[0][0], "syscall"), int64(sysno(t, "setresuid"))},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v, want %v", c.what, c.got, c.want)
		}
	}
	if old, now := creds(t, between[1][0]); old.Euid != 1234 || now.Euid != 0 || now.CapEffective == 0 {
		t.Errorf("back: %v to %v", old, now)
	}
}

// TestSetUserID runs a set-user-id program as nobody.
func TestSetUserID(t *testing.T) {
	w := start(t, "commit_creds")
	// Where others can go, unlike the directories of tests.
	dir, err := os.MkdirTemp("/var/tmp", "tripline")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := tool(t, dir, "su")
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Chmod(path, 0o4755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "0")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	pid := run(t, cmd)
	execve := int64(sysno(t, "execve"))
	r := w.event("commit_creds", func(r msg.Record) bool { return of(pid)(r) && word(t, r, "syscall") == execve })
	if old, now := creds(t, r); old.Euid != 65534 || old.CapEffective != 0 || now.Euid != 0 || now.Uid != 65534 || now.CapEffective == 0 {
		t.Errorf("%v to %v", old, now)
	}
}

// TestSwitchNamespaces takes one thread into namespaces of its own.
func TestSwitchNamespaces(t *testing.T) {
	w := start(t, "switch_task_ns", "getpriority")
	tid := onThread(t)
	inode := func(name string) int64 {
		var st unix.Stat_t
		if err := unix.Stat(fmt.Sprintf("/proc/%d/task/%d/ns/%s", os.Getpid(), tid, name), &st); err != nil {
			t.Fatal(err)
		}
		return int64(st.Ino)
	}
	home, err := os.Open(fmt.Sprintf("/proc/%d/task/%d/ns/uts", os.Getpid(), tid))
	if err != nil {
		t.Fatal(err)
	}
	defer home.Close()
	before := inode("uts")
	w.mark(t, 0)
	raw(t, unix.SYS_UNSHARE, unix.CLONE_NEWUTS)
	w.mark(t, 1)
	after := inode("uts")
	w.mark(t, 2)
	raw(t, unix.SYS_SETNS, home.Fd(), unix.CLONE_NEWUTS)
	w.mark(t, 3)
	raw(t, unix.SYS_UNSHARE, 0)
	w.mark(t, 4)
	runtime.KeepAlive(home)
	between := w.betweenMarks(tid, 4)
	for i, want := range map[int]int64{0: after, 2: before} {
		if len(between[i]) != 1 {
			t.Fatalf("stretch %d has %d events, want one", i, len(between[i]))
		}
		if problem := compare(between[i][0], []any{tid, absent{}, absent{}, int(want), absent{}, absent{}, absent{}}); problem != "" {
			t.Error(problem)
		}
	}
	if len(between[3]) != 0 {
		t.Errorf("unshare of nothing made %d events", len(between[3]))
	}
}
