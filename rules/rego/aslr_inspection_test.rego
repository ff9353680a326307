package tripline.aslr_inspection_test

import data.tripline.aslr_inspection.match

opened(path, flags) := {"eventName": "security_file_open", "argsByName": {"pathname": path, "flags": flags}}

test_files if {
	every path in [
		"/proc/sys/kernel/randomize_va_space",
	] {
		match with input as opened(path, "O_RDONLY")
	}
}

test_flags if {
	every flags in ["O_RDONLY", "O_RDWR", "O_RDONLY|O_CLOEXEC"] {
		match with input as opened("/proc/sys/kernel/randomize_va_space", flags)
	}
}

test_other_flags_are_not if {
	every flags in ["O_WRONLY"] {
		not match with input as opened("/proc/sys/kernel/randomize_va_space", flags)
	}
}

test_other_files_are_not if {
	every path in [
		"/proc/sys/kernel/random",
		"/tmp/randomize_va_space",
	] {
		not match with input as opened(path, "O_RDONLY")
	}
}
