//go:build cgo && linux && amd64

package ebpf

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/sensor/ebpf/internal/int80"
)

// newSocket makes a socket for the length of the test.
func newSocket(t *testing.T, family, kind int) int {
	t.Helper()
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// local is the address that a socket has, as text.
func local(t *testing.T, fd int) string {
	t.Helper()
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return addressText(t, sa)
}

func addressText(t *testing.T, sa unix.Sockaddr) string {
	t.Helper()
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		return fmt.Sprintf("%d.%d.%d.%d:%d", a.Addr[0], a.Addr[1], a.Addr[2], a.Addr[3], a.Port)
	case *unix.SockaddrInet6:
		return (&msg.SocketAddress{Family: unix.AF_INET6, Ip: a.Addr[:], Port: uint32(a.Port)}).Text()
	case *unix.SockaddrUnix:
		return a.Name
	}
	t.Fatalf("address %T", sa)
	return ""
}

// listening makes a socket that accepts connections and returns its address.
func listening(t *testing.T, sa unix.Sockaddr) (fd int, addr unix.Sockaddr) {
	t.Helper()
	family := unix.AF_INET
	switch sa.(type) {
	case *unix.SockaddrInet6:
		family = unix.AF_INET6
	case *unix.SockaddrUnix:
		family = unix.AF_UNIX
	}
	fd = newSocket(t, family, unix.SOCK_STREAM)
	err := unix.Bind(fd, sa)
	if err == nil {
		err = unix.Listen(fd, 8)
	}
	if err == nil {
		addr, err = unix.Getsockname(fd)
	}
	if err != nil {
		t.Fatal(err)
	}
	return fd, addr
}

func loopback4() unix.Sockaddr { return &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}} }
func loopback6() unix.Sockaddr { return &unix.SockaddrInet6{Addr: [16]byte{15: 1}} }

func socketDeeds(t *testing.T, a *arena) []deed {
	path := filepath.Join(t.TempDir(), "sock")
	connected := func(name string, sa unix.Sockaddr, family int) deed {
		return deed{name, "security_socket_connect", func(t *testing.T) []any {
			_, addr := listening(t, sa)
			fd := newSocket(t, family, unix.SOCK_STREAM)
			if err := unix.Connect(fd, addr); err != nil {
				t.Fatal(err)
			}
			return []any{fd, addressText(t, addr), unix.SOCK_STREAM}
		}, 0, 0}
	}
	bound := func(name string, sa unix.Sockaddr, family int) deed {
		return deed{name, "security_socket_bind", func(t *testing.T) []any {
			fd := newSocket(t, family, unix.SOCK_DGRAM)
			if err := unix.Bind(fd, sa); err != nil {
				t.Fatal(err)
			}
			return []any{fd, local(t, fd)}
		}, 0, 0}
	}
	duped := func(name string, dup func(t *testing.T, fd int) int) deed {
		return deed{name, "socket_dup", func(t *testing.T) []any {
			_, addr := listening(t, loopback4())
			fd := newSocket(t, unix.AF_INET, unix.SOCK_STREAM)
			if err := unix.Connect(fd, addr); err != nil {
				t.Fatal(err)
			}
			got := dup(t, fd)
			t.Cleanup(func() { unix.Close(got) })
			return []any{fd, got, addressText(t, addr)}
		}, nil, 0}
	}
	return []deed{
		{"internet", "security_socket_create", func(t *testing.T) []any {
			unix.Close(raw(t, unix.SYS_SOCKET, unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.IPPROTO_UDP))
			return []any{unix.AF_INET6, unix.SOCK_DGRAM, unix.IPPROTO_UDP, 0}
		}, nil, 0},
		connected("TCP", loopback4(), unix.AF_INET),
		connected("TCP over IPv6", loopback6(), unix.AF_INET6),
		connected("local", &unix.SockaddrUnix{Name: path}, unix.AF_UNIX),
		connected("abstract", &unix.SockaddrUnix{Name: "@tripline-test"}, unix.AF_UNIX),
		{"UDP", "security_socket_connect", func(t *testing.T) []any {
			fd := newSocket(t, unix.AF_INET, unix.SOCK_DGRAM)
			if err := unix.Connect(fd, &unix.SockaddrInet4{Port: 53, Addr: [4]byte{127, 1, 2, 3}}); err != nil {
				t.Fatal(err)
			}
			return []any{fd, "127.1.2.3:53", unix.SOCK_DGRAM}
		}, 0, 0},
		{"refused", "security_socket_connect", func(t *testing.T) []any {
			fd := newSocket(t, unix.AF_INET, unix.SOCK_STREAM)
			if err := unix.Connect(fd, &unix.SockaddrInet4{Port: 1, Addr: [4]byte{127, 0, 0, 1}}); err != unix.ECONNREFUSED {
				t.Errorf("connect: %v", err)
			}
			return []any{fd, "127.0.0.1:1", unix.SOCK_STREAM}
		}, -int(unix.ECONNREFUSED), 0},
		{"no socket", "security_socket_connect", func(t *testing.T) []any {
			_, _, _ = syscall.RawSyscall(unix.SYS_CONNECT, ^uintptr(0), a.bytes(inet4(1, 127, 0, 0, 1)), 16)
			return nil
		}, nil, 0},
		bound("a port", loopback4(), unix.AF_INET),
		bound("a port over IPv6", loopback6(), unix.AF_INET6),
		bound("a name", &unix.SockaddrUnix{Name: path + "2"}, unix.AF_UNIX),
		{"listen", "security_socket_listen", func(t *testing.T) []any {
			fd, _ := listening(t, loopback4())
			return []any{fd, local(t, fd), 8}
		}, 0, 0},
		{"accept4", "security_socket_accept", func(t *testing.T) []any {
			fd, addr := listening(t, loopback4())
			peer := newSocket(t, unix.AF_INET, unix.SOCK_STREAM)
			if err := unix.Connect(peer, addr); err != nil {
				t.Fatal(err)
			}
			got, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { unix.Close(got) })
			return []any{fd, addressText(t, addr), local(t, peer)}
		}, nil, 0},
		{"accept of a local one", "security_socket_accept", func(t *testing.T) []any {
			fd, addr := listening(t, &unix.SockaddrUnix{Name: path + "3"})
			peer := newSocket(t, unix.AF_UNIX, unix.SOCK_STREAM)
			if err := unix.Connect(peer, addr); err != nil {
				t.Fatal(err)
			}
			unix.Close(raw(t, unix.SYS_ACCEPT, uintptr(fd), 0, 0))
			return []any{fd, path + "3", ""}
		}, nil, 0},
		{"setsockopt", "security_socket_setsockopt", func(t *testing.T) []any {
			fd, addr := listening(t, loopback4())
			if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1); err != nil {
				t.Fatal(err)
			}
			return []any{fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, addressText(t, addr)}
		}, 0, 0},
		duped("dup", func(t *testing.T, fd int) int { return raw(t, unix.SYS_DUP, uintptr(fd)) }),
		duped("dup2", func(t *testing.T, fd int) int { return raw(t, unix.SYS_DUP2, uintptr(fd), 701) }),
		duped("dup3", func(t *testing.T, fd int) int { return raw(t, unix.SYS_DUP3, uintptr(fd), 702, unix.O_CLOEXEC) }),
		duped("fcntl", func(t *testing.T, fd int) int {
			return raw(t, unix.SYS_FCNTL, uintptr(fd), unix.F_DUPFD_CLOEXEC, 703)
		}),
		{"not connected", "socket_dup", func(t *testing.T) []any {
			unix.Close(raw(t, unix.SYS_DUP, uintptr(newSocket(t, unix.AF_INET, unix.SOCK_STREAM))))
			return nil
		}, nil, 0},
		{"onto itself", "socket_dup", func(t *testing.T) []any {
			_, addr := listening(t, loopback4())
			fd := newSocket(t, unix.AF_INET, unix.SOCK_STREAM)
			if err := unix.Connect(fd, addr); err != nil {
				t.Fatal(err)
			}
			raw(t, unix.SYS_DUP2, uintptr(fd), uintptr(fd))
			raw(t, unix.SYS_FCNTL, uintptr(fd), unix.F_GETFD, 0)
			return nil
		}, nil, 0},
	}
}

