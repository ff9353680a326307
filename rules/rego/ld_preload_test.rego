package tripline.ld_preload_test

import data.tripline.ld_preload.match

run(env) := {"eventName": "execve", "argsByName": {"pathname": "/bin/ls", "envp": env}}

opened(path, flags) := {"eventName": "security_file_open", "argsByName": {"pathname": path, "flags": flags}}

test_preload if match == {"variables": ["LD_PRELOAD=/tmp/x.so"]} with input as run(["HOME=/", "LD_PRELOAD=/tmp/x.so"])

test_library_path if match with input as run(["LD_LIBRARY_PATH=/tmp"])

test_both if count(match.variables) == 2 with input as run(["LD_LIBRARY_PATH=/tmp", "LD_PRELOAD=x"])

test_other_variables_are_not if not match with input as run(["PATH=/bin", "X=LD_PRELOAD=/x", "LD_PRELOAD="])

test_preload_file if match with input as opened("/etc/ld.so.preload", "O_WRONLY|O_CREAT")

test_preload_file_read_is_not if not match with input as opened("/etc/ld.so.preload", "O_RDONLY")

test_other_files_are_not if not match with input as opened("/etc/ld.so.cache", "O_RDWR")

test_library_path_of_containerd_is_not if {
	not match with input as object.union(run(["LD_LIBRARY_PATH=/opt/containerd/lib:"]), {"containerId": ""})
}

test_library_path_of_containerd_in_a_container if {
	match with input as object.union(run(["LD_LIBRARY_PATH=/opt/containerd/lib:"]), {"containerId": "c0ffee"})
}

test_library_path_after_that_of_containerd if {
	match with input as object.union(run(["LD_LIBRARY_PATH=/opt/containerd/lib:/tmp"]), {"containerId": ""})
}
