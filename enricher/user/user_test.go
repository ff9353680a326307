package user

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/pkg/msg"
)

func TestParse(t *testing.T) {
	text := "root:x:0:0:root:/root:/bin/bash\n#comment:x:5:\n+nis::6:\nbad\nshort:x\nneg:x:-1:\nbig:x:4294967296:\n:x:7:\n" +
		"toor:x:0:0::/:/bin/sh\ndaemon:x:1:1\nlast:x:65534:"
	got := parse([]byte(text))
	want := map[uint32]string{0: "root", 1: "daemon", 65534: "last"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := parse([]byte(strings.Repeat("x:x:1:\n", 10))); len(got) != 1 {
		t.Errorf("got %v", got)
	}
	var many strings.Builder
	for i := range 2 * maxNames {
		fmt.Fprintf(&many, "u%d:x:%d:\n", i, i)
	}
	if got := parse([]byte(many.String())); len(got) != maxNames {
		t.Errorf("%d names kept, the bound is %d", len(got), maxNames)
	}
}

func TestIDMap(t *testing.T) {
	m := parseIDMap("         0       1000          1\n         1     100000      65536\n")
	for _, c := range []struct {
		host, inside uint32
		ok           bool
	}{{1000, 0, true}, {100000, 1, true}, {165535, 65536, true}, {165536, 0, false}, {0, 0, false}} {
		if in, ok := m.inside(c.host); in != c.inside || ok != c.ok {
			t.Errorf("%d: got %d %v, want %d %v", c.host, in, ok, c.inside, c.ok)
		}
	}
	if in, ok := idMap(nil).inside(7); in != 7 || !ok {
		t.Errorf("without a map: %d %v", in, ok)
	}
}

// rootfs makes a root directory with the two files.
func rootfs(t *testing.T, passwd, group string) string {
	t.Helper()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(root, "etc/passwd"), passwd)
	write(t, filepath.Join(root, "etc/group"), group)
	return root
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestFilesOfAContainerAreNotTrusted(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret")
	write(t, outside, "secret:x:0:\n")
	for _, c := range []struct {
		name string
		make func(t *testing.T, root, passwd string) error
		user string // of uid 0
		err  bool
	}{
		{"a link to a file outside", func(_ *testing.T, _, p string) error { return os.Symlink(outside, p) }, "", false},
		{"a link upwards", func(_ *testing.T, root, p string) error {
			return os.Symlink(strings.Repeat("../", 30)+outside[1:], p)
		}, "", false},
		{"a link inside", func(t *testing.T, root, p string) error {
			write(t, filepath.Join(root, "real"), "linked:x:0:\n")
			return os.Symlink("/real", p)
		}, "linked", false},
		{"a pipe", func(_ *testing.T, _, p string) error { return unix.Mkfifo(p, 0o644) }, "", true},
		{"a directory", func(_ *testing.T, _, p string) error { return os.Mkdir(p, 0o755) }, "", true},
		{"nothing", func(*testing.T, string, string) error { return nil }, "", false},
		{"an endless file", func(t *testing.T, _, p string) error {
			write(t, p, "first:x:0:\n")
			return os.Truncate(p, 1<<40)
		}, "first", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := rootfs(t, "", "wheel:x:0:\n")
			passwd := filepath.Join(root, "etc/passwd")
			if err := os.Remove(passwd); err != nil {
				t.Fatal(err)
			}
			if err := c.make(t, root, passwd); err != nil {
				t.Fatal(err)
			}
			n := &names{}
			err := n.load(root, time.Now())
			if (err != nil) != c.err || n.user(0) != c.user {
				t.Errorf("user %q, error %v", n.user(0), err)
			}
			if n.group(0) != "wheel" {
				t.Error("one bad file spoils the other")
			}
		})
	}
}

