//go:build cgo && linux

package ebpf

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/pkg/msg"
)

// overlay mounts an image's layer, in which there is a program called image,
// below one of a container's own, and returns where.
func overlay(t *testing.T) (merged string) {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{"lower", "upper", "work", "merged"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	tool(t, filepath.Join(dir, "lower"), "image")
	merged = filepath.Join(dir, "merged")
	options := "lowerdir=" + dir + "/lower,upperdir=" + dir + "/upper,workdir=" + dir + "/work"
	if err := unix.Mount("overlay", merged, "overlay", 0, options); err != nil {
		t.Skipf("needs overlayfs: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(merged, unix.MNT_DETACH) })
	return merged
}

// TestOverlay runs a program of an image's layer and one that was added since.
func TestOverlay(t *testing.T) {
	needRoot(t)
	merged := overlay(t)
	tool(t, merged, "dropped")

	w := start(t)
	for _, c := range []struct {
		name         string
		upper, lower bool
	}{{"image", false, true}, {"dropped", true, false}} {
		path := filepath.Join(merged, c.name)
		e := w.event("sched_process_exec", of(run(t, exec.Command(path, "0")))).Process().Exe
		if e.Path != path || e.UpperLayer != c.upper || e.LowerLayer != c.lower {
			t.Errorf("%s: path %s, upper %v, lower %v", c.name, e.Path, e.UpperLayer, e.LowerLayer)
		}
	}
	e := w.event("sched_process_exec", of(run(t, exec.Command("/bin/true")))).Process().Exe
	if e.UpperLayer || e.LowerLayer {
		t.Errorf("/bin/true is in a layer: %v", e)
	}
}

// TestWritable asks who could change the program that he runs.
func TestWritable(t *testing.T) {
	needRoot(t)
	dir, err := os.MkdirTemp("/var/tmp", "tripline")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	w := start(t)
	const user, group = 65534, 65533
	for _, c := range []struct {
		name     string
		uid, gid int
		mode     os.FileMode
		as       *syscall.Credential
		want     bool
	}{
		{"root may always", 0, 0, 0o555, nil, true},
		{"others may not", 0, 0, 0o755, &syscall.Credential{Uid: user, Gid: group}, false},
		{"others may", 0, 0, 0o757, &syscall.Credential{Uid: user, Gid: group}, true},
		{"owner may", user, 0, 0o755, &syscall.Credential{Uid: user, Gid: group}, true},
		{"owner may not", user, 0, 0o577, &syscall.Credential{Uid: user, Gid: group}, false},
		{"group may", 0, group, 0o775, &syscall.Credential{Uid: user, Gid: group}, true},
		{"group may not", 0, group, 0o757, &syscall.Credential{Uid: user, Gid: group}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := tool(t, dir, filepath.Base(t.Name()))
			if err := os.Chown(path, c.uid, c.gid); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, c.mode); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(path, "0")
			cmd.Dir = "/"
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.as}
			pid := run(t, cmd)
			p := w.event("sched_process_exec", of(pid)).Process()
			if p.Exe.Writable != c.want {
				t.Errorf("writable %v, want %v: %v %v", p.Exe.Writable, c.want, p.Exe, p.Cred)
			}
			if c.as != nil && (p.Cred.Uid != c.as.Uid || p.Cred.Egid != c.as.Gid || p.Cred.CapEffective != 0) {
				t.Errorf("credentials %v", p.Cred)
			}
		})
	}
}

// TestSetUID runs a program that makes its caller somebody else.
func TestSetUID(t *testing.T) {
	needRoot(t)
	dir, err := os.MkdirTemp("/var/tmp", "tripline")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := tool(t, dir, "setuid")
	if err := os.Chmod(path, 0o755|os.ModeSetuid); err != nil {
		t.Fatal(err)
	}
	w := start(t)
	cmd := exec.Command(path, "0")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	r := w.event("sched_process_exec", of(run(t, cmd)))
	c := r.Process().Cred
	if c.Uid != 65534 || c.Euid != 0 || c.Suid != 0 || c.CapEffective == 0 {
		t.Errorf("credentials %v", c)
	}
	if r.Process().Exe.Mode&unix.S_ISUID == 0 {
		t.Errorf("mode %#o", r.Process().Exe.Mode)
	}
	if r.Event.Flags&uint32(msg.EventFlag_EVENT_FLAG_TRUNCATED) != 0 {
		t.Error("marked truncated")
	}
}
