package golang

import "strings"

// fileMode names the bits of st_mode, type first; see inode(7).
func fileMode(mode uint32) string {
	const typeMask = 0o170000
	var names []string
	switch mode & typeMask {
	case 0o140000:
		names = append(names, "S_IFSOCK")
	case 0o120000:
		names = append(names, "S_IFLNK")
	case 0o100000:
		names = append(names, "S_IFREG")
	case 0o060000:
		names = append(names, "S_IFBLK")
	case 0o040000:
		names = append(names, "S_IFDIR")
	case 0o020000:
		names = append(names, "S_IFCHR")
	case 0o010000:
		names = append(names, "S_IFIFO")
	}
	for _, b := range []struct {
		bits uint32
		name string
	}{
		{0o700, "S_IRWXU"}, {0o070, "S_IRWXG"}, {0o007, "S_IRWXO"},
	} {
		if mode&b.bits == b.bits {
			names = append(names, b.name)
			mode &^= b.bits
		}
	}
	for _, b := range []struct {
		bit  uint32
		name string
	}{
		{0o4000, "S_ISUID"},
		{0o2000, "S_ISGID"},
		{0o1000, "S_ISVTX"},
		{0o400, "S_IRUSR"},
		{0o200, "S_IWUSR"},
		{0o100, "S_IXUSR"},
		{0o040, "S_IRGRP"},
		{0o020, "S_IWGRP"},
		{0o010, "S_IXGRP"},
		{0o004, "S_IROTH"},
		{0o002, "S_IWOTH"},
		{0o001, "S_IXOTH"},
	} {
		if mode&b.bit != 0 {
			names = append(names, b.name)
		}
	}
	return strings.Join(names, "|")
}