func newStep(t *testing.T, set func(*Config)) *Step {
	t.Helper()
	c := DefaultConfig()
	set(&c)
	s, err := New(c, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	if s.boot == "" {
		t.Skip("needs a readable /proc/sys/kernel/random/boot_id")
	}
	return s
}

func (s *Step) names(p *msg.Process, c *msg.Container) string {
	b := &msg.Batch{BootId: s.boot, Processes: []*msg.Process{p}}
	if c != nil {
		b.Containers, p.Container = []*msg.Container{c}, 1
	}
	s.Enrich(context.Background(), b, false)
	return p.User + " " + p.Group + " " + p.LoginUser
}

func TestHost(t *testing.T) {
	root := rootfs(t, "alice:x:1000:\nbob:x:1001:\n", "staff:x:50:\n")
	s := newStep(t, func(c *Config) { c.Root, c.Check = root, time.Nanosecond })
	proc := func(uid, gid, login uint32) *msg.Process {
		return &msg.Process{Pid: 1, Cred: &msg.Credentials{Uid: uid, Gid: gid}, LoginUid: login}
	}
	for _, c := range []struct {
		p    *msg.Process
		want string
	}{
		{proc(1000, 50, 1001), "alice staff bob"},
		{proc(7, 7, noID), "  "},
		{&msg.Process{Pid: 1}, "  "},
	} {
		if got := s.names(c.p, nil); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	// Replaced by rename, as useradd does it.
	write(t, filepath.Join(root, "etc/passwd+"), "carol:x:1000:\n")
	if err := os.Rename(filepath.Join(root, "etc/passwd+"), filepath.Join(root, "etc/passwd")); err != nil {
		t.Fatal(err)
	}
	if got := s.names(proc(1000, 50, noID), nil); got != "carol staff " {
		t.Errorf("after a change: %q", got)
	}
	// What a recorded batch says is not of this host.
	p := proc(1000, 50, noID)
	s.Enrich(context.Background(), &msg.Batch{BootId: "elsewhere", Processes: []*msg.Process{p}}, false)
	if p.User != "" {
		t.Errorf("a process of another host is %q", p.User)
	}
}

func TestContainerHasItsOwnUsers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: starts a process in another root and user namespace")
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Skip("needs a static busybox (Debian: busybox-static)")
	}
	root := rootfs(t, "inner:x:0:\nlow:x:5:\n", "inners:x:0:\n")
	binary, err := os.ReadFile(busybox)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "busybox"), binary, 0o755); err != nil {
		t.Fatal(err)
	}
	for p := root; p != "/tmp" && p != "/"; p = filepath.Dir(p) {
		if err := os.Chmod(p, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name string
		attr *syscall.SysProcAttr
		cred *msg.Credentials
		want string
	}{
		{"the same ids", &syscall.SysProcAttr{Chroot: root}, &msg.Credentials{}, "inner inners "},
		{
			"ids of a user namespace", &syscall.SysProcAttr{
				Chroot: root, Cloneflags: syscall.CLONE_NEWUSER,
				UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 100000, Size: 10}},
				GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 200000, Size: 10}},
			},
			&msg.Credentials{Uid: 100005, Gid: 200000}, "low inners ",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := &exec.Cmd{Path: "/busybox", Args: []string{"sleep", "1000"}, SysProcAttr: c.attr, Dir: "/"}
			if err := cmd.Start(); err != nil {
				t.Skipf("needs to start a process in another root: %v", err)
			}
			defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
			s := newStep(t, func(*Config) {})
			p := &msg.Process{Pid: int32(cmd.Process.Pid), Cred: c.cred, LoginUid: noID}
			if got := s.names(p, &msg.Container{Id: "box"}); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			// Another process with the same pid, and one that has not changed
			// its root yet, tell nothing.
			for _, p := range []*msg.Process{
				{Pid: int32(cmd.Process.Pid), StartTime: 1, Cred: c.cred, LoginUid: noID},
				{Pid: int32(os.Getpid()), Cred: c.cred, LoginUid: noID},
			} {
				if got := s.names(p, &msg.Container{Id: "third"}); got != "  " {
					t.Errorf("told by pid %d: %q", p.Pid, got)
				}
			}
			// A process that is gone goes by what was read through another.
			p = &msg.Process{Pid: 1 << 30, Cred: c.cred, LoginUid: noID}
			if got := s.names(p, &msg.Container{Id: "box"}); got != c.want {
				t.Errorf("through what is remembered: %q, want %q", got, c.want)
			}
			if got := s.names(&msg.Process{Pid: 1 << 30, Cred: c.cred, LoginUid: noID}, &msg.Container{Id: "other"}); got != "  " {
				t.Errorf("of a container never seen: %q", got)
			}
		})
	}
}

func TestContainersAreBounded(t *testing.T) {
	s := newStep(t, func(c *Config) { c.MaxContainers = 10 })
	for i := range 100 {
		s.names(&msg.Process{Pid: 1 << 30, Cred: &msg.Credentials{}}, &msg.Container{Id: fmt.Sprint(i)})
	}
	if len(s.containers) > 10 {
		t.Errorf("%d containers are remembered", len(s.containers))
	}
}
