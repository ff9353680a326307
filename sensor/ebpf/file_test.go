//go:build cgo && linux && amd64

package ebpf

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/tripline/tripline/pkg/msg"
)

// TestFiles checks what calls say of the descriptor that they are about.
func TestFiles(t *testing.T) {
	w := start(t, "openat", "read", "write", "fstat", "connect", "accept4", "dup", "socket", "eventfd2", "unlink", "close", "getpriority")
	dir := t.TempDir()
	path := filepath.Join(dir, "plain")
	if err := os.WriteFile(path, []byte("content"), 0o640); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	var a arena
	buf := a.bytes(make([]byte, 8))
	const cwd = ^uintptr(99)
	plain := func(fd int, flags uint32) *msg.File {
		return &msg.File{Fd: int32(fd), Path: path, Inode: st.Ino, Device: unix.Major(st.Dev)<<20 | unix.Minor(st.Dev), Mode: st.Mode, Flags: flags | largeFile}
	}
	// nameless is a descriptor that /proc has the name of.
	nameless := func(t *testing.T, fd int) *msg.File {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			t.Fatal(err)
		}
		name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
		if err != nil {
			t.Fatal(err)
		}
		return &msg.File{Fd: int32(fd), Path: name, Inode: st.Ino, Device: unix.Major(st.Dev)<<20 | unix.Minor(st.Dev), Mode: st.Mode, Flags: unix.O_RDWR}
	}
	ends := func(f *msg.File, local, remote string) *msg.File {
		f.Local, f.Remote = socketAddress(t, local), socketAddress(t, remote)
		f.SocketType, f.Protocol = unix.SOCK_STREAM, unix.IPPROTO_TCP
		return f
	}
	keep := func(fd int) int { t.Cleanup(func() { unix.Close(fd) }); return fd }
	fd := keep(raw(t, unix.SYS_OPENAT, cwd, a.str(path), unix.O_RDWR, 0))
	listener, addr := listening(t, loopback4())
	peer := newSocket(t, unix.AF_INET, unix.SOCK_STREAM)
	for i, c := range []struct {
		call string
		do   func(t *testing.T) *msg.File
	}{
		{"openat", func(t *testing.T) *msg.File {
			return plain(keep(raw(t, unix.SYS_OPENAT, cwd, a.str(path), unix.O_WRONLY, 0)), unix.O_WRONLY)
		}},
		{"read", func(t *testing.T) *msg.File {
			raw(t, unix.SYS_READ, uintptr(fd), buf, 3)
			return plain(fd, unix.O_RDWR)
		}},
		{"fstat", func(t *testing.T) *msg.File {
			raw(t, unix.SYS_FSTAT, uintptr(fd), a.bytes(make([]byte, 256)))
			return plain(fd, unix.O_RDWR)
		}},
		{"write", func(t *testing.T) *msg.File {
			var p [2]int
			if err := unix.Pipe(p[:]); err != nil {
				t.Fatal(err)
			}
			keep(p[0])
			raw(t, unix.SYS_WRITE, uintptr(keep(p[1])), buf, 3)
			f := nameless(t, p[1])
			f.Flags = unix.O_WRONLY
			return f
		}},
		{"dup", func(t *testing.T) *msg.File {
			return plain(keep(raw(t, unix.SYS_DUP, uintptr(fd))), unix.O_RDWR)
		}},
		{"eventfd2", func(t *testing.T) *msg.File {
			return nameless(t, keep(raw(t, unix.SYS_EVENTFD2, 0, 0)))
		}},
		{"socket", func(t *testing.T) *msg.File {
			fd := keep(raw(t, unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_STREAM, 0))
			f := ends(nameless(t, fd), "0.0.0.0:0", "")
			return f
		}},
		{"connect", func(t *testing.T) *msg.File {
			if err := unix.Connect(peer, addr); err != nil {
				t.Fatal(err)
			}
			return ends(nameless(t, peer), local(t, peer), addressText(t, addr))
		}},
		{"accept4", func(t *testing.T) *msg.File {
			fd, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
			if err != nil {
				t.Fatal(err)
			}
			return ends(nameless(t, keep(fd)), addressText(t, addr), local(t, peer))
		}},
		{"unlink", func(t *testing.T) *msg.File { _ = unix.Unlink("/nonexistent"); return nil }},
		{"openat", func(t *testing.T) *msg.File { _, _ = unix.Open("/nonexistent", 0, 0); return nil }},
	} {
		t.Run(fmt.Sprintf("%d_%s", i, c.call), func(t *testing.T) {
			tid := onThread(t)
			w.mark(t, 2*i)
			want := c.do(t)
			w.mark(t, 2*i+1)
			w.event("getpriority", func(r msg.Record) bool {
				a, _ := r.Arg("who")
				return r.Event.Tid == int32(tid) && a.Word == int64(2*i+1)
			})
			var got *msg.File
			inside := false
			for _, r := range w.records() {
				if a, _ := r.Arg("who"); r.Name() == "getpriority" && r.Event.Tid == int32(tid) {
					inside = a.Word == int64(2*i)
				}
				if inside && r.Event.Tid == int32(tid) && r.Name() == c.call && got == nil {
					got = r.File()
				}
			}
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// socketAddress reads host:port; nil for nothing.
func socketAddress(t *testing.T, s string) *msg.SocketAddress {
	t.Helper()
	if s == "" {
		return nil
	}
	a, err := net.ResolveTCPAddr("tcp", s)
	if err != nil {
		t.Fatal(err)
	}
	return &msg.SocketAddress{Family: unix.AF_INET, Ip: a.IP.To4(), Port: uint32(a.Port)}
}
