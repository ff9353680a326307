//go:build cgo && linux && amd64

package ebpf

import (
	"encoding/binary"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/pkg/msg"
)

// bpfCall makes the bpf system call with the words of its attributes.
func bpfCall(t *testing.T, a *arena, cmd uintptr, attr []byte) int {
	t.Helper()
	for {
		fd, _, errno := syscall.RawSyscall(unix.SYS_BPF, cmd, a.bytes(attr), uintptr(len(attr)))
		switch {
		case errno == unix.EAGAIN: // a signal of Go's runtime came between
		case errno != 0:
			t.Fatal(errno)
		default:
			return int(fd)
		}
	}
}

// infoID asks a map or a program for its id.
func infoID(t *testing.T, a *arena, fd int) int {
	t.Helper()
	info := make([]byte, 8)
	attr := make([]byte, 16)
	binary.NativeEndian.PutUint32(attr, uint32(fd))
	binary.NativeEndian.PutUint32(attr[4:], uint32(len(info)))
	binary.NativeEndian.PutUint64(attr[8:], uint64(a.bytes(info)))
	bpfCall(t, a, unix.BPF_OBJ_GET_INFO_BY_FD, attr)
	return int(binary.NativeEndian.Uint32(info[4:]))
}

func bpfDeeds(t *testing.T, a *arena) []deed {
	newMap := func(t *testing.T) int {
		attr := make([]byte, 72)
		for i, n := range []uint32{unix.BPF_MAP_TYPE_ARRAY, 4, 8, 1} {
			binary.NativeEndian.PutUint32(attr[4*i:], n)
		}
		copy(attr[28:], "tripline_map")
		fd := bpfCall(t, a, unix.BPF_MAP_CREATE, attr)
		t.Cleanup(func() { unix.Close(fd) })
		return fd
	}
	newProg := func(t *testing.T) int {
		// r0 = 0; exit
		code := []byte{0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0}
		attr := make([]byte, 72)
		binary.NativeEndian.PutUint32(attr, unix.BPF_PROG_TYPE_SOCKET_FILTER)
		binary.NativeEndian.PutUint32(attr[4:], 2)
		binary.NativeEndian.PutUint64(attr[8:], uint64(a.bytes(code)))
		binary.NativeEndian.PutUint64(attr[16:], uint64(a.str("GPL")))
		copy(attr[48:], "tripline_prog")
		fd := bpfCall(t, a, unix.BPF_PROG_LOAD, attr)
		t.Cleanup(func() { unix.Close(fd) })
		return fd
	}
	others := newMap(t)
	byID := func(t *testing.T, cmd uintptr, id int) {
		attr := make([]byte, 12)
		binary.NativeEndian.PutUint32(attr, uint32(id))
		unix.Close(bpfCall(t, a, cmd, attr))
	}
	return []deed{
		{"a map", "security_bpf_map", func(t *testing.T) []any {
			return []any{infoID(t, a, newMap(t)), "tripline_map"}
		}, nil, 0},
		{"a map of others", "security_bpf_map", func(t *testing.T) []any {
			id := infoID(t, a, others)
			byID(t, unix.BPF_MAP_GET_FD_BY_ID, id)
			return []any{id, "tripline_map"}
		}, nil, 0},
		{"a program", "security_bpf_prog", func(t *testing.T) []any {
			return []any{unix.BPF_PROG_TYPE_SOCKET_FILTER, "tripline_prog", infoID(t, a, newProg(t)), 1}
		}, nil, 0},
		{"the call", "security_bpf", func(t *testing.T) []any {
			newMap(t)
			return []any{unix.BPF_MAP_CREATE}
		}, nil, 0},
		{"refused", "security_bpf", func(t *testing.T) []any {
			_, _, _ = syscall.RawSyscall(unix.SYS_BPF, unix.BPF_PROG_ATTACH, a.bytes(make([]byte, 72)), 72)
			return []any{unix.BPF_PROG_ATTACH}
		}, nil, 0},
		{"prctl", "task_rename", func(t *testing.T) []any {
			old, err := os.ReadFile("/proc/thread-self/comm")
			if err != nil {
				t.Fatal(err)
			}
			raw(t, unix.SYS_PRCTL, unix.PR_SET_NAME, a.str("kworker/0:1"))
			return []any{strings.TrimSpace(string(old)), "kworker/0:1"}
		}, 0, 0},
	}
}

// TestModule loads a kernel module and unloads it again.
func TestModule(t *testing.T) {
	path := "/modules/dummy.ko"
	needs(t, feature{name: "modules", has: func() error { _, err := os.Stat("/proc/modules"); return err }})
	needs(t, feature{name: "a module of this kernel that can be spared", has: func() error { _, err := os.Stat(path); return err }})
	w := start(t, "module_load", "module_free", "security_kernel_read_file")
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var a arena
	raw(t, unix.SYS_FINIT_MODULE, f.Fd(), a.str(""), 0)
	raw(t, unix.SYS_DELETE_MODULE, a.str("dummy"), unix.O_NONBLOCK)
	runtime.KeepAlive(&a)
	named := func(r msg.Record) bool { return str(r, "name") == "dummy" }
	load := w.event("module_load", named)
	if load.Process().Pid != int32(os.Getpid()) {
		t.Errorf("loaded by %d", load.Process().Pid)
	}
	free := w.event("module_free", named)
	if got, want := str(free, "src_version"), str(load, "src_version"); got != want {
		t.Errorf("source version %q, then %q", want, got)
	}
	r := w.event("security_kernel_read_file", func(r msg.Record) bool { return str(r, "pathname") == path })
	if dev, inode, _ := facts(t, path); word(t, r, "dev") != int64(dev) || word(t, r, "inode") != int64(inode) {
		t.Errorf("read %d %d, want %d %d", word(t, r, "dev"), word(t, r, "inode"), dev, inode)
	}
}
