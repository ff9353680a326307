package tripline.fileless_execution_test

import data.tripline.fileless_execution.match

run(path, container) := {"eventName": "sched_process_exec", "containerId": container, "argsByName": {"pathname": path}}

test_memfd if match == {"file path": "memfd:x"} with input as run("memfd:x", "")

test_shared_memory if {
	every path in ["/dev/shm/a", "/run/shm/x/y"] {
		match with input as run(path, "")
	}
}

test_runc_on_the_host_is_not if not match with input as run("memfd:runc_cloned:/proc/self/exe", "")

test_runc_in_a_container_is if match with input as run("memfd:runc_cloned:/proc/self/exe", "e87a")

test_files_are_not if {
	every path in ["/usr/bin/ls", "/dev/shmem/x", "/tmp/memfd:x"] {
		not match with input as run(path, "")
	}
}
