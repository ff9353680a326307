//go:build cgo && linux && amd64

package ebpf

import (
	"fmt"
	"os"
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

// arena keeps memory that system calls look at.
type arena struct{ kept []any }

func (a *arena) str(s string) uintptr { return a.bytes(append([]byte(s), 0)) }

func (a *arena) bytes(b []byte) uintptr {
	a.kept = append(a.kept, b)
	return uintptr(unsafe.Pointer(unsafe.SliceData(b)))
}

func (a *arena) list(items ...string) uintptr {
	p := make([]uintptr, 0, len(items)+1)
	for _, s := range items {
		p = append(p, a.str(s))
	}
	p = append(p, 0)
	a.kept = append(a.kept, p)
	return uintptr(unsafe.Pointer(unsafe.SliceData(p)))
}

func (a *arena) int32(n int32) uintptr {
	p := new(int32)
	*p = n
	a.kept = append(a.kept, p)
	return uintptr(unsafe.Pointer(p))
}

// absent is the expectation that an argument could not be had.
type absent struct{}

// anything is no expectation of an argument.
type anything struct{}

// call is one system call to make and what its event must say. Want holds an
// int for a scalar, a string for text and addresses, a []string for lists.
type call struct {
	name string
	nr   uintptr
	args []uintptr
	want []any
	// errno is how the call must end; 0 means that it succeeds.
	errno syscall.Errno
}

// minus is a negative number as a program without sign extension passes it.
func minus(n int32) uintptr { return uintptr(uint32(-n)) }

func inet4(port uint16, a, b, c, d byte) []byte {
	return []byte{2, 0, byte(port >> 8), byte(port), a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0}
}

func inet6(port uint16) []byte {
	b := make([]byte, 28)
	b[0], b[2], b[3], b[23] = 10, byte(port>>8), byte(port), 1
	return b
}

func unixAddr(path string) []byte { return append([]byte{1, 0}, path...) }

// calls makes the table. Everything is harmless: it works in dir, asks for what
// fails, or asks for what is so already.
func calls(t *testing.T, a *arena, dir string) []call {
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, f := range []string{"plain", "gone", "old", "old2"} {
		if err := os.WriteFile(in(f), []byte("content"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.OpenFile(in("plain"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	fd := f.Fd()
	tcp, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	udp, _ := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	tcp6, _ := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM, 0)
	local, _ := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	t.Cleanup(func() {
		for _, fd := range []int{tcp, udp, tcp6, local} {
			unix.Close(fd)
		}
	})
	const at = ^uintptr(99) // AT_FDCWD, -100
	missing, nowhere := "/nonexistent/file", "/nonexistent"
	page := uintptr(os.Getpagesize())
	buf := a.bytes(make([]byte, 64))
	long := strings.Repeat("d/", 300) + "end"

	return []call{
		{"openat", unix.SYS_OPENAT, []uintptr{minus(100), a.str(in("plain")), unix.O_RDONLY | unix.O_CLOEXEC, 0}, []any{-100, in("plain"), unix.O_RDONLY | unix.O_CLOEXEC, 0}, 0},
		{"openat", unix.SYS_OPENAT, []uintptr{at, a.str(missing), unix.O_WRONLY | unix.O_CREAT, 0o640}, []any{-100, missing, unix.O_WRONLY | unix.O_CREAT, 0o640}, unix.ENOENT},
		{"openat", unix.SYS_OPENAT, []uintptr{at, 0, 0, 0}, []any{-100, absent{}, 0, 0}, unix.EFAULT},
		{"openat", unix.SYS_OPENAT, []uintptr{at, a.str("/" + long), 0, 0}, []any{-100, "/" + long, 0, 0}, unix.ENOENT},
		{"openat", unix.SYS_OPENAT, []uintptr{at, a.str(""), 0, 0}, []any{-100, "", 0, 0}, unix.ENOENT},
		{"open", unix.SYS_OPEN, []uintptr{a.str(missing), unix.O_RDWR, 0}, []any{missing, unix.O_RDWR, 0}, unix.ENOENT},
		{"creat", unix.SYS_CREAT, []uintptr{a.str(missing), 0o600}, []any{missing, 0o600}, unix.ENOENT},
		{"openat2", unix.SYS_OPENAT2, []uintptr{at, a.str(missing), 0, 24}, []any{-100, missing, 0, 24}, unix.EFAULT},
		{"read", unix.SYS_READ, []uintptr{fd, buf, 3}, []any{int(fd), int(buf), 3}, 0},
		{"write", unix.SYS_WRITE, []uintptr{minus(1), buf, 3}, []any{-1, int(buf), 3}, unix.EBADF},
		{"pread64", unix.SYS_PREAD64, []uintptr{fd, buf, 4, 1 << 40}, []any{int(fd), int(buf), 4, 1 << 40}, 0},
		{"lseek", unix.SYS_LSEEK, []uintptr{fd, ^uintptr(0), unix.SEEK_SET}, []any{int(fd), -1, unix.SEEK_SET}, unix.EINVAL},
		{"dup", unix.SYS_DUP, []uintptr{minus(1)}, []any{-1}, unix.EBADF},
		{"dup2", unix.SYS_DUP2, []uintptr{fd, 777}, []any{int(fd), 777}, 0},
		{"dup3", unix.SYS_DUP3, []uintptr{fd, 777, unix.O_CLOEXEC}, []any{int(fd), 777, unix.O_CLOEXEC}, 0},
		{"close", unix.SYS_CLOSE, []uintptr{777}, []any{777}, 0},
		{"pipe2", unix.SYS_PIPE2, []uintptr{0, unix.O_CLOEXEC}, []any{0, unix.O_CLOEXEC}, unix.EFAULT},
		{"fcntl", unix.SYS_FCNTL, []uintptr{fd, unix.F_GETFD, 0}, []any{int(fd), unix.F_GETFD, 0}, 0},
		{"ioctl", unix.SYS_IOCTL, []uintptr{fd, 0x5401, 7}, []any{int(fd), 0x5401, 7}, unix.ENOTTY},
		{"unlink", unix.SYS_UNLINK, []uintptr{a.str(in("gone"))}, []any{in("gone")}, 0},
		{"unlinkat", unix.SYS_UNLINKAT, []uintptr{at, a.str(in("gone")), 0}, []any{-100, in("gone"), 0}, unix.ENOENT},
		{"rename", unix.SYS_RENAME, []uintptr{a.str(in("old")), a.str(in("new"))}, []any{in("old"), in("new")}, 0},
		{"renameat2", unix.SYS_RENAMEAT2, []uintptr{at, a.str(in("old2")), at, a.str(in("new")), unix.RENAME_NOREPLACE}, []any{-100, in("old2"), -100, in("new"), unix.RENAME_NOREPLACE}, unix.EEXIST},
		{"mkdir", unix.SYS_MKDIR, []uintptr{a.str(in("dir")), 0o750}, []any{in("dir"), 0o750}, 0},
		{"mkdirat", unix.SYS_MKDIRAT, []uintptr{at, a.str(in("dir")), 0o700}, []any{-100, in("dir"), 0o700}, unix.EEXIST},
		{"rmdir", unix.SYS_RMDIR, []uintptr{a.str(in("dir"))}, []any{in("dir")}, 0},
		{"symlink", unix.SYS_SYMLINK, []uintptr{a.str("/etc/shadow"), a.str(in("sym"))}, []any{"/etc/shadow", in("sym")}, 0},
		{"symlinkat", unix.SYS_SYMLINKAT, []uintptr{a.str("x"), at, a.str(in("sym"))}, []any{"x", -100, in("sym")}, unix.EEXIST},
		{"link", unix.SYS_LINK, []uintptr{a.str(in("plain")), a.str(in("hard"))}, []any{in("plain"), in("hard")}, 0},
		{"linkat", unix.SYS_LINKAT, []uintptr{at, a.str(in("plain")), at, a.str(in("hard")), 0}, []any{-100, in("plain"), -100, in("hard"), 0}, unix.EEXIST},
		{"readlink", unix.SYS_READLINK, []uintptr{a.str(in("sym")), buf, 20}, []any{in("sym"), int(buf), 20}, 0},
		{"chmod", unix.SYS_CHMOD, []uintptr{a.str(in("plain")), 0o4755}, []any{in("plain"), 0o4755}, 0},
		{"fchmod", unix.SYS_FCHMOD, []uintptr{fd, 0o600}, []any{int(fd), 0o600}, 0},
		{"fchmodat", unix.SYS_FCHMODAT, []uintptr{at, a.str(in("plain")), 0o644}, []any{-100, in("plain"), 0o644}, 0},
		{"chown", unix.SYS_CHOWN, []uintptr{a.str(in("plain")), minus(1), 65534}, []any{in("plain"), 4294967295, 65534}, 0},
		{"lchown", unix.SYS_LCHOWN, []uintptr{a.str(in("plain")), 1000, minus(1)}, []any{in("plain"), 1000, 4294967295}, 0},
		{"fchownat", unix.SYS_FCHOWNAT, []uintptr{at, a.str(in("plain")), 0, 0, unix.AT_SYMLINK_NOFOLLOW}, []any{-100, in("plain"), 0, 0, unix.AT_SYMLINK_NOFOLLOW}, 0},
		{"truncate", unix.SYS_TRUNCATE, []uintptr{a.str(missing), 5}, []any{missing, 5}, unix.ENOENT},
		{"mknod", unix.SYS_MKNOD, []uintptr{a.str(in("fifo")), unix.S_IFIFO | 0o600, 0}, []any{in("fifo"), unix.S_IFIFO | 0o600, 0}, 0},
		{"mmap", unix.SYS_MMAP, []uintptr{0, page, unix.PROT_READ, unix.MAP_PRIVATE | unix.MAP_ANONYMOUS, ^uintptr(0), 0}, []any{0, int(page), unix.PROT_READ, unix.MAP_PRIVATE | unix.MAP_ANONYMOUS, -1, 0}, 0},
		{"mprotect", unix.SYS_MPROTECT, []uintptr{1, page, unix.PROT_EXEC}, []any{1, int(page), unix.PROT_EXEC}, unix.EINVAL},
		{"munmap", unix.SYS_MUNMAP, []uintptr{1, page}, []any{1, int(page)}, unix.EINVAL},
		{"memfd_create", unix.SYS_MEMFD_CREATE, []uintptr{a.str("payload"), unix.MFD_CLOEXEC}, []any{"payload", unix.MFD_CLOEXEC}, 0},
		{"socket", unix.SYS_SOCKET, []uintptr{unix.AF_INET, unix.SOCK_STREAM | unix.SOCK_CLOEXEC, 6}, []any{unix.AF_INET, unix.SOCK_STREAM | unix.SOCK_CLOEXEC, 6}, 0},
		{"bind", unix.SYS_BIND, []uintptr{uintptr(udp), a.bytes(inet4(0, 127, 0, 0, 1)), 16}, []any{udp, "127.0.0.1:0", 16}, 0},
		{"connect", unix.SYS_CONNECT, []uintptr{uintptr(tcp), a.bytes(inet4(1, 127, 0, 0, 1)), 16}, []any{tcp, "127.0.0.1:1", 16}, unix.ECONNREFUSED},
		{"connect", unix.SYS_CONNECT, []uintptr{uintptr(tcp6), a.bytes(inet6(1)), 28}, []any{tcp6, "[::1]:1", 28}, unix.ECONNREFUSED},
		{"connect", unix.SYS_CONNECT, []uintptr{uintptr(local), a.bytes(unixAddr("/nonexistent/sock\x00")), 20}, []any{local, "/nonexistent/sock", 20}, unix.ENOENT},
		{"connect", unix.SYS_CONNECT, []uintptr{uintptr(local), a.bytes(unixAddr("\x00abstract-name")), 16}, []any{local, "@abstract-name", 16}, unix.ECONNREFUSED},
		{"connect", unix.SYS_CONNECT, []uintptr{uintptr(tcp), 8, 16}, []any{tcp, absent{}, 16}, unix.EFAULT},
		{"listen", unix.SYS_LISTEN, []uintptr{uintptr(udp), 5}, []any{udp, 5}, unix.EOPNOTSUPP},
		{"accept4", unix.SYS_ACCEPT4, []uintptr{uintptr(udp), 0, 0, unix.SOCK_CLOEXEC}, []any{udp, absent{}, 0, unix.SOCK_CLOEXEC}, unix.EOPNOTSUPP},
		{"sendto", unix.SYS_SENDTO, []uintptr{uintptr(udp), buf, 9, unix.MSG_DONTWAIT, a.bytes(inet4(9, 127, 0, 0, 1)), 16}, []any{udp, int(buf), 9, unix.MSG_DONTWAIT, "127.0.0.1:9", 16}, 0},
		{"getsockname", unix.SYS_GETSOCKNAME, []uintptr{uintptr(udp), a.bytes(make([]byte, 28)), a.int32(28)}, []any{udp, anything{}, anything{}}, 0},
		{"getsockname", unix.SYS_GETSOCKNAME, []uintptr{uintptr(local), a.bytes(make([]byte, 28)), a.int32(28)}, []any{local, "", anything{}}, 0},
		{"getpeername", unix.SYS_GETPEERNAME, []uintptr{uintptr(tcp6), buf, a.int32(28)}, []any{tcp6, absent{}, anything{}}, unix.ENOTCONN},
		{"setsockopt", unix.SYS_SETSOCKOPT, []uintptr{uintptr(tcp), unix.SOL_SOCKET, 9999, 0, 0}, []any{tcp, unix.SOL_SOCKET, 9999, 0, 0}, anyErrno},
		{"shutdown", unix.SYS_SHUTDOWN, []uintptr{uintptr(tcp), unix.SHUT_WR}, []any{tcp, unix.SHUT_WR}, unix.ENOTCONN},
		{"ptrace", unix.SYS_PTRACE, []uintptr{unix.PTRACE_POKETEXT, 1 << 22, 0xabc, 0xdef}, []any{unix.PTRACE_POKETEXT, 1 << 22, 0xabc, 0xdef}, unix.ESRCH},
		{"kill", unix.SYS_KILL, []uintptr{minus(1 << 22), 9}, []any{-(1 << 22), 9}, unix.ESRCH},
		{"tgkill", unix.SYS_TGKILL, []uintptr{1 << 22, 1 << 22, 11}, []any{1 << 22, 1 << 22, 11}, unix.ESRCH},
		{"setresuid", unix.SYS_SETRESUID, []uintptr{minus(1), ^uintptr(0), minus(1)}, []any{4294967295, 4294967295, 4294967295}, 0},
		{"prctl", unix.SYS_PRCTL, []uintptr{unix.PR_GET_DUMPABLE, 0, 0, 0, 0}, []any{unix.PR_GET_DUMPABLE, 0, 0, 0, 0}, 0},
		{"mount", unix.SYS_MOUNT, []uintptr{a.str("/dev/sda1"), a.str(nowhere), a.str("ext4"), unix.MS_RDONLY, a.str("opts")}, []any{"/dev/sda1", nowhere, "ext4", unix.MS_RDONLY, anything{}}, unix.ENOENT},
		{"umount2", unix.SYS_UMOUNT2, []uintptr{a.str(nowhere), unix.MNT_DETACH}, []any{nowhere, unix.MNT_DETACH}, unix.ENOENT},
		{"chdir", unix.SYS_CHDIR, []uintptr{a.str(nowhere)}, []any{nowhere}, unix.ENOENT},
		{"chroot", unix.SYS_CHROOT, []uintptr{a.str(nowhere)}, []any{nowhere}, unix.ENOENT},
		{"pivot_root", unix.SYS_PIVOT_ROOT, []uintptr{a.str(nowhere), a.str("/")}, []any{nowhere, "/"}, unix.ENOENT},
		{"setns", unix.SYS_SETNS, []uintptr{minus(1), unix.CLONE_NEWNET}, []any{-1, unix.CLONE_NEWNET}, unix.EBADF},
		{"unshare", unix.SYS_UNSHARE, []uintptr{0}, []any{0}, 0},
		{"finit_module", unix.SYS_FINIT_MODULE, []uintptr{minus(1), a.str("a=b"), 0}, []any{-1, "a=b", 0}, anyErrno},
		{"delete_module", unix.SYS_DELETE_MODULE, []uintptr{a.str("nomod"), unix.O_NONBLOCK}, []any{"nomod", unix.O_NONBLOCK}, anyErrno},
		{"process_vm_writev", unix.SYS_PROCESS_VM_WRITEV, []uintptr{1 << 22, 0, 0, 0, 1, 0}, []any{1 << 22, 0, 0, 0, 1, 0}, 0},
		{"io_uring_setup", unix.SYS_IO_URING_SETUP, []uintptr{0, 0}, []any{0, 0}, anyErrno},
		{"setxattr", unix.SYS_SETXATTR, []uintptr{a.str(missing), a.str("user.x"), buf, 3, unix.XATTR_CREATE}, []any{missing, "user.x", int(buf), 3, unix.XATTR_CREATE}, unix.ENOENT},
		{"inotify_add_watch", unix.SYS_INOTIFY_ADD_WATCH, []uintptr{minus(1), a.str("/etc"), unix.IN_MODIFY}, []any{-1, "/etc", unix.IN_MODIFY}, unix.EBADF},
		{"prlimit64", unix.SYS_PRLIMIT64, []uintptr{0, unix.RLIMIT_NOFILE, 0, 0}, []any{0, unix.RLIMIT_NOFILE, 0, 0}, 0},
		{"swapon", unix.SYS_SWAPON, []uintptr{a.str(nowhere), 0}, []any{nowhere, 0}, anyErrno},
		{"newfstatat", unix.SYS_NEWFSTATAT, []uintptr{at, a.str(missing), buf, 0}, []any{-100, missing, int(buf), 0}, unix.ENOENT},
		{"faccessat", unix.SYS_FACCESSAT, []uintptr{at, a.str(missing), unix.R_OK}, []any{-100, missing, unix.R_OK}, unix.ENOENT},
		{"execve", unix.SYS_EXECVE, []uintptr{a.str(missing), a.list("prog", "", "two words"), a.list("A=1", "B=")}, []any{missing, []string{"prog", "", "two words"}, []string{"A=1", "B="}}, unix.ENOENT},
		{"execve", unix.SYS_EXECVE, []uintptr{a.str(missing), 0, 0}, []any{missing, absent{}, absent{}}, unix.ENOENT},
		{"execveat", unix.SYS_EXECVEAT, []uintptr{at, a.str(missing), a.list("p"), a.list(), unix.AT_SYMLINK_NOFOLLOW}, []any{-100, missing, []string{"p"}, []string{}, unix.AT_SYMLINK_NOFOLLOW}, unix.ENOENT},
		{"getpriority", unix.SYS_GETPRIORITY, []uintptr{77, minus(5)}, []any{77, -5}, unix.EINVAL},
	}
}

// anyErrno stands for a call that fails in one way or another.
const anyErrno = syscall.Errno(0xffff)

// TestCalls makes every call of the table and compares every argument.
func TestCalls(t *testing.T) {
	needRoot(t)
	var a arena
	table := calls(t, &a, t.TempDir())
	names := []string{"getpriority"}
	for _, c := range table {
		if !slices.Contains(names, c.name) {
			names = append(names, c.name)
		}
	}
	w := start(t, names...)
	tid := onThread(t)
	rets := make([]int64, len(table))
	for i, c := range table {
		w.mark(t, i)
		var r [6]uintptr
		copy(r[:], c.args)
		ret, _, errno := syscall.RawSyscall6(c.nr, r[0], r[1], r[2], r[3], r[4], r[5])
		if rets[i] = int64(ret); errno != 0 {
			rets[i] = -int64(errno)
		}
		if errno != c.errno && (c.errno != anyErrno || errno == 0) {
			t.Errorf("%s ended with %v, expected %v", c.name, errno, c.errno)
		}
		closeNew(c.name, ret, errno)
	}
	w.mark(t, len(table))
	runtime.KeepAlive(&a)
	between := w.betweenMarks(tid, len(table))
	for i, c := range table {
		t.Run(fmt.Sprintf("%02d_%s", i, c.name), func(t *testing.T) {
			var close []string
			for _, r := range between[i] {
				if r.Name() != c.name {
					continue
				}
				problem := compare(r, c.want)
				if r.Event.Ret != rets[i] {
					problem += fmt.Sprintf(" result %d, want %d", r.Event.Ret, rets[i])
				}
				if problem == "" {
					return
				}
				close = append(close, problem)
			}
			t.Errorf("no event says what was done; nearest: %q", close)
		})
	}
}

// closeNew closes descriptors that a call of the table opened.
func closeNew(name string, ret uintptr, errno syscall.Errno) {
	if e, _ := catalogue.Lookup(name); errno == 0 && ret > 2 && (e.Ret == catalogue.FD) && name != "dup2" && name != "dup3" {
		unix.Close(int(ret))
	}
}

// markWhich is no kind of priority, so the kernel refuses these calls.
const markWhich = 4242

// mark makes a call that tells the calls before it from those after it.
func (w *watch) mark(t *testing.T, n int) {
	t.Helper()
	if _, _, errno := syscall.RawSyscall(unix.SYS_GETPRIORITY, markWhich, uintptr(n), 0); errno != unix.EINVAL {
		t.Fatalf("marking: %v", errno)
	}
}

// betweenMarks waits for the last mark and returns the thread's events after
// each of the others.
func (w *watch) betweenMarks(tid, last int) [][]msg.Record {
	w.t.Helper()
	which := func(r msg.Record) int {
		if a, _ := r.Arg("which"); r.Name() != "getpriority" || a.Word != markWhich || r.Event.Tid != int32(tid) {
			return -1
		}
		who, _ := r.Arg("who")
		return int(who.Word)
	}
	w.event("getpriority", func(r msg.Record) bool { return which(r) == last })
	out := make([][]msg.Record, last+1)
	at := -1
	for _, r := range w.records() {
		if r.Event.Tid != int32(tid) {
			continue
		}
		if n := which(r); n >= 0 {
			at = n
		} else if at >= 0 {
			out[at] = append(out[at], r)
		}
	}
	return out
}

// compare returns what is wrong with the event's arguments, "" for nothing.
func compare(r msg.Record, want []any) string {
	var b strings.Builder
	if len(want) != r.NumArgs() {
		fmt.Fprintf(&b, " %d arguments, want %d", r.NumArgs(), len(want))
	}
	for i := range min(len(want), r.NumArgs()) {
		var got any = absent{}
		if v, ok := r.ArgAt(i); ok {
			switch k := v.Param.Kind; {
			case v.Scalar():
				got = int(v.Word)
			case k == catalogue.Strings:
				got = v.Strings()
			default:
				got = v.Text()
			}
		}
		w := want[i]
		if _, any := w.(anything); !any && fmt.Sprintf("%T%q", got, got) != fmt.Sprintf("%T%q", w, w) {
			fmt.Fprintf(&b, " %s is %#v, want %#v;", r.Type.Params[i].Name, got, w)
		}
	}
	return b.String()
}
