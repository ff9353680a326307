//go:build cgo && linux && amd64

package ebpf

import (
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// deed is something to do on one thread and the derived event that must come of
// it: its arguments, in order, or nil where none of that name may come.
type deed struct {
	name  string
	event string
	do    func(t *testing.T) []any
	ret   any // of the event; nil for whatever it is
	flags msg.EventFlag
}

// TestDerived does each thing and compares every argument of its event, by what
// serves it best.
func TestDerived(t *testing.T) {
	needRoot(t)
	cfg := DefaultConfig()
	var err error
	if cfg.loaded, err = programsOfTests(); err != nil {
		t.Fatal(err)
	}
	testDerived(t, cfg)
}

// TestDerivedBackends does it by each of the others: the events are the same.
func TestDerivedBackends(t *testing.T) {
	needRoot(t)
	for _, c := range []struct {
		backends []string
		needs    feature
	}{
		{[]string{LSM, Tracepoint}, bpfLSM()},
		{[]string{Tracepoint}, kernelHooks()},
	} {
		t.Run(c.backends[0], func(t *testing.T) {
			needs(t, c.needs)
			cfg := DefaultConfig()
			cfg.Backends = c.backends
			l, err := load(&cfg, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(l.close)
			cfg.loaded = l
			testDerived(t, cfg)
		})
	}
}

func testDerived(t *testing.T, cfg Config) {
	d := newDerived(cfg.Backends, func(p string) bool { return !cfg.loaded.skipped[p] })
	hooked := func(event string) bool { return d.hooked(lookupAll([]string{event})[0].ID) }
	var a arena
	table := slices.Concat(fileDeeds(t, &a), memoryDeeds(t), writeDeeds(t, &a), copyDeeds(t, &a), vfsDeeds(t, &a), signalDeeds(t, &a), bpfDeeds(t, &a),
		socketDeeds(t, &a), nameDeeds(t, &a, hooked), mountDeeds(t, &a))
	names := []string{"getpriority"}
	for _, d := range table {
		if !slices.Contains(names, d.event) {
			names = append(names, d.event)
		}
	}
	w := startWith(t, cfg, names...)
	tid := onThread(t)
	want := make([][]any, len(table))
	for i, d := range table {
		w.mark(t, i)
		want[i] = d.do(t)
	}
	w.mark(t, len(table))
	runtime.KeepAlive(&a)
	between := w.betweenMarks(tid, len(table))
	for i, d := range table {
		t.Run(fmt.Sprintf("%s/%s", d.event, d.name), func(t *testing.T) {
			var close []string
			exact := 0
			for _, r := range between[i] {
				if r.Name() != d.event {
					continue
				}
				problem := compare(r, want[i])
				if d.ret != nil && r.Event.Ret != int64(d.ret.(int)) {
					problem += fmt.Sprintf(" result %d, want %d", r.Event.Ret, d.ret)
				}
				if got := msg.EventFlag(r.Event.Flags); got != d.flags {
					problem += fmt.Sprintf(" flags %v, want %v", got, d.flags)
				}
				if problem == "" && want[i] != nil {
					exact++
					continue
				}
				close = append(close, problem)
			}
			if exact > 1 {
				t.Errorf("the event came %d times", exact)
			}
			if exact == 0 && (want[i] != nil || len(close) > 0) {
				t.Errorf("want %q, got %d events of %d, nearest: %q", want[i], len(close), len(between[i]), close)
			}
		})
	}
}

// facts are what stat says of a file, in the kernel's form.
func facts(t *testing.T, path string) (dev, inode, ctime int) {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		t.Fatal(err)
	}
	return int(unix.Major(st.Dev)<<20 | unix.Minor(st.Dev)), int(st.Ino), int(st.Ctim.Nano())
}

// raw makes a system call that must succeed.
func raw(t *testing.T, nr uintptr, args ...uintptr) int {
	t.Helper()
	var r [6]uintptr
	copy(r[:], args)
	ret, _, errno := syscall.RawSyscall6(nr, r[0], r[1], r[2], r[3], r[4], r[5])
	if errno != 0 {
		t.Fatalf("call %d: %v", nr, errno)
	}
	return int(ret)
}

const largeFile = 0o100000

// sysno is the value of a syscall argument: the call's id.
func sysno(t *testing.T, name string) int {
	e, ok := catalogue.Lookup(name)
	if !ok {
		t.Fatalf("no call %s", name)
	}
	return int(e.ID)
}

func fileDeeds(t *testing.T, a *arena) []deed {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	if err := os.Mkdir(in("sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"plain", "other", "sub/deep"} {
		if err := os.WriteFile(in(f), []byte("content"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("plain", in("link")); err != nil {
		t.Fatal(err)
	}
	dirfd, err := unix.Open(dir, unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(dirfd) })
	const at = ^uintptr(99)
	// opened opens and returns what the event must say.
	opened := func(t *testing.T, path, given string, flags int, call string, nr uintptr, args ...uintptr) []any {
		fd := raw(t, nr, args...)
		defer unix.Close(fd)
		dev, inode, ctime := facts(t, path)
		return []any{path, flags, dev, inode, ctime, given, sysno(t, call)}
	}
	mismatch := msg.EventFlag_EVENT_FLAG_MISMATCH
	const event = "security_file_open"
	return []deed{
		{"openat", event, func(t *testing.T) []any {
			return opened(t, in("plain"), in("plain"), unix.O_RDONLY|largeFile, "openat",
				unix.SYS_OPENAT, at, a.str(in("plain")), unix.O_CLOEXEC, 0)
		}, nil, 0},
		{"open", event, func(t *testing.T) []any {
			return opened(t, in("plain"), in("plain"), unix.O_RDWR|unix.O_APPEND|largeFile, "open",
				unix.SYS_OPEN, a.str(in("plain")), unix.O_RDWR|unix.O_APPEND, 0)
		}, nil, 0},
		{"creat", event, func(t *testing.T) []any {
			return opened(t, in("made"), in("made"), unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|largeFile, "creat",
				unix.SYS_CREAT, a.str(in("made")), 0o600)
		}, nil, 0},
		{"openat2", event, func(t *testing.T) []any {
			how := unix.OpenHow{Flags: unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL, Mode: 0o600}
			b := unsafe.Slice((*byte)(unsafe.Pointer(&how)), unsafe.Sizeof(how))
			return opened(t, in("made2"), in("made2"), unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|largeFile, "openat2",
				unix.SYS_OPENAT2, at, a.str(in("made2")), a.bytes(slices.Clone(b)), unsafe.Sizeof(how))
		}, nil, 0},
		{"relative to a directory", event, func(t *testing.T) []any {
			return opened(t, in("sub/deep"), "sub/../sub//deep", largeFile, "openat",
				unix.SYS_OPENAT, uintptr(dirfd), a.str("sub/../sub//deep"), 0, 0)
		}, nil, 0},
		{"directory", event, func(t *testing.T) []any {
			return opened(t, in("sub"), in("sub")+"/", unix.O_DIRECTORY|largeFile, "openat",
				unix.SYS_OPENAT, at, a.str(in("sub")+"/"), unix.O_DIRECTORY, 0)
		}, nil, 0},
		{"this directory", event, func(t *testing.T) []any {
			return opened(t, dir, ".", unix.O_DIRECTORY|largeFile, "openat",
				unix.SYS_OPENAT, uintptr(dirfd), a.str("."), unix.O_DIRECTORY, 0)
		}, nil, 0},
		{"through a link", event, func(t *testing.T) []any {
			return opened(t, in("plain"), in("link"), largeFile, "openat",
				unix.SYS_OPENAT, at, a.str(in("link")), 0, 0)
		}, nil, mismatch},
		{"path only", event, func(t *testing.T) []any {
			unix.Close(raw(t, unix.SYS_OPENAT, at, a.str(in("plain")), unix.O_PATH, 0))
			return nil
		}, nil, 0},
		{"failed", event, func(t *testing.T) []any {
			if _, _, errno := syscall.RawSyscall6(unix.SYS_OPENAT, at, a.str(in("nothing")), 0, 0, 0, 0); errno != unix.ENOENT {
				t.Errorf("opening nothing: %v", errno)
			}
			return nil
		}, nil, 0},
	}
}

func memoryDeeds(t *testing.T) []deed {
	page := os.Getpagesize()
	const (
		r, w, x = unix.PROT_READ, unix.PROT_WRITE, unix.PROT_EXEC
		event   = "mem_prot_alert"
	)
	mapped := func(t *testing.T, prot, fd int) int {
		t.Helper()
		flags := uintptr(unix.MAP_PRIVATE)
		if fd < 0 {
			flags |= unix.MAP_ANONYMOUS
		}
		addr := raw(t, unix.SYS_MMAP, 0, uintptr(2*page), uintptr(prot), flags, uintptr(fd), 0)
		t.Cleanup(func() { _, _, _ = syscall.RawSyscall(unix.SYS_MUNMAP, uintptr(addr), uintptr(2*page), 0) })
		return addr
	}
	none := []any{absent{}, absent{}, absent{}, absent{}}
	alert := func(n, addr, size, prot, before int, file ...any) []any {
		if file == nil {
			file = none
		}
		return append([]any{n, addr, size, prot, before}, file...)
	}
	// changed maps memory with one protection and gives it another.
	changed := func(name string, from, to, n int) deed {
		return deed{name, event, func(t *testing.T) []any {
			addr := mapped(t, from, -1)
			raw(t, unix.SYS_MPROTECT, uintptr(addr), uintptr(page), uintptr(to))
			if n == 0 {
				return nil
			}
			return alert(n, addr, page, to, from)
		}, 0, 0}
	}
	file := filepath.Join(t.TempDir(), "library")
	if err := os.WriteFile(file, make([]byte, 2*page), 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return []deed{
		{"mapped writable and executable", event, func(t *testing.T) []any {
			return alert(1, mapped(t, r|w|x, -1), 2*page, r|w|x, 0)
		}, nil, 0},
		{"mapped from a file", event, func(t *testing.T) []any {
			addr := mapped(t, w|x, int(f.Fd()))
			dev, inode, ctime := facts(t, file)
			return alert(1, addr, 2*page, w|x, 0, file, dev, inode, ctime)
		}, nil, 0},
		{"mapped executable", event, func(t *testing.T) []any { mapped(t, r|x, -1); return nil }, nil, 0},
		changed("executable", r, r|x, 2),
		changed("written, then executable", r|w, r|x, 2),
		changed("no longer executable", r|x, r, 0),
		changed("as before", r|x, r|x, 0),
		changed("writable too", r|x, r|w|x, 3),
		{"no longer writable", event, func(t *testing.T) []any {
			addr := mapped(t, r|w|x, -1)
			raw(t, unix.SYS_PKEY_MPROTECT, uintptr(addr), uintptr(page), r|x, ^uintptr(0))
			return alert(4, addr, page, r|x, r|w|x)
		}, 0, 0},
		{"second of two areas", event, func(t *testing.T) []any {
			addr := mapped(t, r|w|x, -1)
			raw(t, unix.SYS_MPROTECT, uintptr(addr), uintptr(page), r|x)
			raw(t, unix.SYS_MPROTECT, uintptr(addr), uintptr(2*page), r|x)
			return alert(4, addr, 2*page, r|x, r|w|x)
		}, 0, 0},
		{"of a file", event, func(t *testing.T) []any {
			addr := mapped(t, r, int(f.Fd()))
			raw(t, unix.SYS_MPROTECT, uintptr(addr), uintptr(page), r|x)
			dev, inode, ctime := facts(t, file)
			return alert(2, addr, page, r|x, r, file, dev, inode, ctime)
		}, 0, 0},
		{"refused", event, func(t *testing.T) []any {
			addr := mapped(t, r, -1)
			// The second half of the range is not mapped.
			_, _, _ = syscall.RawSyscall(unix.SYS_MUNMAP, uintptr(addr+page), uintptr(page), 0)
			if _, _, errno := syscall.RawSyscall(unix.SYS_MPROTECT, uintptr(addr), uintptr(page), 1<<20|x); errno == 0 {
				t.Error("a protection that does not exist was granted")
			}
			return nil
		}, nil, 0},
	}
}

func writeDeeds(t *testing.T, a *arena) []deed {
	dir := t.TempDir()
	const event = "magic_write"
	elf := "\x7fELF\x02\x01\x01\x00 and more than twenty"
	n := 0
	// written makes a new file and writes to it.
	written := func(name, bytes string, write func(t *testing.T, fd uintptr)) deed {
		n++
		path := filepath.Join(dir, fmt.Sprint(n))
		return deed{name, event, func(t *testing.T) []any {
			fd, err := unix.Open(path, unix.O_CREAT|unix.O_RDWR, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			write(t, uintptr(fd))
			if bytes == "" {
				return nil
			}
			dev, inode, _ := facts(t, path)
			return []any{path, bytes, dev, inode}
		}, nil, 0}
	}
	vector := func(parts ...string) uintptr {
		var v []unix.Iovec
		for _, p := range parts {
			b := []byte(p)
			v = append(v, unix.Iovec{Base: unsafe.SliceData(b), Len: uint64(len(b))})
		}
		a.kept = append(a.kept, v)
		return uintptr(unsafe.Pointer(unsafe.SliceData(v)))
	}
	size := uintptr(len(elf))
	return []deed{
		written("write", elf[:20], func(t *testing.T, fd uintptr) { raw(t, unix.SYS_WRITE, fd, a.str(elf), size) }),
		written("short", elf[:4], func(t *testing.T, fd uintptr) { raw(t, unix.SYS_WRITE, fd, a.str(elf), 4) }),
		written("pwrite64", elf[:20], func(t *testing.T, fd uintptr) {
			raw(t, unix.SYS_LSEEK, fd, 100, 0)
			raw(t, unix.SYS_PWRITE64, fd, a.str(elf), size, 0)
		}),
		written("writev", elf[:6], func(t *testing.T, fd uintptr) { raw(t, unix.SYS_WRITEV, fd, vector(elf[:6], elf[6:]), 2) }),
		written("pwritev", elf[:20], func(t *testing.T, fd uintptr) { raw(t, unix.SYS_PWRITEV, fd, vector(elf), 1, 0, 0) }),
		written("pwritev2 at its position", elf[:20], func(t *testing.T, fd uintptr) {
			raw(t, unix.SYS_PWRITEV2, fd, vector(elf), 1, ^uintptr(0), 0, 0)
		}),
		written("further on", "", func(t *testing.T, fd uintptr) {
			raw(t, unix.SYS_LSEEK, fd, 1, 0)
			raw(t, unix.SYS_WRITE, fd, a.str(elf), size)
		}),
		written("pwrite64 further on", "", func(t *testing.T, fd uintptr) { raw(t, unix.SYS_PWRITE64, fd, a.str(elf), size, 5) }),
		written("nothing", "", func(t *testing.T, fd uintptr) { raw(t, unix.SYS_WRITE, fd, a.str(elf), 0) }),
		{"pipe", event, func(t *testing.T) []any {
			var p [2]int
			if err := unix.Pipe(p[:]); err != nil {
				t.Fatal(err)
			}
			raw(t, unix.SYS_WRITE, uintptr(p[1]), a.str(elf), size)
			unix.Close(p[0])
			unix.Close(p[1])
			return nil
		}, nil, 0},
	}
}

// TestBprmCheck runs programs as one that goes by another name.
func TestBprmCheck(t *testing.T) {
	w := start(t, "security_bprm_check")
	dir := t.TempDir()
	path := tool(t, dir, "shell")
	cmd := exec.Command(path, "0", "two words")
	cmd.Env = []string{"A=1", "B="}
	// Threads have names of their own; this one runs the program.
	onThread(t)
	comm, err := os.ReadFile("/proc/thread-self/comm")
	if err != nil {
		t.Fatal(err)
	}
	r := w.event("security_bprm_check", of(run(t, cmd)))
	dev, inode, _ := facts(t, path)
	if problem := compare(r, []any{path, dev, inode, []string{path, "0", "two words"}, []string{"A=1", "B="}}); problem != "" {
		t.Error(problem)
	}
	// The one who runs it still has its own name.
	if got, want := r.Comm(), strings.TrimSpace(string(comm)); got != want {
		t.Errorf("comm %q, want %q", got, want)
	}
	// And it is the old program's doing: it comes before the new one.
	var order []string
	for _, x := range w.records() {
		if x.Process().Pid == r.Process().Pid {
			order = append(order, x.Name())
		}
	}
	if i := slices.Index(order, "sched_process_exec"); i >= 0 && i < slices.Index(order, "security_bprm_check") {
		t.Errorf("the events come as %q", order)
	}
	// A program that cannot run is none, and leaves nothing behind for the next.
	if err := exec.Command(filepath.Join(dir, "missing")).Run(); err == nil {
		t.Error("a missing program ran")
	}
	script := filepath.Join(dir, "script")
	if err := os.WriteFile(script, []byte("#!"+path+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	r = w.event("security_bprm_check", of(run(t, exec.Command(script))))
	if got := text(t, r, "pathname"); got != path {
		t.Errorf("of a script the program is %s, want %s", got, path)
	}
}
