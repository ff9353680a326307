//go:build cgo && linux && amd64

package ebpf

import (
	"encoding/binary"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// signalDeeds send signals, to a sleeping program and to the thread itself.
func signalDeeds(t *testing.T, a *arena) []deed {
	const (
		event = "signal_generate"
		// asm-generic/siginfo.h
		siUser, siQueue, siTkill = 0, -1, -6
		// include/trace/events/signal.h
		delivered, ignored = 0, 1
	)
	sleeper := exec.Command("/bin/sleep", "1000")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = sleeper.Process.Kill()
		_ = sleeper.Wait()
	})
	pid := sleeper.Process.Pid
	// A program that has not become another yet has another name.
	for name := ""; name != "sleep"; {
		name = strings.TrimSpace(procText(t, pid, "comm"))
	}
	self := func(t *testing.T) (tid int, comm string) {
		tid = gettid()
		b, err := os.ReadFile("/proc/thread-self/comm")
		if err != nil {
			t.Fatal(err)
		}
		return tid, strings.TrimSpace(string(b))
	}
	return []deed{
		{"kill", event, func(t *testing.T) []any {
			raw(t, unix.SYS_KILL, uintptr(pid), uintptr(unix.SIGCONT))
			return []any{int(unix.SIGCONT), siUser, "sleep", pid, 1, ignored}
		}, 0, 0},
		{"rt_sigqueueinfo", event, func(t *testing.T) []any {
			info := make([]byte, 128)
			binary.NativeEndian.PutUint32(info, uint32(unix.SIGSTOP))
			code := int32(siQueue)
			binary.NativeEndian.PutUint32(info[8:], uint32(code))
			raw(t, unix.SYS_RT_SIGQUEUEINFO, uintptr(pid), uintptr(unix.SIGSTOP), a.bytes(info))
			return []any{int(unix.SIGSTOP), siQueue, "sleep", pid, 1, delivered}
		}, 0, 0},
		{"tgkill", event, func(t *testing.T) []any {
			raw(t, unix.SYS_TGKILL, uintptr(pid), uintptr(pid), uintptr(unix.SIGWINCH))
			return []any{int(unix.SIGWINCH), siTkill, "sleep", pid, 0, ignored}
		}, 0, 0},
		{"by the kernel", event, func(t *testing.T) []any {
			var p [2]int
			if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
				t.Fatal(err)
			}
			defer unix.Close(p[1])
			unix.Close(p[0])
			if _, _, errno := syscall.RawSyscall(unix.SYS_WRITE, uintptr(p[1]), a.str("x"), 1); errno != unix.EPIPE {
				t.Errorf("write: %v", errno)
			}
			tid, comm := self(t)
			return []any{int(unix.SIGPIPE), siUser, comm, tid, 0, delivered}
		}, 0, 0},
		{"to nobody", event, func(t *testing.T) []any {
			_, _, _ = syscall.RawSyscall(unix.SYS_KILL, uintptr(pid), 0, 0)
			return nil
		}, nil, 0},
		{"kill for good", event, func(t *testing.T) []any {
			raw(t, unix.SYS_KILL, uintptr(pid), uintptr(unix.SIGKILL))
			return []any{int(unix.SIGKILL), siUser, "sleep", pid, 1, delivered}
		}, 0, 0},
	}
}
