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