// TestSocketcall connects as a 32-bit program does, through the one call that
// takes the arguments of all others from memory.
func TestSocketcall(t *testing.T) {
	const socketcall = 102 // arch/x86/entry/syscalls/syscall_32.tbl
	w := start(t, "security_socket_connect", "getpriority")
	l := newLow(t)
	_, addr := listening(t, loopback4())
	fd := newSocket(t, unix.AF_INET, unix.SOCK_STREAM)
	given := l.bytes(inet4(uint16(addr.(*unix.SockaddrInet4).Port), 127, 0, 0, 1))
	args := binary.NativeEndian.AppendUint32(nil, uint32(fd))
	args = binary.NativeEndian.AppendUint32(args, given)
	args = binary.NativeEndian.AppendUint32(args, 16)
	at := l.bytes(args)
	tid := onThread(t)
	w.mark(t, 0)
	if ret := int80.Call(socketcall, 3, at, 0, 0, 0, 0); ret != 0 {
		if int64(ret) == -int64(unix.ENOSYS) {
			t.Skip("needs a kernel with CONFIG_IA32_EMULATION")
		}
		t.Fatalf("socketcall: %d", ret)
	}
	w.mark(t, 1)
	got := slices.DeleteFunc(w.betweenMarks(tid, 1)[0], func(r msg.Record) bool {
		// A signal of Go's runtime came between: the call is made again.
		const again = -512 // ERESTARTSYS
		return r.Event.Ret == again
	})
	if len(got) != 1 {
		for _, r := range got {
			j, _ := r.JSON().MarshalJSONLine()
			t.Errorf("%d events, want one: %s", len(got), j)
		}
		return
	}
	if problem := compare(got[0], []any{fd, addressText(t, addr), unix.SOCK_STREAM}); problem != "" {
		t.Error(problem)
	}
	if got[0].Event.Flags != uint32(msg.EventFlag_EVENT_FLAG_COMPAT) {
		t.Errorf("flags %d", got[0].Event.Flags)
	}
}
