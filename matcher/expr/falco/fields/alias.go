package fields

// aliases gives, for a parameter of Falco, the names that the catalogue may
// have for it, most likely first. The name itself is always tried before.
func aliases(name string) []string {
	switch name {
	case "name", "path", "filename":
		return []string{"pathname", "filename", "path", "name", "target"}
	case "oldpath", "target":
		return []string{"oldpath", "oldname", "target", "pathname"}
	case "newpath", "linkpath":
		return []string{"newpath", "newname", "linkpath"}
	case "dirfd", "linkdirfd":
		return []string{"dirfd", "dfd", "newdirfd", "newdfd"}
	case "olddir", "olddirfd":
		return []string{"olddirfd", "olddfd"}
	case "newdir", "newdirfd":
		return []string{"newdirfd", "newdfd"}
	case "fd":
		return []string{"sockfd", "epfd", "fs_fd"}
	case "oldfd":
		return []string{"fildes"}
	case "fdin":
		return []string{"fd_in"}
	case "fdout":
		return []string{"fd_out"}
	case "offin":
		return []string{"off_in"}
	case "offout":
		return []string{"off_out"}
	case "mountfd":
		return []string{"mount_fd"}
	case "pid":
		return []string{"tgid"}
	case "pos":
		return []string{"offset", "pos_l"}
	case "offset":
		return []string{"off"}
	case "domain":
		return []string{"domain", "family"}
	case "proto":
		return []string{"protocol"}
	case "addr", "tuple":
		return []string{"addr", "dest_addr", "src_addr", "uaddr"}
	case "size":
		return []string{"count", "len", "size"}
	case "data":
		return []string{"buf", "data"}
	case "length":
		return []string{"length", "len"}
	case "mode":
		return []string{"mode", "umode"}
	case "flags":
		return []string{"mountflags"}
	case "sig":
		return []string{"sig", "signum"}
	case "dev":
		return []string{"dev_name", "source", "dev"}
	case "dir":
		return []string{"dir_name", "target"}
	case "type":
		return []string{"type", "filesystemtype"}
	case "op":
		return []string{"op", "futex_op", "operation"}
	case "request":
		return []string{"request", "cmd"}
	case "argument", "arg":
		return []string{"arg", "argp"}
	case "uargs":
		return []string{"param_values", "uargs"}
	case "img":
		return []string{"module_image", "umod"}
	case "uid":
		return []string{"uid", "owner", "user"}
	case "gid":
		return []string{"gid", "group"}
	}
	return nil
}
