package tripline.process_memory_read_test

import data.tripline.process_memory_read.match

# The reader is process 7 in its container, and 4242 to the host.
opened(path, flags) := {
	"eventName": "security_file_open", "processId": 7, "hostProcessId": 4242,
	"argsByName": {"pathname": path, "flags": flags},
}

test_another if {
	every path in ["/proc/12/mem", "/proc/12/task/13/mem", "/proc/74/mem"] {
		match == {"file path": path} with input as opened(path, "O_RDONLY")
	}
}

test_itself_is_not if {
	every path in ["/proc/7/mem", "/proc/7/task/8/mem", "/proc/4242/mem"] {
		not match with input as opened(path, "O_RDONLY")
	}
}

# TRC-3 tells of these.
test_written_is_not if not match with input as opened("/proc/12/mem", "O_RDWR")

test_other_files_are_not if {
	every path in ["/proc/12/maps", "/proc/meminfo", "/tmp/proc/12/mem", "/proc/12/memory"] {
		not match with input as opened(path, "O_RDONLY")
	}
}
