//go:build cgo && linux && amd64

package ebpf

import (
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/pkg/msg"
)

// From linux/io_uring.h.
const (
	uringOpConnect = 16
	uringOpOpenat  = 18
	uringSQPoll    = 1 << 1
	uringGetEvents = 1
	uringWakeup    = 1 << 1
	uringSkip      = 1 << 6 // IOSQE_CQE_SKIP_SUCCESS
	uringFiles     = 2      // IORING_REGISTER_FILES
)

// ioRing is an io_uring with room for a few requests.
type ioRing struct {
	t        *testing.T
	fd       int
	poll     bool
	params   uringParams
	sq, sqes []byte
}

type uringParams struct {
	sqEntries, cqEntries, flags, sqThreadCPU, sqThreadIdle, features, wqFD uint32
	resv                                                                   [3]uint32
	sqHead, sqTail, sqMask, sqRingEntries, sqFlags, sqDropped, sqArray     uint32
	sqResv                                                                 uint32
	sqUser                                                                 uint64
	cqHead, cqTail, cqMask, cqRingEntries, cqOverflow, cqes, cqFlags       uint32
	cqResv                                                                 uint32
	cqUser                                                                 uint64
}

// sqe is a request.
type sqe struct {
	opcode, flags uint8
	ioprio        uint16
	fd            int32
	off, addr     uint64
	length        uint32
	opFlags       uint32
	userData      uint64
	bufIndex      uint16
	personality   uint16
	fileIndex     uint32
	pad           [2]uint64
}

func newIORing(t *testing.T, flags uint32) *ioRing {
	t.Helper()
	r := &ioRing{t: t, poll: flags&uringSQPoll != 0}
	r.params.flags = flags
	r.params.sqThreadIdle = 2000
	fd, _, errno := syscall.RawSyscall(unix.SYS_IO_URING_SETUP, 8, uintptr(unsafe.Pointer(&r.params)), 0)
	if errno != 0 {
		t.Fatal(errno)
	}
	r.fd = int(fd)
	var err error
	// One mapping holds both rings (IORING_FEAT_SINGLE_MMAP).
	if r.sq, err = unix.Mmap(r.fd, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE); err != nil {
		t.Fatal(err)
	}
	if r.sqes, err = unix.Mmap(r.fd, 0x10000000, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		unix.Close(r.fd)
		_ = unix.Munmap(r.sq)
		_ = unix.Munmap(r.sqes)
	})
	return r
}

func (r *ioRing) word(at uint32) *uint32 { return (*uint32)(unsafe.Pointer(&r.sq[at])) }

// do submits a request and returns its result; one that skips its completion
// returns 0 at once.
func (r *ioRing) do(q sqe) int32 {
	r.t.Helper()
	tail := atomic.LoadUint32(r.word(r.params.sqTail))
	i := tail & *r.word(r.params.sqMask)
	*(*sqe)(unsafe.Pointer(&r.sqes[i*uint32(unsafe.Sizeof(q))])) = q
	*r.word(r.params.sqArray + 4*i) = i
	atomic.StoreUint32(r.word(r.params.sqTail), tail+1)
	submit, wait, flags := uintptr(1), uintptr(1), uintptr(uringGetEvents)
	if q.flags&uringSkip != 0 {
		wait, flags = 0, 0
	}
	if r.poll {
		flags |= uringWakeup
	}
	if _, _, errno := syscall.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), submit, wait, flags, 0, 0); errno != 0 {
		r.t.Fatalf("io_uring_enter: %v", errno)
	}
	if wait == 0 {
		return 0
	}
	head := atomic.LoadUint32(r.word(r.params.cqHead))
	cqe := r.params.cqes + 16*(head&*r.word(r.params.cqMask))
	res := int32(*r.word(cqe + 8))
	atomic.StoreUint32(r.word(r.params.cqHead), head+1)
	return res
}

