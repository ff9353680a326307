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
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// TestCallDirectories makes calls with descriptors of directories, and finds the
// directories in the calls' own events.
func TestCallDirectories(t *testing.T) {
	w := start(t, "openat", "mkdirat", "renameat2", "linkat", "symlinkat", "unlinkat", "dup2", "getpriority")
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	open := func(path string, flags int) uintptr {
		t.Helper()
		fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		return uintptr(fd)
	}
	for _, name := range []string{"one", "two"} {
		if err := os.Mkdir(in(name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(in("one/file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	one, two := open(in("one"), unix.O_DIRECTORY), open(in("two"), unix.O_PATH)
	plain := open(in("one/file"), unix.O_RDONLY)
	const cwd = ^uintptr(99)
	var a arena
	type dirs map[uintptr]string
	for i, c := range []struct {
		name string
		call string
		args []uintptr
		want dirs
	}{
		{"one", "openat", []uintptr{one, a.str("file"), unix.O_RDONLY, 0}, dirs{one: in("one")}},
		{"the working directory", "openat", []uintptr{cwd, a.str(in("one/file")), unix.O_RDONLY, 0}, nil},
		{"of a path only", "mkdirat", []uintptr{two, a.str("sub"), 0o755}, dirs{two: in("two")}},
		{"two", "renameat2", []uintptr{one, a.str("file"), two, a.str("moved"), 0}, dirs{one: in("one"), two: in("two")}},
		{"the second of two", "linkat", []uintptr{cwd, a.str(in("two/moved")), two, a.str("linked"), 0}, dirs{two: in("two")}},
		{"where the link is", "symlinkat", []uintptr{a.str("moved"), two, a.str("symbolic")}, dirs{two: in("two")}},
		{"of a call that fails", "unlinkat", []uintptr{two, a.str("no such file"), 0}, dirs{two: in("two")}},
		{"no directory", "unlinkat", []uintptr{plain, a.str("file"), 0}, nil},
		{"not open", "unlinkat", []uintptr{9999, a.str("file"), 0}, nil},
		{"duplicated", "dup2", []uintptr{one, 712}, dirs{one: in("one")}},
		{"a file's duplicate", "dup2", []uintptr{plain, 712}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			tid := onThread(t)
			w.mark(t, 2*i)
			var args [6]uintptr
			copy(args[:], c.args)
			ret := syscallOf(t, c.call, args)
			w.mark(t, 2*i+1)
			if c.call == "openat" {
				unix.Close(ret)
			}
			var got []msg.Record
			for _, r := range w.betweenMarks(tid, 2*i+1)[2*i] {
				if r.Name() == c.call {
					got = append(got, r)
				}
			}
			if len(got) != 1 {
				t.Fatalf("%d events, want one", len(got))
			}
			if n := len(got[0].Event.Dirs); n != len(c.want) {
				t.Errorf("%d directories, want %d", n, len(c.want))
			}
			for fd, path := range c.want {
				if dir := got[0].Dir(int32(fd)); dir != path {
					t.Errorf("descriptor %d is of %q, want %q", fd, dir, path)
				}
			}
		})
	}
	unix.Close(712)
	runtime.KeepAlive(&a)
}

// syscallOf makes a call by its name and returns the result, which may be an error.
func syscallOf(t *testing.T, name string, args [6]uintptr) int {
	t.Helper()
	e, ok := catalogue.Lookup(name)
	if !ok {
		t.Fatalf("no call %s", name)
	}
	ret, _, _ := syscall.RawSyscall6(uintptr(e.NrX86), args[0], args[1], args[2], args[3], args[4], args[5])
	return int(ret)
}
