//go:build cgo && linux && amd64

package ebpf

import (
	"os"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/pkg/msg"
)

// TestURingSockets makes, binds and listens on a socket by way of an io_uring and
// accepts a connection, where no system call shows it: the kernel's hooks do.
func TestURingSockets(t *testing.T) {
	needs(t, kernelHooks())
	// linux/io_uring.h
	const opAccept, opSocket, opBind, opListen = 13, 45, 56, 57
	w := start(t, "security_socket_create", "security_socket_bind", "security_socket_listen", "security_socket_accept")
	ring := newIORing(t, 0)
	var a arena
	listener := newSocket(t, unix.AF_INET, unix.SOCK_STREAM)
	bare := newSocket(t, unix.AF_INET, unix.SOCK_STREAM)
	if err := unix.Bind(listener, loopback4()); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(listener, 3); err != nil {
		t.Fatal(err)
	}
	addr, err := unix.Getsockname(listener)
	if err != nil {
		t.Fatal(err)
	}
	peer := newSocket(t, unix.AF_INET, unix.SOCK_STREAM)
	if err := unix.Connect(peer, addr); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		event string
		since feature
		q     sqe
		want  []any
	}{
		{
			"security_socket_accept",
			feature{},
			sqe{opcode: opAccept, fd: int32(listener), opFlags: unix.SOCK_CLOEXEC},
			[]any{absent{}, addressText(t, addr), local(t, peer)},
		},
		{
			"security_socket_create", uringNames("5.19"),
			sqe{opcode: opSocket, fd: unix.AF_INET6, off: unix.SOCK_DGRAM | unix.SOCK_CLOEXEC, length: unix.IPPROTO_UDP},
			[]any{unix.AF_INET6, unix.SOCK_DGRAM, unix.IPPROTO_UDP, 0},
		},
		{
			"security_socket_bind", uringNames("6.11"),
			sqe{opcode: opBind, fd: int32(bare), addr: uint64(a.bytes(inet4(0, 127, 7, 6, 5))), off: 16},
			[]any{absent{}, "127.7.6.5:0"},
		},
		{
			"security_socket_listen", uringNames("6.11"),
			sqe{opcode: opListen, fd: int32(listener), length: 77},
			[]any{absent{}, addressText(t, addr), 77},
		},
	} {
		t.Run(c.event, func(t *testing.T) {
			needs(t, c.since)
			res := ring.do(c.q)
			if res < 0 {
				t.Fatal(syscall.Errno(-res))
			}
			if c.q.opcode == opAccept || c.q.opcode == opSocket {
				unix.Close(int(res))
			}
			r := w.event(c.event, func(r msg.Record) bool { return compare(r, c.want) == "" })
			if r.Process().Pid != int32(os.Getpid()) {
				t.Errorf("by %d", r.Process().Pid)
			}
		})
	}
	runtime.KeepAlive(&a)
}
