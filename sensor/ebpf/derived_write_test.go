//go:build cgo && linux && amd64

package ebpf

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/pkg/msg"
)

// copyDeeds fill files out of other files and pipes: the bytes pass through no
// memory of the caller's.
func copyDeeds(t *testing.T, a *arena) []deed {
	dir := t.TempDir()
	const event = "magic_write"
	elf := "\x7fELF\x02\x01\x01\x00 and more than twenty"
	source := filepath.Join(dir, "source")
	if err := os.WriteFile(source, []byte(elf), 0o600); err != nil {
		t.Fatal(err)
	}
	from, err := unix.Open(source, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(from) })
	n, size := 0, uintptr(len(elf))
	copied := func(name string, told bool, fill func(t *testing.T, fd uintptr)) deed {
		n++
		path := filepath.Join(dir, fmt.Sprint(n))
		return deed{name, event, func(t *testing.T) []any {
			fd, err := unix.Open(path, unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			fill(t, uintptr(fd))
			if !told {
				return nil
			}
			dev, inode, _ := facts(t, path)
			return []any{path, elf[:20], dev, inode}
		}, nil, 0}
	}
	start := func(t *testing.T, at uint64) uintptr {
		if _, err := unix.Seek(from, 0, 0); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 8)
		*(*uint64)(unsafe.Pointer(&b[0])) = at
		return a.bytes(b)
	}
	in := uintptr(from)
	return []deed{
		copied("copy_file_range", true, func(t *testing.T, fd uintptr) {
			start(t, 0)
			raw(t, unix.SYS_COPY_FILE_RANGE, in, 0, fd, 0, size, 0)
		}),
		copied("copy_file_range to a place", true, func(t *testing.T, fd uintptr) {
			raw(t, unix.SYS_COPY_FILE_RANGE, in, start(t, 0), fd, start(t, 0), size, 0)
		}),
		copied("copy_file_range further on", false, func(t *testing.T, fd uintptr) {
			raw(t, unix.SYS_COPY_FILE_RANGE, in, start(t, 0), fd, start(t, 5), size, 0)
		}),
		copied("sendfile", true, func(t *testing.T, fd uintptr) {
			start(t, 0)
			raw(t, unix.SYS_SENDFILE, fd, in, 0, size)
		}),
		copied("sendfile further on", false, func(t *testing.T, fd uintptr) {
			raw(t, unix.SYS_LSEEK, fd, 1, 0)
			raw(t, unix.SYS_SENDFILE, fd, in, start(t, 0), size)
		}),
		copied("splice", true, func(t *testing.T, fd uintptr) {
			var p [2]int
			if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
				t.Fatal(err)
			}
			defer unix.Close(p[0])
			defer unix.Close(p[1])
			raw(t, unix.SYS_WRITE, uintptr(p[1]), a.str(elf), size)
			raw(t, unix.SYS_SPLICE, uintptr(p[0]), 0, fd, 0, size, 0)
		}),
		copied("a clone that the file system refuses", false, func(t *testing.T, fd uintptr) {
			_, _, _ = syscall.RawSyscall(unix.SYS_IOCTL, fd, unix.FICLONE, ^uintptr(0))
		}),
	}
}

// TestCopiedProgram copies a program as people do, with a process that is gone
// before anybody can look over its shoulder.
func TestCopiedProgram(t *testing.T) {
	w := start(t, "magic_write")
	dir := t.TempDir()
	for i, c := range []struct{ name, command string }{
		{"cp", "cp /bin/true %s"},
		{"cat", "cat /bin/true >%s"},
		{"dd", "dd if=/bin/true of=%s status=none"},
	} {
		path := filepath.Join(dir, fmt.Sprint(i))
		if out, err := exec.Command("/bin/sh", "-c", fmt.Sprintf(c.command, path)).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", c.name, err, out)
		}
		r := w.event("magic_write", func(r msg.Record) bool { return text(t, r, "pathname") == path })
		if b := text(t, r, "bytes"); len(b) != 20 || b[:4] != "\x7fELF" {
			t.Errorf("%s: the bytes are %q", c.name, b)
		}
	}
}

// TestCopiedInLayers copies a program as one in a container does, from an image's
// layer into the one above.
func TestCopiedInLayers(t *testing.T) {
	needRoot(t)
	merged := overlay(t)
	w := start(t, "magic_write")
	path := filepath.Join(merged, "dropped")
	run(t, exec.Command("/bin/cp", filepath.Join(merged, "image"), path))
	r := w.event("magic_write", func(r msg.Record) bool { return text(t, r, "pathname") == path })
	if b := text(t, r, "bytes"); len(b) != 20 || b[:4] != "\x7fELF" {
		t.Errorf("the bytes are %q", b)
	}
}

