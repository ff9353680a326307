//go:build cgo && linux && amd64

package ebpf

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/pkg/msg/catalogue"
)

func nameDeeds(t *testing.T, a *arena, hooked func(event string) bool) []deed {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	dirfd, err := unix.Open(dir, unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(dirfd) })
	// placed makes a file and returns its device and inode.
	placed := func(t *testing.T, name string) (dev, inode int) {
		if err := os.WriteFile(in(name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		dev, inode, _ = facts(t, in(name))
		return dev, inode
	}
	// seen is what only the kernel can tell of a name that goes.
	seen := func(v int) any {
		if !hooked("security_inode_unlink") && !kernelHas("btf_trace_ctime_ns_xchg") {
			return absent{}
		}
		return v
	}
	directory := func(v int) any {
		if !hooked("security_inode_rmdir") {
			return absent{}
		}
		return v
	}
	at := uintptr(dirfd)
	const cwd = ^uintptr(99)
	here := func(t *testing.T) string {
		d, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	return []deed{
		{"unlink", "security_inode_unlink", func(t *testing.T) []any {
			dev, inode := placed(t, "a")
			raw(t, unix.SYS_UNLINK, a.str(in("a")))
			return []any{in("a"), seen(inode), seen(dev), absent{}}
		}, 0, 0},
		{"unlinkat of one of two names", "security_inode_unlink", func(t *testing.T) []any {
			dev, inode := placed(t, "b")
			if err := os.Link(in("b"), in("b2")); err != nil {
				t.Fatal(err)
			}
			raw(t, unix.SYS_UNLINKAT, at, a.str("b2"), 0)
			return []any{in("b2"), seen(inode), seen(dev), absent{}}
		}, 0, 0},
		{"in the current directory", "security_inode_unlink", func(t *testing.T) []any {
			if _, _, errno := syscall.RawSyscall(unix.SYS_UNLINK, a.str("no such file"), 0, 0); errno != unix.ENOENT {
				t.Errorf("unlink: %v", errno)
			}
			return nil
		}, nil, 0},
		{"in memory", "security_inode_unlink", func(t *testing.T) []any {
			f, err := os.CreateTemp("/dev/shm", "tripline")
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			dev, inode, _ := facts(t, f.Name())
			raw(t, unix.SYS_UNLINK, a.str(f.Name()))
			return []any{f.Name(), seen(inode), seen(dev), absent{}}
		}, 0, 0},
		{"rename", "security_inode_rename", func(t *testing.T) []any {
			placed(t, "c")
			raw(t, unix.SYS_RENAME, a.str(in("c")), a.str(in("c2")))
			return []any{in("c"), in("c2")}
		}, 0, 0},
		{"renameat2", "security_inode_rename", func(t *testing.T) []any {
			placed(t, "d")
			raw(t, unix.SYS_RENAMEAT2, at, a.str("./d"), cwd, a.str(in("d2")), 0)
			return []any{in("d"), in("d2")}
		}, 0, 0},
		{"link", "security_inode_link", func(t *testing.T) []any {
			dev, inode := placed(t, "e")
			raw(t, unix.SYS_LINK, a.str(in("e")), a.str(in("e2")))
			return []any{in("e"), in("e2"), seen(inode), seen(dev)}
		}, 0, 0},
		{"linkat", "security_inode_link", func(t *testing.T) []any {
			dev, inode := placed(t, "f")
			raw(t, unix.SYS_LINKAT, at, a.str("f"), at, a.str("f2"), 0)
			return []any{in("f"), in("f2"), seen(inode), seen(dev)}
		}, 0, 0},
		{"symlink", "security_inode_symlink", func(t *testing.T) []any {
			raw(t, unix.SYS_SYMLINK, a.str("../secret"), a.str(in("g")))
			return []any{in("g"), "../secret"}
		}, 0, 0},
		{"symlinkat", "security_inode_symlink", func(t *testing.T) []any {
			raw(t, unix.SYS_SYMLINKAT, a.str("/etc/shadow"), at, a.str("g2"))
			return []any{in("g2"), "/etc/shadow"}
		}, 0, 0},
		{"mknod of a pipe", "security_inode_mknod", func(t *testing.T) []any {
			raw(t, unix.SYS_MKNOD, a.str(in("h")), unix.S_IFIFO|0o600, 0)
			return []any{in("h"), unix.S_IFIFO | 0o600, 0}
		}, 0, 0},
		{"mknodat of a device", "security_inode_mknod", func(t *testing.T) []any {
			dev := unix.Mkdev(1, 300)
			if _, _, errno := syscall.RawSyscall6(unix.SYS_MKNODAT, at, a.str("h2"), unix.S_IFCHR|0o600, uintptr(dev), 0, 0); errno != 0 {
				t.Skipf("needs to make device nodes: %v", errno)
			}
			return []any{in("h2"), unix.S_IFCHR | 0o600, 1<<20 | 300}
		}, 0, 0},
		{"mkdir", "security_inode_mkdir", func(t *testing.T) []any {
			raw(t, unix.SYS_MKDIR, a.str(in("i")), 0o750)
			return []any{in("i"), 0o750}
		}, 0, 0},
		{"mkdirat", "security_inode_mkdir", func(t *testing.T) []any {
			raw(t, unix.SYS_MKDIRAT, at, a.str("i2/"), 0o700)
			return []any{in("i2"), 0o700}
		}, 0, 0},
		{"in the current directory", "security_inode_mkdir", func(t *testing.T) []any {
			if _, _, errno := syscall.RawSyscall(unix.SYS_MKDIR, a.str("tripline-test-dir"), 0o700, 0); errno != 0 {
				t.Skipf("needs a directory that can be written: %v", errno)
			}
			raw(t, unix.SYS_RMDIR, a.str("tripline-test-dir"))
			return []any{filepath.Join(here(t), "tripline-test-dir"), 0o700}
		}, 0, 0},
		{"rmdir", "security_inode_rmdir", func(t *testing.T) []any {
			dev, inode, _ := facts(t, in("i"))
			raw(t, unix.SYS_RMDIR, a.str(in("i")))
			return []any{in("i"), directory(inode), directory(dev)}
		}, 0, 0},
		{"unlinkat", "security_inode_rmdir", func(t *testing.T) []any {
			dev, inode, _ := facts(t, in("i2"))
			raw(t, unix.SYS_UNLINKAT, at, a.str("i2"), unix.AT_REMOVEDIR)
			return []any{in("i2"), directory(inode), directory(dev)}
		}, 0, 0},
	}
}

func mountDeeds(t *testing.T, a *arena) []deed {
	target := func(t *testing.T) string {
		dir := t.TempDir()
		t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
		return dir
	}
	const event = "security_sb_mount"
	tmpfs := a.str("tmpfs")
	module := filepath.Join(t.TempDir(), "module.ko")
	if err := os.WriteFile(module, []byte("not a module"), 0o600); err != nil {
		t.Fatal(err)
	}
	return []deed{
		{"mount", event, func(t *testing.T) []any {
			dir := target(t)
			raw(t, unix.SYS_MOUNT, a.str("/dev/tripline"), a.str(dir), tmpfs, unix.MS_NOSUID|unix.MS_NOEXEC|0xC0ED0000, 0)
			return []any{"/dev/tripline", dir, "tmpfs", unix.MS_NOSUID | unix.MS_NOEXEC}
		}, 0, 0},
		{"refused", event, func(t *testing.T) []any {
			dir := target(t)
			if _, _, errno := syscall.RawSyscall6(unix.SYS_MOUNT, a.str("/dev/null"), a.str(dir), a.str("nosuchfs"), 0, 0, 0); errno != unix.ENODEV {
				t.Errorf("mount: %v", errno)
			}
			return []any{"/dev/null", dir, "nosuchfs", 0}
		}, -int(unix.ENODEV), 0},
		{"bind", event, func(t *testing.T) []any {
			dir := target(t)
			raw(t, unix.SYS_MOUNT, a.str("/etc"), a.str(dir), 0, unix.MS_BIND, 0)
			return []any{"/etc", dir, absent{}, unix.MS_BIND}
		}, 0, 0},
		{"move_mount of a new one", event, func(t *testing.T) []any {
			dir := target(t)
			m := newMount(t, a, "/dev/tripline2")
			raw(t, unix.SYS_MOVE_MOUNT, uintptr(m), a.str(""), ^uintptr(99), a.str(dir), unix.MOVE_MOUNT_F_EMPTY_PATH)
			return []any{"/dev/tripline2", dir, "tmpfs", unix.MS_NODEV | unix.MS_RDONLY}
		}, 0, 0},
		{"move_mount", "security_move_mount", func(t *testing.T) []any {
			from, to := target(t), target(t)
			raw(t, unix.SYS_MOUNT, tmpfs, a.str(from), tmpfs, 0, 0)
			if err := unix.Mount("", from, "", unix.MS_PRIVATE, ""); err != nil {
				t.Fatal(err)
			}
			// Where / is shared it may not be moved, which is told all the same.
			_, _, _ = syscall.RawSyscall6(unix.SYS_MOVE_MOUNT, ^uintptr(99), a.str(from), ^uintptr(99), a.str(to), 0, 0)
			return []any{from, to}
		}, nil, 0},
		{"umount2", "security_sb_umount", func(t *testing.T) []any {
			dir := target(t)
			raw(t, unix.SYS_MOUNT, tmpfs, a.str(dir), tmpfs, 0, 0)
			raw(t, unix.SYS_UMOUNT2, a.str(dir), unix.MNT_DETACH)
			return []any{dir, absent{}, unix.MNT_DETACH}
		}, 0, 0},
		{"module", "security_kernel_read_file", func(t *testing.T) []any {
			f, err := os.Open(module)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, _, errno := syscall.RawSyscall(unix.SYS_FINIT_MODULE, f.Fd(), a.str(""), 0); errno == 0 {
				t.Error("a text was loaded as a module")
			}
			dev, inode, ctime := facts(t, module)
			return []any{module, dev, inode, 2, ctime}
		}, nil, 0},
		{"kernel", "security_kernel_read_file", func(t *testing.T) []any {
			f, err := os.Open(module)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, _, errno := syscall.RawSyscall6(unix.SYS_KEXEC_FILE_LOAD, f.Fd(), ^uintptr(0), 0, 0, 1<<20, 0); errno == 0 {
				t.Error("a text was loaded as a kernel")
			}
			dev, inode, ctime := facts(t, module)
			return []any{module, dev, inode, 3, ctime}
		}, nil, 0},
		{"no file", "security_kernel_read_file", func(t *testing.T) []any {
			_, _, _ = syscall.RawSyscall(unix.SYS_FINIT_MODULE, ^uintptr(0), a.str(""), 0)
			return nil
		}, nil, 0},
	}
}

// newMount makes a tmpfs that is not mounted anywhere.
func newMount(t *testing.T, a *arena, source string) int {
	t.Helper()
	fs := raw(t, unix.SYS_FSOPEN, a.str("tmpfs"), 0)
	defer unix.Close(fs)
	raw(t, unix.SYS_FSCONFIG, uintptr(fs), unix.FSCONFIG_SET_STRING, a.str("source"), a.str(source), 0)
	raw(t, unix.SYS_FSCONFIG, uintptr(fs), unix.FSCONFIG_CMD_CREATE, 0, 0, 0)
	m := raw(t, unix.SYS_FSMOUNT, uintptr(fs), 0, unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_RDONLY)
	t.Cleanup(func() { unix.Close(m) })
	return m
}

// TestDerivations checks that the table names calls and events that exist, and
// that each call is of one family.
func TestDerivations(t *testing.T) {
	f := families()
	owners := map[string]hook{}
	for _, d := range derivations() {
		if e, ok := catalogue.Lookup(d.event); !ok || e.Class == catalogue.Syscall {
			t.Errorf("%s is no derived event", d.event)
		} else if len(e.Params) > maxDerivedArgs {
			t.Errorf("%s has %d arguments, a record holds %d", d.event, len(e.Params), maxDerivedArgs)
		}
		for _, name := range d.exit {
			if e, ok := catalogue.Lookup(name); !ok || e.Class != catalogue.Syscall {
				t.Errorf("%s: no call %s", d.event, name)
			}
			if owner, ok := owners[name]; ok && owner != d.hook {
				t.Errorf("%s: the call %s is another family's", d.event, name)
			}
			owners[name] = d.hook
		}
		if len(d.exit) > 0 && f[d.hook] == "" {
			t.Errorf("%s: its family has no program", d.event)
		}
	}
	var r rawDerived
	if size := unsafe.Sizeof(r); size%8 != 0 {
		t.Errorf("a record has %d bytes", size)
	}
}
