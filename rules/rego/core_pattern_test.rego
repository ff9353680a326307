package tripline.core_pattern_test

import data.tripline.core_pattern.match

opened(path, flags) := {"eventName": "security_file_open", "argsByName": {"pathname": path, "flags": flags}}

test_files if {
	every path in [
		"/proc/sys/kernel/core_pattern",
		"/mnt/proc/sys/kernel/core_pattern",
	] {
		match == {"file path": path} with input as opened(path, "O_WRONLY")
	}
}

test_flags if {
	every flags in ["O_WRONLY", "O_RDWR", "O_WRONLY|O_CREAT|O_TRUNC"] {
		match with input as opened("/proc/sys/kernel/core_pattern", flags)
	}
}

test_other_flags_are_not if {
	every flags in ["O_RDONLY"] {
		not match with input as opened("/proc/sys/kernel/core_pattern", flags)
	}
}

test_other_files_are_not if {
	every path in [
		"/proc/sys/kernel/core_uses_pid",
		"/tmp/core_pattern",
		"/proc/sys/kernel/core_pattern2",
	] {
		not match with input as opened(path, "O_WRONLY")
	}
}
