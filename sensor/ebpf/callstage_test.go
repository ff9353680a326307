//go:build cgo && linux && amd64

package ebpf

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// badAddress is where no memory is.
const badAddress = 0x1008

// stage is what the calls of the tables refer to. All memory lies below 4 GiB,
// where 32-bit calls reach it too.
type stage struct {
	*low
	dir   string
	words map[string]uint64 // $name as an argument
	texts map[string]string // $name within text
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{low: newLow(t), dir: t.TempDir(), words: make(map[string]uint64), texts: make(map[string]string)}
	for _, f := range []string{"plain", "old"} {
		if err := os.WriteFile(filepath.Join(s.dir, f), []byte("content"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("plain", filepath.Join(s.dir, "sym")); err != nil {
		t.Fatal(err)
	}
	s.texts["dir"] = s.dir
	s.texts["long"] = "/" + strings.Repeat("d/", 300) + "end"
	s.descriptors(t)
	s.sockets(t)
	for name, size := range map[string]int{"buf": 4096, "out": 1024, "room": 128, "zero": 128, "pair": 8} {
		s.words[name] = uint64(s.bytes(make([]byte, size)))
	}
	len128 := make([]byte, 4)
	len128[0] = 128
	s.words["len"] = uint64(s.bytes(len128))
	s.words["name"] = uint64(s.str("tripline-call"))
	s.words["tid"], s.words["pid"] = uint64(gettid()), uint64(os.Getpid())
	// Pids are smaller than this, whatever the machine's limit.
	s.words["nopid"] = 1 << 22
	s.words["BADPTR"] = badAddress
	return s
}

func (s *stage) fd(t *testing.T, name string, fd int, err error) int {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	s.words[name] = uint64(fd)
	return fd
}

func (s *stage) descriptors(t *testing.T) {
	open := func(name string, flags int) (int, error) { return unix.Open(name, flags|unix.O_CLOEXEC, 0) }
	file, err := open(filepath.Join(s.dir, "plain"), unix.O_RDWR)
	s.fd(t, "file", file, err)
	dir, err := open(s.dir, unix.O_DIRECTORY)
	s.fd(t, "dirfd", dir, err)
	event, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	s.fd(t, "event", event, err)
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	s.fd(t, "epoll", epoll, err)
	inotify, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	s.fd(t, "inotify", inotify, err)
	var p [2]int
	err = unix.Pipe2(p[:], unix.O_CLOEXEC)
	s.fd(t, "pipe_r", p[0], err)
	s.fd(t, "pipe_w", p[1], err)
	// A call closes it: a number that nobody else gets meanwhile.
	spare := 900
	if err := unix.Dup3(event, spare, unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	s.words["spare"] = uint64(spare)
	t.Cleanup(func() {
		for _, fd := range []int{spare, 770, 771} {
			unix.Close(fd)
		}
	})
}

func (s *stage) sockets(t *testing.T) {
	for name, x := range map[string][2]int{
		"tcp": {unix.AF_INET, unix.SOCK_STREAM}, "udp": {unix.AF_INET, unix.SOCK_DGRAM},
		"tcp6": {unix.AF_INET6, unix.SOCK_STREAM}, "udp6": {unix.AF_INET6, unix.SOCK_DGRAM},
		"local": {unix.AF_UNIX, unix.SOCK_STREAM},
		"fresh": {unix.AF_INET, unix.SOCK_STREAM}, "fresh6": {unix.AF_INET6, unix.SOCK_STREAM},
	} {
		s.words[name] = uint64(newSocket(t, x[0], x[1]))
	}
	// Connections to use and to be accepted.
	for _, x := range []struct{ listener, client string }{{"listener", "conn"}, {"listener1", "client"}, {"listener2", "client2"}} {
		fd, addr := listening(t, loopback4())
		s.words[x.listener], s.texts[x.listener] = uint64(fd), addressText(t, addr)
		c := newSocket(t, unix.AF_INET, unix.SOCK_STREAM)
		if err := unix.Connect(c, addr); err != nil {
			t.Fatal(err)
		}
		s.words[x.client], s.texts[x.client] = uint64(c), local(t, c)
	}
}

// expand puts prepared text in.
func (s *stage) expand(text string) string {
	return os.Expand(text, func(name string) string {
		if v, ok := s.texts[name]; ok {
			return v
		}
		return fmt.Sprint(s.words[name])
	})
}
