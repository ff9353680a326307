package tripline.system_request_key_test

import data.tripline.system_request_key.match

opened(path, flags) := {"eventName": "security_file_open", "argsByName": {"pathname": path, "flags": flags}}

test_files if {
	every path in [
		"/proc/sys/kernel/sysrq",
		"/proc/sysrq-trigger",
	] {
		match == {"file path": path} with input as opened(path, "O_WRONLY")
	}
}

test_flags if {
	every flags in ["O_WRONLY", "O_RDWR", "O_WRONLY|O_CREAT|O_TRUNC"] {
		match with input as opened("/proc/sys/kernel/sysrq", flags)
	}
}

test_other_flags_are_not if {
	every flags in ["O_RDONLY"] {
		not match with input as opened("/proc/sys/kernel/sysrq", flags)
	}
}

test_other_files_are_not if {
	every path in [
		"/proc/sys/kernel/sysrq2",
		"/tmp/sysrq-trigger",
	] {
		not match with input as opened(path, "O_WRONLY")
	}
}
