package tripline.sudoers_test

import data.tripline.sudoers.match

opened(path, flags) := {"eventName": "security_file_open", "argsByName": {"pathname": path, "flags": flags}}

test_files if {
	every path in [
		"/etc/sudoers",
		"/etc/sudoers.d/x",
	] {
		match == {"file path": path} with input as opened(path, "O_WRONLY")
	}
}

test_flags if {
	every flags in ["O_WRONLY", "O_RDWR", "O_WRONLY|O_CREAT|O_TRUNC"] {
		match with input as opened("/etc/sudoers", flags)
	}
}

test_other_flags_are_not if {
	every flags in ["O_RDONLY"] {
		not match with input as opened("/etc/sudoers", flags)
	}
}

test_other_files_are_not if {
	every path in [
		"/etc/sudoers.tmp",
		"/etc/sudo.conf",
		"/tmp/etc/sudoers",
	] {
		not match with input as opened(path, "O_WRONLY")
	}
}

renamed(path) := {"eventName": "security_inode_rename", "argsByName": {"old_path": "/tmp/x", "new_path": path}}

linked(path) := {"eventName": "security_inode_link", "argsByName": {"old_path": "/tmp/x", "new_path": path}}

pointed(path) := {"eventName": "security_inode_symlink", "argsByName": {"linkpath": path, "target": "/tmp/x"}}

test_put_in_place if {
	path := "/etc/sudoers"
	every event in [renamed(path), linked(path), pointed(path)] {
		match == {"file path": path} with input as event
	}
}

test_taken_away_is_not if {
	not match with input as {"eventName": "security_inode_rename", "argsByName": {"old_path": "/etc/sudoers", "new_path": "/tmp/x"}}
}

by(exe, args, ancestors) := object.union(opened("/etc/sudoers", "O_WRONLY"), {"process": {"exe": exe, "args": args, "ancestors": ancestors}})

test_package_manager_is_not if {
	every event in [
		by("/usr/bin/dpkg", ["dpkg"], []),
		by("/usr/bin/dash", ["sh"], [{"exe": "/usr/bin/bash"}, {"exe": "/usr/bin/dpkg"}]),
		by("/usr/bin/python3.11", ["python3", "/usr/bin/dnf"], []),
	] {
		not match with input as event
	}
}

test_what_only_looks_like_one_is if {
	every event in [
		by("/tmp/dpkg", ["/usr/bin/dpkg"], []),
		by("/usr/bin/python3.11", ["dnf", "/tmp/dnf"], []),
		by("/tmp/usr/bin/python3", ["python3", "/usr/bin/dnf"], [{"exe": "/usr/bin/bash", "comm": "dpkg"}]),
	] {
		match with input as event
	}
}