// TestClonedProgram copies where copying is sharing.
func TestClonedProgram(t *testing.T) {
	needRoot(t)
	dir := reflinkDir(t)
	source, copied := filepath.Join(dir, "source"), filepath.Join(dir, "copy")
	b, err := os.ReadFile("/bin/true")
	if err == nil {
		err = os.WriteFile(source, b, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	w := start(t, "magic_write")
	run(t, exec.Command("/bin/cp", "--reflink=always", source, copied))
	r := w.event("magic_write", func(r msg.Record) bool { return text(t, r, "pathname") == copied })
	if b := text(t, r, "bytes"); len(b) != 20 || b[:4] != "\x7fELF" {
		t.Errorf("the bytes are %q", b)
	}
}

// TestClonedRange shares parts of a file by the ioctls themselves.
func TestClonedRange(t *testing.T) {
	needRoot(t)
	dir := reflinkDir(t)
	block := 64 << 10 // what is shared are whole blocks, of up to 64 KiB
	elf := "\x7fELF\x02\x01\x01\x00 and more than twenty"
	content := make([]byte, 2*block)
	copy(content, elf)
	copy(content[block:], "#!/bin/sh\nexit")
	source := filepath.Join(dir, "source")
	if err := os.WriteFile(source, content, 0o600); err != nil {
		t.Fatal(err)
	}
	from, err := os.Open(source)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	w := start(t, "magic_write", "getpriority")
	tid := onThread(t)
	cases := []struct {
		name  string
		bytes string // "" for no event
		share func(to *os.File) error
	}{
		{"all of it", elf[:20], func(to *os.File) error { return unix.IoctlFileClone(int(to.Fd()), int(from.Fd())) }},
		{"its end to the beginning", "#!/bin/sh\nexit\x00\x00\x00\x00\x00\x00", func(to *os.File) error {
			return unix.IoctlFileCloneRange(int(to.Fd()), &unix.FileCloneRange{Src_fd: int64(from.Fd()), Src_offset: uint64(block), Src_length: uint64(block)})
		}},
		{"further on", "", func(to *os.File) error {
			return unix.IoctlFileCloneRange(int(to.Fd()), &unix.FileCloneRange{Src_fd: int64(from.Fd()), Src_length: uint64(block), Dest_offset: uint64(block)})
		}},
		{"refused", "", func(to *os.File) error {
			if err := unix.IoctlFileCloneRange(int(to.Fd()), &unix.FileCloneRange{Src_fd: int64(from.Fd()), Src_offset: 1, Src_length: 1}); err == nil {
				return errors.New("a byte in the middle of a block was shared")
			}
			return nil
		}},
	}
	files := make([]*os.File, len(cases))
	for i, c := range cases {
		w.mark(t, i)
		if files[i], err = os.Create(filepath.Join(dir, fmt.Sprint(i))); err == nil {
			err = c.share(files[i])
		}
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		defer files[i].Close()
	}
	w.mark(t, len(cases))
	for i, got := range w.betweenMarks(tid, len(cases)) {
		if i >= len(cases) {
			break
		}
		c := cases[i]
		t.Run(c.name, func(t *testing.T) {
			if c.bytes == "" {
				if len(got) != 0 {
					t.Errorf("%d events of what did not write the beginning", len(got))
				}
				return
			}
			if len(got) != 1 {
				t.Fatalf("%d events, want one", len(got))
			}
			// The kernel's device is that of the file system, stat's that of a subvolume.
			_, inode, _ := facts(t, files[i].Name())
			if problem := compare(got[0], []any{files[i].Name(), c.bytes, anything{}, inode}); problem != "" {
				t.Error(problem)
			}
		})
	}
}

// reflinkDir mounts a file system on which files can be cloned.
func reflinkDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	image, mount := filepath.Join(dir, "image"), filepath.Join(dir, "mount")
	if err := os.Mkdir(mount, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(image)
	if err == nil {
		err = f.Truncate(512 << 20)
		f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"btrfs", "xfs"} {
		if exec.Command("mkfs."+kind, "-q", image).Run() != nil {
			continue
		}
		if exec.Command("mount", "-o", "loop", "-t", kind, image, mount).Run() == nil {
			t.Cleanup(func() { _ = unix.Unmount(mount, unix.MNT_DETACH) })
			return mount
		}
	}
	t.Skip("needs btrfs or xfs in the kernel, and a loop device")
	return ""
}

// vfsDeeds write and say where.
func vfsDeeds(t *testing.T, a *arena) []deed {
	path := filepath.Join(t.TempDir(), "file")
	fd, err := unix.Open(path, unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	v := []unix.Iovec{{Base: unsafe.SliceData([]byte("abc")), Len: 3}, {Base: unsafe.SliceData([]byte("de")), Len: 2}}
	a.kept = append(a.kept, v)
	vector := uintptr(unsafe.Pointer(unsafe.SliceData(v)))
	written := func(name, event string, count, pos int, ret int, nr uintptr, args ...uintptr) deed {
		return deed{name, event, func(t *testing.T) []any {
			raw(t, nr, append([]uintptr{uintptr(fd)}, args...)...)
			dev, inode, _ := facts(t, path)
			return []any{path, dev, inode, count, pos}
		}, ret, 0}
	}
	return []deed{
		written("write", "vfs_write", 5, 0, 5, unix.SYS_WRITE, a.str("12345"), 5),
		written("write further on", "vfs_write", 4, 5, 4, unix.SYS_WRITE, a.str("1234"), 4),
		written("pwrite64", "vfs_write", 3, 700, 3, unix.SYS_PWRITE64, a.str("123"), 3, 700),
		written("writev", "vfs_writev", 2, 9, 5, unix.SYS_WRITEV, vector, 2),
		written("pwritev", "vfs_writev", 2, 80, 5, unix.SYS_PWRITEV, vector, 2, 80, 0),
		{"pipe", "vfs_write", func(t *testing.T) []any {
			var p [2]int
			if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
				t.Fatal(err)
			}
			defer unix.Close(p[0])
			defer unix.Close(p[1])
			var st unix.Stat_t
			if err := unix.Fstat(p[1], &st); err != nil {
				t.Fatal(err)
			}
			raw(t, unix.SYS_WRITE, uintptr(p[1]), a.str("x"), 1)
			return []any{absent{}, int(unix.Major(st.Dev)<<20 | unix.Minor(st.Dev)), int(st.Ino), 1, absent{}}
		}, 1, 0},
		{"refused", "vfs_write", func(t *testing.T) []any {
			_, _, _ = syscall.RawSyscall(unix.SYS_WRITE, uintptr(fd), 1, 5)
			return nil
		}, nil, 0},
	}
}
