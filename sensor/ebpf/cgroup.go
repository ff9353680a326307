//go:build cgo && linux

package ebpf

import (
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// cgroupRoot finds where the cgroup v2 hierarchy is mounted, to whose root the
// programs on packets are attached; "" where it is not. In a container without
// the host's hierarchy it is the container's own.
func cgroupRoot() string {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(mounts)) {
		f := strings.Fields(line)
		if len(f) < 3 || f[2] != "cgroup2" {
			continue
		}
		var st unix.Statfs_t
		// Another file system may be mounted over it.
		if unix.Statfs(f[1], &st) == nil && st.Type == unix.CGROUP2_SUPER_MAGIC {
			return f[1]
		}
	}
	return ""
}

// refuse takes events out that cannot do without one of the programs.
func (d *derived) refuse(reason string, programs ...string) {
	f := families()
	for id, all := range d.by {
		for i := range all {
			if slices.ContainsFunc(all[i].needs(f), func(p string) bool { return slices.Contains(programs, p) }) {
				d.refused[id] = reason
			}
		}
	}
	for id := range d.refused {
		delete(d.by, id)
	}
}
