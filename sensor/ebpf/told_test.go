//go:build cgo && linux && amd64

package ebpf

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/pkg/msg"
)

// TestCapable asks for a capability and looks for the question.
func TestCapable(t *testing.T) {
	needs(t, capableHook())
	w := start(t, "cap_capable", "getpriority")
	tid := onThread(t)
	w.mark(t, 0)
	// Too long a name; the capability is looked at first.
	if _, _, errno := syscall.RawSyscall(unix.SYS_SETHOSTNAME, 0, 9999, 0); errno != unix.EINVAL {
		t.Fatal(errno)
	}
	w.mark(t, 1)
	for _, r := range w.betweenMarks(tid, 1)[0] {
		if r.Name() == "cap_capable" && compare(r, []any{unix.CAP_SYS_ADMIN, sysno(t, "sethostname")}) == "" {
			return
		}
	}
	t.Error("nobody asked for CAP_SYS_ADMIN")
}

// TestURingCreate makes an io_uring.
func TestURingCreate(t *testing.T) {
	w := start(t, "io_uring_create", "getpriority")
	tid := onThread(t)
	w.mark(t, 0)
	r := newIORing(t, 0)
	w.mark(t, 1)
	got := w.betweenMarks(tid, 1)[0]
	if len(got) != 1 {
		t.Fatalf("%d events, want one", len(got))
	}
	if problem := compare(got[0], []any{r.fd, int(r.params.sqEntries), int(r.params.cqEntries), anything{}}); problem != "" {
		t.Error(problem)
	}
}

// TestURingNames removes, renames and makes names by way of an io_uring, where
// no system call shows it: the kernel's hooks do.
func TestURingNames(t *testing.T) {
	needs(t, kernelHooks())
	const opRenameat, opUnlinkat, opMkdirat, opSymlinkat = 35, 36, 37, 38
	w := start(t, "security_inode_unlink", "security_inode_rename", "security_inode_mkdir", "security_inode_symlink")
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(in("a"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dev, inode, _ := facts(t, in("a"))
	var a arena
	ring := newIORing(t, 0)
	str := func(s string) uint64 { return uint64(a.str(s)) }
	const cwd = 0xffffff9c
	for _, c := range []struct {
		q     sqe
		since feature
		event string
		want  []any
	}{
		{sqe{opcode: opRenameat, fd: -100, addr: str(in("a")), length: cwd, off: str(in("b"))}, uringNames("5.11"), "security_inode_rename", []any{in("a"), in("b")}},
		{sqe{opcode: opUnlinkat, fd: -100, addr: str(in("b"))}, uringNames("5.11"), "security_inode_unlink", []any{in("b"), inode, dev, absent{}}},
		{sqe{opcode: opMkdirat, fd: -100, addr: str(in("d")), length: 0o700}, uringNames("5.15"), "security_inode_mkdir", []any{in("d"), 0o700}},
		{sqe{opcode: opSymlinkat, fd: -100, addr: str("/etc/shadow"), off: str(in("l"))}, uringNames("5.15"), "security_inode_symlink", []any{in("l"), "/etc/shadow"}},
	} {
		t.Run(c.event, func(t *testing.T) {
			needs(t, c.since)
			if res := ring.do(c.q); res != 0 {
				t.Fatal(syscall.Errno(-res))
			}
			r := w.event(c.event, func(r msg.Record) bool { return compare(r, c.want) == "" })
			if r.Process().Pid != int32(os.Getpid()) {
				t.Errorf("by %d", r.Process().Pid)
			}
		})
	}
	runtime.KeepAlive(&a)
}
