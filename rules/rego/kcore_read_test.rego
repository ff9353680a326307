package tripline.kcore_read_test

import data.tripline.kcore_read.match

opened(path, flags) := {"eventName": "security_file_open", "argsByName": {"pathname": path, "flags": flags}}

test_files if {
	every path in [
		"/proc/kcore",
		"/host/proc/kcore",
	] {
		match == {"file path": path} with input as opened(path, "O_RDONLY")
	}
}

test_flags if {
	every flags in ["O_RDONLY", "O_RDWR", "O_RDONLY|O_CLOEXEC"] {
		match with input as opened("/proc/kcore", flags)
	}
}

test_other_flags_are_not if {
	every flags in ["O_WRONLY"] {
		not match with input as opened("/proc/kcore", flags)
	}
}

test_other_files_are_not if {
	every path in [
		"/proc/kallsyms",
		"/tmp/kcore",
		"/proc/kcore.txt",
	] {
		not match with input as opened(path, "O_RDONLY")
	}
}
