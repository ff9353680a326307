//go:build cgo && linux

package ebpf

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/pkg/msg/catalogue"
)

const (
	eventMagicWrite = catalogue.ID(1107)
	magicArgPath    = 0
	magicArgBytes   = 1

	// magicSize is how many first bytes of a file magic_write tells.
	magicSize = 20
)

// lookable are the file systems that a file's beginning is read from. Others
// (FUSE, network) may not answer, and the reader of the rings must not wait.
// Numbers from linux/magic.h and the file systems' own headers.
func lookable(magic uint64) bool {
	switch magic {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC,
		unix.TMPFS_MAGIC, unix.RAMFS_MAGIC, unix.OVERLAYFS_SUPER_MAGIC, zfsMagic:
		return true
	}
	return false
}

// zfsMagic is ZFS_SUPER_MAGIC of OpenZFS's sys/fs/zfs.h.
const zfsMagic = 0x2fc12fc1

// magic reads the first bytes of a file that the kernel itself has filled, out
// of another file or a pipe, for which the record has no bytes. It does so some
// milliseconds later: what it reads is what the file begins with then. That it
// is the same file is certain, by device and inode (of btrfs, whose subvolumes
// have devices of their own for stat, by the kind of file system and inode);
// where it cannot be found any more, or is somewhere that might not answer,
// nothing is told.
func (d *decoder) magic(r *rawDerived) value {
	f, _ := cast[rawFile](d.parts.data[partFile])
	if f == nil || !lookable(uint64(f.magic)) {
		return value{}
	}
	name := d.parts.str(magicArgPath)
	for _, path := range []string{
		fmt.Sprintf("/proc/%d/fd/%d", r.head.pid, f.fd),
		// A program such as cp is gone by now; who called it sees the same files.
		fmt.Sprintf("/proc/%d/root%s", r.head.pid, name),
		fmt.Sprintf("/proc/%d/root%s", r.head.ppid, name),
		name,
	} {
		if b := beginning(path, f); b != nil {
			return value{d.Bytes(b), true}
		}
	}
	return value{}
}

// beginning reads the first bytes of a regular file if it is the expected one;
// nil if it is not or is empty.
func beginning(path string, f *rawFile) []byte {
	// First only a place, which opens nothing: it might be a device by now.
	place, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(place)
	var st unix.Stat_t
	if unix.Fstat(place, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || st.Ino != uint64(f.inode) || !onDevice(place, &st, f) {
		return nil
	}
	fd, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", place), unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOATIME, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	b := make([]byte, magicSize)
	n, err := unix.Pread(fd, b, 0)
	if err != nil || n == 0 {
		return nil
	}
	return b[:n]
}

// onDevice says whether an open file is on the file system that a record names.
func onDevice(fd int, st *unix.Stat_t, f *rawFile) bool {
	if f.magic != unix.BTRFS_SUPER_MAGIC {
		return unix.Major(st.Dev)<<20|unix.Minor(st.Dev) == uint32(f.device)
	}
	var fs unix.Statfs_t
	return unix.Fstatfs(fd, &fs) == nil && fs.Type == unix.BTRFS_SUPER_MAGIC
}
