package tripline.illegitimate_shell_test

import data.tripline.illegitimate_shell.match

run(who, path) := {"eventName": "security_bprm_check", "processName": who, "argsByName": {"pathname": path}}

test_shell if match == {"file path": "/bin/bash"} with input as run("nginx", "/bin/bash")

test_other_programs_are_not if {
	every path in ["/bin/ls", "/usr/bin/ssh", "/bin/bash-5.2"] {
		not match with input as run("nginx", path)
	}
}

test_other_parents_are_not if not match with input as run("sshd", "/bin/bash")

called(argv) := {"eventName": "security_bprm_check", "processName": "nginx", "argsByName": {"pathname": "/bin/busybox", "argv": argv}}

test_busybox_as_a_shell if {
	every argv in [["sh", "-c", "id"], ["/bin/sh"], ["-ash"], ["busybox", "sh"]] {
		match == {"file path": "/bin/busybox"} with input as called(argv)
	}
}

test_busybox_as_another_tool_is_not if {
	every argv in [["ls", "-l"], ["busybox", "ls"], ["publish"], [], ["cat", "-", "sh"]] {
		not match with input as called(argv)
	}
}
