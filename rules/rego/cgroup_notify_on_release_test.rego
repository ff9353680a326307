package tripline.cgroup_notify_on_release_test

import data.tripline.cgroup_notify_on_release.match

opened(path, flags) := {"eventName": "security_file_open", "argsByName": {"pathname": path, "flags": flags}}

test_files if {
	every path in [
		"/sys/fs/cgroup/x/notify_on_release",
	] {
		match == {"file path": path} with input as opened(path, "O_WRONLY")
	}
}

test_flags if {
	every flags in ["O_WRONLY", "O_RDWR", "O_WRONLY|O_CREAT|O_TRUNC"] {
		match with input as opened("/sys/fs/cgroup/x/notify_on_release", flags)
	}
}

test_other_flags_are_not if {
	every flags in ["O_RDONLY"] {
		not match with input as opened("/sys/fs/cgroup/x/notify_on_release", flags)
	}
}

test_other_files_are_not if {
	every path in [
		"/sys/fs/cgroup/x/release_agent",
		"/tmp/notify_on_release.txt",
	] {
		not match with input as opened(path, "O_WRONLY")
	}
}
