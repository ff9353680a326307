package container

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/pkg/msg"
)

func TestParseMounts(t *testing.T) {
	const (
		v2      = "30 24 0:27 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n"
		unified = "31 24 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
		pids    = "33 24 0:30 / /sys/fs/cgroup/cpu,pids rw - cgroup cgroup rw,cpu,pids\n"
		memory  = "34 24 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
		part    = "35 24 0:28 /docker/x /mnt/a\\040b rw - cgroup2 cgroup2 rw\n"
		other   = "36 24 8:1 / / rw - ext4 /dev/vda1 rw\nnonsense\n\n"
	)
	for _, c := range []struct {
		name, text string
		pids       uint32
		want       string
	}{
		{"version 2", other + v2, 0, "[0 /sys/fs/cgroup /]"},
		{"hybrid", unified + pids + memory, 8, "[0 /sys/fs/cgroup/unified / 8 /sys/fs/cgroup/cpu,pids /]"},
		{"version 1", memory + pids, 3, "[3 /sys/fs/cgroup/cpu,pids /]"},
		{"the whole before a part", part + unified, 0, "[0 /sys/fs/cgroup/unified /]"},
		{"a part only", part, 0, "[0 /mnt/a b /docker/x]"},
		{"none", other, 0, "[]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := "["
			for i, h := range parseMounts(c.text, c.pids) {
				if i > 0 {
					got += " "
				}
				got += fmt.Sprintf("%d %s %s", h.id, h.mount, h.root)
			}
			if got += "]"; got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
	if got := pidsHierarchy("9:name=systemd:/\n8:cpu,pids:/x\n0::/\n"); got != 8 {
		t.Errorf("pids controller is in hierarchy %d", got)
	}
	if got := pidsHierarchy("0::/\n"); got != 0 {
		t.Errorf("pids controller is in hierarchy %d of version 2", got)
	}
}

// mkdir makes a cgroup in every hierarchy, and returns its ids by hierarchy.
func mkdir(t *testing.T, name string) map[uint32]uint64 {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: makes cgroups")
	}
	hs, err := hierarchies("/proc")
	if err != nil || len(hs) == 0 {
		t.Skipf("needs mounted cgroups: %v", err)
	}
	ids := map[uint32]uint64{}
	for _, h := range hs {
		dir := filepath.Join(h.mount, name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Skipf("needs a writable cgroup hierarchy: %v", err)
		}
		t.Cleanup(func() {
			for d := dir; d != h.mount && os.Remove(d) == nil; d = filepath.Dir(d) {
			}
		})
		var st unix.Stat_t
		if err := unix.Stat(dir, &st); err != nil {
			t.Fatal(err)
		}
		ids[h.id] = st.Ino
	}
	return ids
}

func TestCgroupByID(t *testing.T) {
	name := "/tripline-test/" + hexA
	ids := mkdir(t, name)
	hs, _ := hierarchies("/proc")
	for _, h := range hs {
		path, err := h.byID(ids[h.id])
		if err != nil {
			t.Skipf("needs open_by_handle_at on cgroups (Linux 5.5, CAP_DAC_READ_SEARCH): %v", err)
		}
		if path != name {
			t.Errorf("hierarchy %d: id %d is %q, want %q", h.id, ids[h.id], path, name)
		}
		if path, err := h.byID(1 << 40); err == nil {
			t.Errorf("an id of nothing is %q", path)
		}
	}
}

func TestWalkAgreesWithIDs(t *testing.T) {
	name := "/tripline-test/" + hexA
	ids := mkdir(t, name)
	c := newCgroups(1000, "/proc")
	c.hierarchies, _ = hierarchies("/proc")
	if err := c.walk(); err != nil {
		t.Fatal(err)
	}
	for h, id := range ids {
		g := c.m[key{h, id}]
		if g == nil || g.path != name || g.ref.ID != hexA {
			t.Errorf("hierarchy %d: %+v", h, g)
		}
	}
}

func TestWhichHierarchyCounts(t *testing.T) {
	const pids = 8
	docker, user := "/docker/"+hexA, "/user.slice"
	for _, c := range []struct{ name, v2, v1, want string }{
		{"both", docker, docker, docker},
		{"version 2 names the container", docker, user, docker},
		{"pids names the container", user, docker, docker},
		{"neither, version 2 is mostly deeper", user, "/other", user},
		{"version 1 host", "/", user, user},
		{"version 2 host", user, "", user},
		{"root", "/", "/", "/"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cg := newCgroups(100, "/proc")
			cg.pids = pids
			p := &msg.Process{CgroupId: 5}
			cg.m[key{0, 5}] = newCgroup(c.v2)
			// The same number in the other hierarchy is another cgroup.
			if c.v1 != "" {
				p.CgroupV1Id = 5
				cg.m[key{pids, 5}] = newCgroup(c.v1)
			}
			if g := cg.of(p, false); g == nil || g.path != c.want {
				t.Errorf("got %+v, want %q", g, c.want)
			}
		})
	}
}

func TestCgroupsAreBounded(t *testing.T) {
	c := newCgroups(64, "/proc")
	for i := range uint64(10000) {
		c.put(key{0, i}, newCgroup(fmt.Sprintf("/x/%d", i)))
		if i%2 == 0 {
			c.m[key{0, i}].gone = 1
		}
	}
	if len(c.m) > 64 {
		t.Errorf("%d cgroups are kept", len(c.m))
	}
}
