package input

import "strings"

// mode reads the names of the bits of st_mode, joined by "|"; see inode(7).
func mode(s string) (int64, bool) {
	var out int64
	for name := range strings.SplitSeq(s, "|") {
		bits, ok := modeBits(strings.TrimSpace(name))
		if !ok {
			return 0, false
		}
		out |= bits
	}
	return out, true
}

func modeBits(name string) (int64, bool) {
	for _, b := range []struct {
		name string
		bits int64
	}{
		{"S_IFSOCK", 0o140000},
		{"S_IFLNK", 0o120000},
		{"S_IFREG", 0o100000},
		{"S_IFBLK", 0o060000},
		{"S_IFDIR", 0o040000},
		{"S_IFCHR", 0o020000},
		{"S_IFIFO", 0o010000},
		{"S_ISUID", 0o4000},
		{"S_ISGID", 0o2000},
		{"S_ISVTX", 0o1000},
		{"S_IRWXU", 0o700},
		{"S_IRUSR", 0o400},
		{"S_IWUSR", 0o200},
		{"S_IXUSR", 0o100},
		{"S_IRWXG", 0o070},
		{"S_IRGRP", 0o040},
		{"S_IWGRP", 0o020},
		{"S_IXGRP", 0o010},
		{"S_IRWXO", 0o007},
		{"S_IROTH", 0o004},
		{"S_IWOTH", 0o002},
		{"S_IXOTH", 0o001},
	} {
		if b.name == name {
			return b.bits, true
		}
	}
	return 0, false
}
