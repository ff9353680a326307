package tripline.cgroup_release_agent_test

import data.tripline.cgroup_release_agent.match

opened(path, flags) := {"eventName": "security_file_open", "argsByName": {"pathname": path, "flags": flags}}

test_write if {
	match == {"file flags": "O_WRONLY", "file path": "/sys/fs/cgroup/x/release_agent"} with input as opened("/sys/fs/cgroup/x/release_agent", "O_WRONLY")
}

test_read_is_not if not match with input as opened("/sys/fs/cgroup/x/release_agent", "O_RDONLY")

test_other_files_are_not if not match with input as opened("/tmp/release_agent.txt", "O_WRONLY")
