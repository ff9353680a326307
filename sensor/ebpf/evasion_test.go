//go:build cgo && linux && amd64

package ebpf

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/sensor/ebpf/internal/forked"
	"github.com/tripline/tripline/sensor/ebpf/internal/int80"
)

// What a process may do so as not to be seen doing it. Each event must show
// the truth, or say that it cannot. Files and connections of an io_uring are in
// uring_test.go.

// attempts is how often a race is tried; a few in a hundred are won.
const attempts = 3000

// meanwhile runs f again and again on another thread until the test's own
// function is done.
func meanwhile(f func(), own func()) {
	var done atomic.Bool
	ended := make(chan struct{})
	started := make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread()
		close(started)
		for !done.Load() {
			f()
		}
	}()
	<-started
	own()
	done.Store(true)
	<-ended
}

// secretAndDecoy makes two files with names of equal length.
func secretAndDecoy(t *testing.T) (secret, decoy string, inodes map[string]int) {
	t.Helper()
	dir := t.TempDir()
	secret, decoy = filepath.Join(dir, "shadow"), filepath.Join(dir, "holder")
	inodes = make(map[string]int)
	for _, path := range []string{secret, decoy} {
		if err := os.WriteFile(path, []byte(path), 0o600); err != nil {
			t.Fatal(err)
		}
		_, inodes[path], _ = facts(t, path)
	}
	return secret, decoy, inodes
}

// opens returns the events of files that a thread opened, after its mark.
func (w *watch) opens(t *testing.T, tid int) []msg.Record {
	t.Helper()
	var out []msg.Record
	for _, r := range w.betweenMarks(tid, 1)[0] {
		if r.Name() == "security_file_open" {
			out = append(out, r)
		}
	}
	return out
}

func str(r msg.Record, name string) string {
	v, ok := r.Arg(name)
	if !ok {
		return ""
	}
	return v.Text()
}

// TestFlippedPath opens files by a name that another thread changes all the
// time. What was opened is known from the descriptor.
func TestFlippedPath(t *testing.T) {
	w := start(t, "security_file_open", "getpriority")
	secret, decoy, inodes := secretAndDecoy(t)
	name := append([]byte(secret), 0)
	var truth []string
	tid := onThread(t)
	w.mark(t, 0)
	meanwhile(func() {
		// Whole names, each for a while: of a mixture nothing would be opened.
		for _, text := range []string{decoy, secret} {
			copy(name, text)
			for range 1000 {
				runtime.KeepAlive(name)
			}
		}
	}, func() {
		for range attempts {
			fd, _, errno := syscall.RawSyscall(unix.SYS_OPEN, uintptr(unsafe.Pointer(&name[0])), unix.O_RDONLY, 0)
			if errno != 0 {
				continue
			}
			var st unix.Stat_t
			if err := unix.Fstat(int(fd), &st); err != nil {
				t.Error(err)
			}
			opened := decoy
			if int(st.Ino) == inodes[secret] {
				opened = secret
			}
			truth = append(truth, opened)
			_, _, _ = syscall.RawSyscall(unix.SYS_CLOSE, fd, 0, 0)
		}
	})
	w.mark(t, 1)
	events := w.opens(t, tid)
	if len(events) != len(truth) {
		t.Fatalf("%d files were opened, %d events came", len(truth), len(events))
	}
	wrong, lied, unsaid := 0, 0, 0
	for i, r := range events {
		if str(r, "pathname") != truth[i] || word(t, r, "inode") != int64(inodes[truth[i]]) {
			wrong++
		}
		given, said := str(r, "syscall_pathname"), r.Event.Flags&uint32(msg.EventFlag_EVENT_FLAG_MISMATCH) != 0
		if given != truth[i] {
			lied++
		}
		if (given != truth[i]) != said {
			unsaid++
		}
	}
	t.Logf("%d opened: the kernel's name was wrong %d times, the caller's %d times, %d of which the event does not say", len(truth), wrong, lied, unsaid)
	if wrong > 0 || unsaid > 0 {
		t.Errorf("wrong %d, unsaid %d", wrong, unsaid)
	}
}