// TestIOUring opens and connects where no system call shows it.
func TestIOUring(t *testing.T) {
	needs(t, requestTracepoints())
	w := start(t, "security_file_open", "io_uring_open", "security_socket_connect", "io_uring_connect")
	dir := t.TempDir()
	var a arena
	for _, c := range []struct {
		name  string
		flags uint32
		poll  int
	}{{"plain", 0, 0}, {"kernel thread", uringSQPoll, 1}} {
		t.Run(c.name, func(t *testing.T) {
			r := newIORing(t, c.flags)
			in := func(name string) string {
				path := filepath.Join(dir, c.name+" "+name)
				if err := os.WriteFile(path, []byte("content"), 0o600); err != nil {
					t.Fatal(err)
				}
				return path
			}
			// opened waits for both events about a path.
			opened := func(path string, flags int, truth bool, res int32) {
				t.Helper()
				dev, inode, ctime := facts(t, path)
				var d, i, ct any = dev, inode, ctime
				kernelFlags, fd := flags|largeFile, res
				switch {
				case w.derived.hooked(eventFileOpen):
					// The hook has the file, but no descriptor yet.
					fd = 0
				case !truth:
					ct, kernelFlags = absent{}, flags
				}
				if !truth {
					d, i = absent{}, absent{}
				}
				opens := []any{path, kernelFlags, d, i, ct, path, sysno(t, "io_uring_enter")}
				if w.derived.hooked(eventFileOpen) {
					opens[2], opens[3] = dev, inode
				}
				named := func(r msg.Record) bool {
					v, ok := r.Arg("syscall_pathname")
					return ok && v.Str() == path && v.Param != nil && r.Event.Process < uint32(len(r.Batch.Processes)) &&
						r.Process().Pid == int32(os.Getpid()) && fromRing(r)
				}
				e := w.event("security_file_open", named)
				if problem := compare(e, opens); problem != "" || e.Event.Ret != int64(fd) {
					t.Errorf("result %d, want %d:%s", e.Event.Ret, fd, problem)
				}
				e = w.event("io_uring_open", named)
				if problem := compare(e, []any{-100, path, anything{}, 0, d, i, path, c.poll}); problem != "" {
					t.Error(problem)
				}
			}
			path := in("file")
			fd := r.do(sqe{opcode: uringOpOpenat, fd: -100, addr: uint64(a.str(path)), opFlags: unix.O_RDONLY})
			if fd < 0 {
				t.Fatalf("open: %v", syscall.Errno(-fd))
			}
			unix.Close(int(fd))
			opened(path, unix.O_RDONLY, true, fd)

			path = in("slot")
			slots := []int32{-1, -1}
			if _, _, errno := syscall.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(r.fd), uringFiles, uintptr(unsafe.Pointer(&slots[0])), 2, 0, 0); errno != 0 {
				t.Fatal(errno)
			}
			if res := r.do(sqe{opcode: uringOpOpenat, fd: -100, addr: uint64(a.str(path)), opFlags: unix.O_RDONLY, fileIndex: 2}); res != 0 {
				t.Fatalf("open into a slot: %v", syscall.Errno(-res))
			}
			opened(path, unix.O_RDONLY, true, 0)

			path = in("silent")
			r.do(sqe{opcode: uringOpOpenat, flags: uringSkip, fd: -100, addr: uint64(a.str(path)), opFlags: unix.O_RDONLY})
			opened(path, unix.O_RDONLY|largeFile, false, 0)

			_, addr := listening(t, loopback4())
			port := uint16(addr.(*unix.SockaddrInet4).Port)
			sock := newSocket(t, unix.AF_INET, unix.SOCK_STREAM)
			if res := r.do(sqe{opcode: uringOpConnect, fd: int32(sock), addr: uint64(a.bytes(inet4(port, 127, 0, 0, 1))), off: 16}); res != 0 {
				t.Fatalf("connect: %v", syscall.Errno(-res))
			}
			to := func(r msg.Record) bool {
				v, ok := r.Arg("remote_addr")
				return ok && v.Text() == addressText(t, addr)
			}
			if problem := compare(w.event("security_socket_connect", to), []any{sock, addressText(t, addr), unix.SOCK_STREAM}); problem != "" {
				t.Error(problem)
			}
			if problem := compare(w.event("io_uring_connect", to), []any{sock, addressText(t, addr), c.poll}); problem != "" {
				t.Error(problem)
			}

			refused := newSocket(t, unix.AF_INET, unix.SOCK_STREAM)
			if res := r.do(sqe{opcode: uringOpConnect, fd: int32(refused), addr: uint64(a.bytes(inet4(1, 127, 0, 0, byte(2+c.poll)))), off: 16}); res != -int32(unix.ECONNREFUSED) {
				t.Fatalf("connect: %v", syscall.Errno(-res))
			}
			e := w.event("security_socket_connect", func(r msg.Record) bool { return word(t, r, "sockfd") == int64(refused) })
			if e.Event.Ret != -int64(unix.ECONNREFUSED) {
				t.Errorf("result %d", e.Event.Ret)
			}
		})
	}
}

// fromRing says whether the event was made by way of an io_uring.
func fromRing(r msg.Record) bool {
	v, ok := r.Arg("syscall")
	return !ok || v.Text() == "io_uring_enter"
}
