package container

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// hierarchy is a mounted cgroup hierarchy.
type hierarchy struct {
	id    uint32 // 0 for version 2
	mount string
	// root is what of the hierarchy is mounted, "/" for all.
	root string
	// dir is open on the mount, to ask for cgroups by their id.
	dir *os.File
}

// hierarchies finds version 2 and the one with the v1 pids controller; see
// cgroups(7) and proc(5) for the two files.
func hierarchies(proc string) ([]*hierarchy, error) {
	mounts, err := os.ReadFile(proc + "/self/mountinfo")
	if err != nil {
		return nil, err
	}
	cgroups, err := os.ReadFile(proc + "/self/cgroup")
	if err != nil {
		return nil, err
	}
	found := parseMounts(string(mounts), pidsHierarchy(string(cgroups)))
	for _, h := range found {
		h.dir, _ = os.Open(h.mount) // without it ids are not asked for
	}
	return found, nil
}

// pidsHierarchy returns the id of the v1 hierarchy with the pids controller, 0
// when that is in version 2.
func pidsHierarchy(text string) uint32 {
	for line := range strings.Lines(text) {
		id, rest, _ := strings.Cut(line, ":")
		controllers, _, _ := strings.Cut(rest, ":")
		if hasController(controllers, "pids") {
			n, _ := strconv.ParseUint(id, 10, 32)
			return uint32(n)
		}
	}
	return 0
}

func parseMounts(text string, pids uint32) []*hierarchy {
	var v1, v2 *hierarchy
	for line := range strings.Lines(text) {
		before, after, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
		f, s := strings.Fields(before), strings.Fields(after)
		if !ok || len(f) < 5 || len(s) < 3 {
			continue
		}
		h := &hierarchy{mount: unescape(f[4]), root: unescape(f[3])}
		switch {
		case s[0] == "cgroup2" && better(h, v2):
			v2 = h
		case s[0] == "cgroup" && pids != 0 && hasController(s[2], "pids") && better(h, v1):
			h.id, v1 = pids, h
		}
	}
	var out []*hierarchy
	for _, h := range []*hierarchy{v2, v1} {
		if h != nil {
			out = append(out, h)
		}
	}
	return out
}

// better prefers a mount that shows the whole hierarchy.
func better(h, than *hierarchy) bool {
	return than == nil || than.root != "/" && h.root == "/"
}

// unescape undoes the octal escapes of mountinfo.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// walk calls f for every cgroup.
func (h *hierarchy) walk(f func(id uint64, path string)) error {
	return filepath.WalkDir(h.mount, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			if p == h.mount {
				return err
			}
			return nil // it went while we walked
		}
		if !d.IsDir() {
			return nil
		}
		var st unix.Stat_t
		if unix.Lstat(p, &st) == nil {
			f(st.Ino, h.path(p))
		}
		return nil
	})
}

// path makes the cgroup's path of that of its directory.
func (h *hierarchy) path(dir string) string {
	rel := strings.TrimPrefix(dir, h.mount)
	if h.root != "/" {
		rel = h.root + rel
	}
	if rel == "" {
		return "/"
	}
	return rel
}

// fileIDKernfs is FILEID_KERNFS of linux/exportfs.h: the handle is the 64-bit
// id of the node. The kernel takes it since 5.5 and wants CAP_DAC_READ_SEARCH.
const fileIDKernfs = 0xfe

var errNoHandle = errors.New("hierarchy is not open")

// byID asks the kernel for the path of a cgroup.
func (h *hierarchy) byID(id uint64) (string, error) {
	if h.dir == nil {
		return "", errNoHandle
	}
	var b [8]byte
	binary.NativeEndian.PutUint64(b[:], id)
	fd, err := unix.OpenByHandleAt(int(h.dir.Fd()), unix.NewFileHandle(fileIDKernfs, b[:]), unix.O_PATH|unix.O_CLOEXEC)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	dir, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(dir, h.mount) || strings.HasSuffix(dir, " (deleted)") {
		return "", fs.ErrNotExist
	}
	return h.path(dir), nil
}