// TestChangedName opens a pipe, which takes until somebody opens its other end,
// and does something to the name meanwhile: the race that is always won.
func TestChangedName(t *testing.T) {
	w := start(t, "security_file_open", "openat", "getpriority")
	_, decoy, _ := secretAndDecoy(t)
	// One for both pipes: what is removed in between may leave its inode's
	// number to the next.
	dir := t.TempDir()
	for _, c := range []struct {
		name   string
		change func(page []byte) error
		given  string // afterwards; "" when it is gone
	}{
		{"to another", func(page []byte) error { copy(page, decoy+"\x00"); return nil }, decoy},
		{"to nothing", unix.Munmap, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			pipe := filepath.Join(dir, "pipe "+c.name)
			if err := unix.Mkfifo(pipe, 0o600); err != nil {
				t.Fatal(err)
			}
			_, inode, _ := facts(t, pipe)
			page, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
			if err != nil {
				t.Fatal(err)
			}
			copy(page, pipe)
			name := uintptr(unsafe.Pointer(&page[0]))
			w.forget()
			tids, opened := make(chan int, 1), make(chan error, 1)
			go func() {
				runtime.LockOSThread()
				tids <- gettid()
				fd, _, errno := syscall.Syscall6(unix.SYS_OPENAT, ^uintptr(99), name, unix.O_RDONLY, 0, 0, 0)
				if errno != 0 {
					opened <- errno
					return
				}
				opened <- unix.Close(int(fd))
			}()
			tid := <-tids
			asleep(t, tid, "openat")
			if err := c.change(page); err != nil {
				t.Fatal(err)
			}
			other, err := unix.Open(pipe, unix.O_WRONLY|unix.O_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(other)
			if err := <-opened; err != nil {
				t.Fatal(err)
			}
			// The thread has opened other files before.
			r := w.event("security_file_open", func(r msg.Record) bool {
				return r.Event.Tid == int32(tid) && word(t, r, "inode") == int64(inode)
			})
			given := c.given
			if w.derived.hooked(eventFileOpen) {
				// The kernel's own copy, which nobody changes.
				given = pipe
			}
			if str(r, "pathname") != pipe || str(r, "syscall_pathname") != given {
				t.Errorf("%q given as %q, want %q given as %q", str(r, "pathname"), str(r, "syscall_pathname"), pipe, given)
			}
			if said := r.Event.Flags&uint32(msg.EventFlag_EVENT_FLAG_MISMATCH) != 0; said != (given != "" && given != pipe) {
				t.Errorf("flags %v", msg.EventFlag(r.Event.Flags))
			}
			// The call's own event has what the caller's memory says, and the file.
			o := w.event("openat", func(r msg.Record) bool {
				return r.Event.Tid == int32(tid) && r.File() != nil && r.File().Path == pipe
			})
			if got := str(o, "pathname"); got != c.given {
				t.Errorf("openat says %q, want %q", got, c.given)
			}
		})
	}
}

// asleep waits until a thread waits within a call.
func asleep(t *testing.T, tid int, call string) {
	t.Helper()
	for {
		b, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/syscall", tid))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(string(b), fmt.Sprintf("%d ", sysno(t, call))) && strings.Contains(procState(t, tid), "S") {
			return
		}
		runtime.Gosched()
	}
}

// procState is a thread's state, a letter.
func procState(t *testing.T, tid int) string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/stat", tid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return rest[:1]
}

