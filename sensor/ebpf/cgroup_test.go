//go:build cgo && linux

package ebpf

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/pkg/msg"
)

// hierarchy is a mounted cgroup hierarchy.
type hierarchy struct {
	mount string
	id    string // as in /proc/self/cgroup, "0" for v2
	own   string // the test's own cgroup in it
}

// hierarchies returns the v2 hierarchy and v1's pids; nil for what is not there.
func hierarchies(t *testing.T) (v2, pids *hierarchy) {
	t.Helper()
	mounts := procText(t, os.Getpid(), "mounts")
	for _, line := range strings.Split(procText(t, os.Getpid(), "cgroup"), "\n") {
		f := strings.SplitN(line, ":", 3)
		for _, m := range strings.Split(mounts, "\n") {
			p := strings.Fields(m)
			switch {
			case f[0] == "0" && p[2] == "cgroup2" && v2 == nil:
				v2 = &hierarchy{p[1], f[0], f[2]}
			case f[1] == "pids" && p[2] == "cgroup" && strings.Contains(","+p[3]+",", ",pids,") && pids == nil:
				pids = &hierarchy{p[1], f[0], f[2]}
			}
		}
	}
	return v2, pids
}

func inode(t *testing.T, path string) uint64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return st.Ino
}

// TestCgroups makes a group in each hierarchy, moves a process into it and
// removes it again.
func TestCgroups(t *testing.T) {
	v2, pids := hierarchies(t)
	for name, h := range map[string]*hierarchy{"v2": v2, "pids": pids} {
		t.Run(name, func(t *testing.T) {
			if h == nil {
				t.Skipf("needs a mounted %s hierarchy", name)
			}
			w := start(t, "getpriority")
			group := fmt.Sprintf("tripline-test-%d", os.Getpid())
			path := filepath.Join(h.mount, group)
			if err := os.Mkdir(path, 0o755); err != nil {
				t.Skipf("needs a writable %s: %v", h.mount, err)
			}
			removed := false
			defer func() {
				if !removed {
					_ = os.Remove(path)
				}
			}()
			id := inode(t, path)
			here := func(r msg.Record) bool { return text(t, r, "cgroup_path") == "/"+group }
			check := func(r msg.Record) {
				t.Helper()
				if got := uint64(word(t, r, "cgroup_id")); got != id {
					t.Errorf("%s: id %d, want %d", r.Name(), got, id)
				}
				if got := fmt.Sprint(word(t, r, "hierarchy_id")); got != h.id {
					t.Errorf("%s: hierarchy %s, want %s", r.Name(), got, h.id)
				}
			}
			check(w.event("cgroup_mkdir", here))

			// The shell moves itself and then becomes another program.
			cmd := exec.Command("/bin/sh", "-c", "echo $$ >"+path+"/cgroup.procs && exec /bin/true")
			pid := run(t, cmd)
			attach := w.event("cgroup_attach_task", here)
			check(attach)
			if word(t, attach, "pid") != int64(pid) || text(t, attach, "comm") != "sh" {
				t.Errorf("attached %d (%s), want %d (sh)", word(t, attach, "pid"), text(t, attach, "comm"), pid)
			}
			p := w.event("sched_process_exec", func(r msg.Record) bool { return of(pid)(r) && r.Comm() == "true" }).Process()
			got := p.CgroupId
			if name == "pids" {
				got = p.CgroupV1Id
			}
			if got != id {
				t.Errorf("the process is in group %d, want %d", got, id)
			}
			// The last of it may take a moment to leave the group.
			var err error
			for range 100 {
				if err = os.Remove(path); err == nil {
					break
				}
				w.event("sched_process_exit", of(pid))
			}
			if err != nil {
				t.Fatal(err)
			}
			removed = true
			check(w.event("cgroup_rmdir", here))
		})
	}
}

// TestCgroupIDs compares the ids of a thin record with the directories.
func TestCgroupIDs(t *testing.T) {
	v2, pids := hierarchies(t)
	w := start(t, "getpriority")
	tid := onThread(t)
	w.mark(t, 0)
	unlinkNothing(t)
	w.mark(t, 1)
	r := w.event("getpriority", func(r msg.Record) bool { return r.Event.Tid == int32(tid) })
	p := r.Process()
	if v2 != nil {
		if want := inode(t, v2.mount+v2.own); p.CgroupId != want {
			t.Errorf("v2: %d, want %d", p.CgroupId, want)
		}
	}
	if pids != nil {
		if want := inode(t, pids.mount+pids.own); p.CgroupV1Id != want {
			t.Errorf("pids: %d, want %d", p.CgroupV1Id, want)
		}
	}
	if v2 == nil && pids == nil {
		t.Skip("needs a mounted cgroup hierarchy")
	}
}
