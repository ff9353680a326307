//go:build cgo && linux && amd64

package ebpf

import (
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/sensor/ebpf/internal/int80"
)

// low is memory below 4 GiB, where a 32-bit pointer reaches.
type low struct {
	mem  []byte
	used int
}

func newLow(t *testing.T) *low {
	t.Helper()
	mem, err := unix.Mmap(-1, 0, 1<<16, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_32BIT)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(mem) })
	return &low{mem: mem}
}

func (l *low) bytes(b []byte) uint32 {
	at := l.used
	copy(l.mem[at:], b)
	l.used += (len(b) + 8) &^ 7
	return uint32(uintptr(unsafe.Pointer(&l.mem[at])))
}

func (l *low) str(s string) uint32 { return l.bytes(append([]byte(s), 0)) }

func (l *low) list(items ...string) uint32 {
	var p []byte
	for _, s := range items {
		a := l.str(s)
		p = append(p, byte(a), byte(a>>8), byte(a>>16), byte(a>>24))
	}
	return l.bytes(append(p, 0, 0, 0, 0))
}

// TestCompat makes 32-bit calls: other numbers, other registers, same events.
func TestCompat(t *testing.T) {
	w := start(t, "openat", "unlink", "ptrace", "execve", "connect", "fanotify_mark", "pread64", "getpriority", "lstat")
	l := newLow(t)
	const enoent, ebadf = -int64(unix.ENOENT), -int64(unix.EBADF)
	table := []struct {
		name string
		nr   uint32 // arch/x86/entry/syscalls/syscall_32.tbl
		args [6]uint32
		ret  int64
		want []any
	}{
		{"openat", 295, [6]uint32{0xffffff9c, l.str("/nonexistent/32"), unix.O_WRONLY, 0o600}, enoent, []any{-100, "/nonexistent/32", unix.O_WRONLY, 0o600}},
		{"unlink", 10, [6]uint32{l.str("/nonexistent/32")}, enoent, []any{"/nonexistent/32"}},
		{"ptrace", 26, [6]uint32{unix.PTRACE_PEEKDATA, 1 << 22, 0x80000001, 0xfffffffe}, -int64(unix.ESRCH), []any{unix.PTRACE_PEEKDATA, 1 << 22, 0x80000001, 0xfffffffe}},
		{"execve", 11, [6]uint32{l.str("/nonexistent/32"), l.list("a", "b c"), l.list("E=1")}, enoent, []any{"/nonexistent/32", []string{"a", "b c"}, []string{"E=1"}}},
		{"connect", 362, [6]uint32{0xffffffff, l.bytes(inet4(80, 10, 1, 2, 3)), 16}, ebadf, []any{-1, "10.1.2.3:80", 16}},
		{"fanotify_mark", 339, [6]uint32{0xffffffff, 1, 0x20, 1, 0xffffff9c, l.str("/32")}, -int64(unix.EINVAL), []any{-1, 1, 1<<32 | 0x20, -100, "/32"}},
		{"pread64", 180, [6]uint32{0xffffffff, 0x1000, 4, 0x10, 0x2}, ebadf, []any{-1, 0x1000, 4, 2<<32 | 0x10}},
	}
	tid := onThread(t)
	for i, c := range table {
		w.mark(t, i)
		if ret := int80.Call(c.nr, c.args[0], c.args[1], c.args[2], c.args[3], c.args[4], c.args[5]); int64(ret) != c.ret {
			if int64(ret) == -int64(unix.ENOSYS) {
				t.Skip("needs a kernel with CONFIG_IA32_EMULATION")
			}
			t.Errorf("%s ended with %d, want %d", c.name, ret, c.ret)
		}
	}
	w.mark(t, len(table))
	between := w.betweenMarks(tid, len(table))
	for i, c := range table {
		t.Run(c.name, func(t *testing.T) {
			if len(between[i]) != 1 {
				t.Fatalf("%d events, want one", len(between[i]))
			}
			r := between[i][0]
			if r.Name() != c.name || r.Event.Ret != c.ret || r.Event.Flags != uint32(msg.EventFlag_EVENT_FLAG_COMPAT) {
				t.Errorf("%s, result %d, flags %d; want %s, %d, %d", r.Name(), r.Event.Ret, r.Event.Flags, c.name, c.ret, msg.EventFlag_EVENT_FLAG_COMPAT)
			}
			if problem := compare(r, c.want); problem != "" {
				t.Error(problem)
			}
		})
	}
}

// TestCompatNumbers checks that a 32-bit number is not taken for the 64-bit
// call of that number: 10 is unlink there and mprotect here.
func TestCompatNumbers(t *testing.T) {
	w := start(t, "mprotect", "getpriority")
	tid := onThread(t)
	w.mark(t, 0)
	int80.Call(10, 0, 0, 0, 0, 0, 0)
	w.mark(t, 1)
	if got := w.betweenMarks(tid, 1)[0]; len(got) != 0 {
		t.Errorf("unlink by int 0x80 came out as %s", got[0].Name())
	}
}

// TestX32 makes calls with the bit of x32. Most kernels refuse them, but that
// somebody tried is seen.
func TestX32(t *testing.T) {
	w := start(t, "unlink", "execve", "getpriority")
	const x32 = 0x40000000
	tid := onThread(t)
	var a arena
	path := "/nonexistent/x32"
	w.mark(t, 0)
	_, _, e1 := syscall.RawSyscall(x32|unix.SYS_UNLINK, a.str(path), 0, 0)
	_, _, e2 := syscall.RawSyscall(x32|520, a.str(path), 0, 0)
	w.mark(t, 1)
	got := w.betweenMarks(tid, 1)[0]
	if len(got) != 2 || got[0].Name() != "unlink" || got[1].Name() != "execve" {
		t.Fatalf("%d events, want unlink and execve", len(got))
	}
	for i, errno := range []syscall.Errno{e1, e2} {
		r := got[i]
		if r.Event.Ret != -int64(errno) || r.Event.Flags != uint32(msg.EventFlag_EVENT_FLAG_X32) || text(t, r, "pathname") != path {
			t.Errorf("%s: result %d, want %d; flags %d", r.Name(), r.Event.Ret, -int64(errno), r.Event.Flags)
		}
	}
}
