package tripline.kernel_helper_test

import data.tripline.kernel_helper.match

opened(path, flags) := {"eventName": "security_file_open", "argsByName": {"pathname": path, "flags": flags}}

test_files if {
	every path in [
		"/proc/sys/kernel/modprobe",
		"/proc/sys/kernel/hotplug",
		"/proc/sys/kernel/poweroff_cmd",
		"/sys/kernel/uevent_helper",
		"/proc/sys/fs/binfmt_misc/register",
	] {
		match == {"file path": path} with input as opened(path, "O_WRONLY")
	}
}

test_flags if {
	every flags in ["O_WRONLY", "O_RDWR", "O_WRONLY|O_CREAT|O_TRUNC"] {
		match with input as opened("/proc/sys/kernel/modprobe", flags)
	}
}

test_other_flags_are_not if {
	every flags in ["O_RDONLY"] {
		not match with input as opened("/proc/sys/kernel/modprobe", flags)
	}
}

test_other_files_are_not if {
	every path in [
		"/proc/sys/kernel/modprobe2",
		"/proc/sys/fs/binfmt_misc/status",
		"/proc/sys/kernel/core_pattern",
	] {
		not match with input as opened(path, "O_WRONLY")
	}
}

test_machine_itself_is_not if {
	not match with input as object.union(opened("/proc/sys/fs/binfmt_misc/register", "O_WRONLY"), {"process": {"exe": "/usr/lib/systemd/systemd-binfmt"}})
}