// TestSwappedDescriptor opens a file while another thread puts another file in
// the place of the descriptor, or closes it.
func TestSwappedDescriptor(t *testing.T) {
	w := start(t, "security_file_open", "getpriority")
	secret, decoy, _ := secretAndDecoy(t)
	other, err := unix.Open(decoy, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(other)
	var a arena
	defer runtime.KeepAlive(&a)
	name := a.str(secret)
	dup2 := func(fd uintptr) { _, _, _ = syscall.RawSyscall(unix.SYS_DUP2, uintptr(other), fd, 0) }
	closeIt := func(fd uintptr) { _, _, _ = syscall.RawSyscall(unix.SYS_CLOSE, fd, 0, 0) }
	for _, c := range []struct {
		name string
		swap func(fd uintptr)
	}{
		{"another file by dup2", func(fd uintptr) { dup2(fd); closeIt(fd) }},
		{"nothing by close", closeIt},
	} {
		t.Run(c.name, func(t *testing.T) {
			tid := onThread(t)
			// The lowest number that is free, beyond those of anybody else.
			const next = 600
			var below []int
			for {
				fd, err := unix.FcntlInt(uintptr(other), unix.F_DUPFD_CLOEXEC, 0)
				if err != nil {
					t.Fatal(err)
				}
				if below = append(below, fd); fd >= next-1 {
					break
				}
			}
			defer func() {
				for _, fd := range below {
					unix.Close(fd)
				}
			}()
			opened, told, said := 0, 0, 0
			lost := w.lost()
			// The race is won once in some hundred times where both threads run.
			for round := 0; round < 20 && said == 0; round++ {
				w.forget()
				w.mark(t, 0)
				meanwhile(func() { c.swap(next) }, func() {
					for range attempts {
						fd, _, errno := syscall.RawSyscall(unix.SYS_OPEN, name, unix.O_RDONLY, 0)
						if errno != 0 {
							t.Error(errno)
							return
						}
						opened++
						closeIt(fd)
					}
				})
				w.mark(t, 1)
				for _, r := range w.opens(t, tid) {
					mismatch := r.Event.Flags&uint32(msg.EventFlag_EVENT_FLAG_MISMATCH) != 0
					switch path := str(r, "pathname"); {
					case str(r, "syscall_pathname") != secret || path != secret && !mismatch:
						t.Errorf("%q given as %q, flags %v", path, str(r, "syscall_pathname"), msg.EventFlag(r.Event.Flags))
					case mismatch:
						said++
					default:
						told++
					}
				}
			}
			// A flood that nobody reads in time is cut short, and counted.
			dropped := int(w.lost() - lost)
			t.Logf("%d opened: %d told as they were, %d said to be doubtful, %d dropped, %d without an event", opened, told, said, dropped, opened-told-said-dropped)
			if told+said+dropped != opened {
				t.Error("something was opened unseen")
			}
		})
	}
}

// TestOtherEntry opens files by int 0x80: the derived event is the same, and
// says which way it came.
func TestOtherEntry(t *testing.T) {
	w := start(t, "security_file_open", "getpriority")
	secret, _, inodes := secretAndDecoy(t)
	l := newLow(t)
	const open, openat, openat2 = 5, 295, 437 // arch/x86/entry/syscalls/syscall_32.tbl
	tid := onThread(t)
	w.mark(t, 0)
	for _, c := range [][4]uint32{{open, l.str(secret), 0, 0}, {openat, 0xffffff9c, l.str(secret), 0}} {
		fd := int80.Call(c[0], c[1], c[2], c[3], 0, 0, 0)
		if fd == -int32(unix.ENOSYS) {
			t.Skip("needs a kernel with CONFIG_IA32_EMULATION")
		}
		if fd < 0 {
			t.Fatal(syscall.Errno(-fd))
		}
		unix.Close(int(fd))
	}
	how := l.bytes(make([]byte, 24))
	if fd := int80.Call(openat2, 0xffffff9c, l.str(secret), how, 24, 0, 0); fd >= 0 {
		unix.Close(int(fd))
	}
	w.mark(t, 1)
	events := w.opens(t, tid)
	if len(events) < 2 {
		t.Fatalf("%d events", len(events))
	}
	for _, r := range events {
		if str(r, "pathname") != secret || word(t, r, "inode") != int64(inodes[secret]) || str(r, "syscall_pathname") != secret ||
			r.Event.Flags != uint32(msg.EventFlag_EVENT_FLAG_COMPAT) {
			t.Errorf("%s given as %s, flags %v", str(r, "pathname"), str(r, "syscall_pathname"), msg.EventFlag(r.Event.Flags))
		}
	}
}

// untouched maps a file with text in it that is not in memory yet.
func untouched(t *testing.T, text string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(path, append([]byte(text), 0), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := unix.Mmap(int(f.Fd()), 0, os.Getpagesize(), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(m) })
	return m
}

// TestUnmappedName gives names that are not in memory when the call begins, and
// names that are gone when it ends.
func TestUnmappedName(t *testing.T) {
	w := start(t, "openat", "execve", "security_file_open", "security_bprm_check", "getpriority")
	secret, _, _ := secretAndDecoy(t)
	tid := onThread(t)

	// The call itself brings it in: what is looked at when it ends is there.
	name := untouched(t, secret)
	w.mark(t, 0)
	unix.Close(raw(t, unix.SYS_OPENAT, ^uintptr(99), uintptr(unsafe.Pointer(&name[0])), 0, 0))
	w.mark(t, 1)
	for _, r := range w.betweenMarks(tid, 1)[0] {
		if got := str(r, "pathname"); got != secret {
			t.Errorf("%s says %q", r.Name(), got)
		}
	}

	// Of a program that runs it is looked at when the call begins, and may be
	// absent; the program's own events have it from the kernel.
	program := untouched(t, "/bin/true")
	var a arena
	argv := a.list("innocent")
	pid := forked.Call(unix.SYS_EXECVE, uintptr(unsafe.Pointer(&program[0])), argv, 0, 0, 0, 0)
	if pid < 0 {
		t.Fatal(syscall.Errno(-pid))
	}
	reap(t, pid)
	runtime.KeepAlive(&a)
	if r := w.event("execve", of(pid)); r.Event.Ret != 0 {
		t.Errorf("execve: %d", r.Event.Ret)
	} else if v, ok := r.Arg("pathname"); ok && v.Text() != "/bin/true" {
		t.Errorf("execve says %q", v.Text())
	} else {
		t.Logf("execve says %q (%v)", v.Text(), ok)
	}
	real, err := filepath.EvalSymlinks("/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	e := w.event("sched_process_exec", of(pid))
	if str(e, "cmdpath") != "/bin/true" || str(e, "pathname") != real || str(e, "argv") != "innocent" {
		t.Errorf("sched_process_exec says %q, %q, %q", str(e, "cmdpath"), str(e, "pathname"), str(e, "argv"))
	}
	if got := str(w.event("security_bprm_check", of(pid)), "pathname"); got != real {
		t.Errorf("security_bprm_check says %q", got)
	}

	// Another thread takes the memory away while the call is under way.
	page, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Munmap(page) }()
	copy(page, secret)
	w.forget()
	opened := 0
	w.mark(t, 0)
	meanwhile(func() {
		_ = unix.Mprotect(page, unix.PROT_NONE)
		_ = unix.Mprotect(page, unix.PROT_READ)
	}, func() {
		for range attempts {
			fd, _, errno := syscall.RawSyscall6(unix.SYS_OPENAT, ^uintptr(99), uintptr(unsafe.Pointer(&page[0])), 0, 0, 0, 0)
			if errno == 0 {
				opened++
				_, _, _ = syscall.RawSyscall(unix.SYS_CLOSE, fd, 0, 0)
			}
		}
	})
	w.mark(t, 1)
	told, absent := 0, 0
	for _, r := range w.opens(t, tid) {
		if str(r, "pathname") == secret {
			told++
		}
		if given := str(r, "syscall_pathname"); given == "" {
			absent++
		} else if given != secret {
			t.Errorf("given as %q", given)
		}
	}
	t.Logf("%d opened, %d told by the kernel's name; the caller's was absent %d times", opened, told, absent)
	if told != opened {
		t.Error("something was opened unseen")
	}
}
