package user

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// names are the users and groups of one root directory.
type names struct {
	users, groups map[uint32]string
	stamps        [2]stamp
	checked       time.Time
	seen          time.Time
	uids, gids    idMap
	mapped        bool
}

// stamp tells whether a file is still the same.
type stamp struct {
	inode        uint64
	size         int64
	mtime, ctime int64
}

// maxFile bounds what is read of a file, in bytes, and maxNames how many names
// are kept of it.
const (
	maxFile  = 1 << 20
	maxNames = 16384
)

func files() [2]string { return [...]string{"etc/passwd", "etc/group"} }

// load reads the files below root that have changed.
func (n *names) load(root string, now time.Time) error {
	n.checked = now
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	var errs []error
	for i, name := range files() {
		to := &n.users
		if i == 1 {
			to = &n.groups
		}
		if err := n.loadFile(dir, name, &n.stamps[i], to); err != nil && !errors.Is(err, unix.ENOENT) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (n *names) loadFile(dir int, name string, old *stamp, to *map[uint32]string) error {
	fd, err := openIn(dir, name)
	if err != nil {
		*to, *old = nil, stamp{}
		return err
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return errors.New(name + " is no regular file")
	}
	s := stamp{st.Ino, st.Size, st.Mtim.Nano(), st.Ctim.Nano()}
	if s == *old {
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return err
	}
	*to, *old = parse(b), s
	return nil
}

// openIn opens a file below a directory as if that were the root.
func openIn(dir int, name string) (int, error) {
	flags := unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
	fd, err := unix.Openat2(dir, name, &unix.OpenHow{
		Flags:   uint64(flags),
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
	if errors.Is(err, unix.ENOSYS) {
		// Before Linux 5.6: no links at the end; one in the middle would be
		// followed from our root, so the name has one directory only.
		return unix.Openat(dir, name, flags|unix.O_NOFOLLOW, 0)
	}
	return fd, err
}

// parse reads name:password:id:… lines, which passwd(5) and group(5) share.
// The first name of an id counts, as for getpwuid(3).
func parse(b []byte) map[uint32]string {
	m := make(map[uint32]string)
	for len(b) > 0 && len(m) < maxNames {
		var line []byte
		line, b, _ = bytes.Cut(b, []byte{'\n'})
		f := bytes.SplitN(line, []byte{':'}, 4)
		if len(f) < 3 || len(f[0]) == 0 || len(f[0]) > 255 || f[0][0] == '#' || f[0][0] == '+' || f[0][0] == '-' {
			continue
		}
		id, err := strconv.ParseUint(string(f[2]), 10, 32)
		if err != nil {
			continue
		}
		if _, ok := m[uint32(id)]; !ok {
			m[uint32(id)] = string(f[0])
		}
	}
	return m
}

// idMap is /proc/PID/uid_map or gid_map; see user_namespaces(7).
type idMap []idRange

type idRange struct{ inside, outside, length uint32 }

func parseIDMap(text string) idMap {
	var m idMap
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) != 3 {
			continue
		}
		var n [3]uint32
		for i := range f {
			v, _ := strconv.ParseUint(f[i], 10, 32)
			n[i] = uint32(v)
		}
		m = append(m, idRange{n[0], n[1], n[2]})
	}
	return m
}

// inside translates an id of the host. An empty map leaves it as it is.
func (m idMap) inside(id uint32) (uint32, bool) {
	if len(m) == 0 {
		return id, true
	}
	for _, r := range m {
		if id >= r.outside && id-r.outside < r.length {
			return r.inside + (id - r.outside), true
		}
	}
	return 0, false
}
