package tripline.sched_debug_test

import data.tripline.sched_debug.match

opened(path, flags) := {"eventName": "security_file_open", "argsByName": {"pathname": path, "flags": flags}}

test_files if {
	every path in [
		"/proc/sched_debug",
		"/sys/kernel/debug/sched/debug",
		"/mnt/debug/sched/debug",
	] {
		match == {"file path": path} with input as opened(path, "O_RDONLY")
	}
}

test_flags if {
	every flags in ["O_RDONLY", "O_RDWR", "O_RDONLY|O_CLOEXEC"] {
		match with input as opened("/proc/sched_debug", flags)
	}
}

test_other_flags_are_not if {
	every flags in ["O_WRONLY"] {
		not match with input as opened("/proc/sched_debug", flags)
	}
}

test_other_files_are_not if {
	every path in [
		"/proc/schedstat",
		"/sys/kernel/debug/sched/features",
	] {
		not match with input as opened(path, "O_RDONLY")
	}
}
