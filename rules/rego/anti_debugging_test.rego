package tracee.TRC_2_test

import data.tracee.TRC_2

ptrace(request) := {"eventName": "ptrace", "args": [
	{"name": "request", "type": "string", "value": request},
	{"name": "pid", "type": "pid_t", "value": 0},
]}

test_traceme_is_found if TRC_2.tracee_match with input as ptrace("PTRACE_TRACEME")

test_other_requests_are_not if {
	every request in ["PTRACE_ATTACH", "PTRACE_GETREGS", "PTRACE_TRACEME_2", 0] {
		not TRC_2.tracee_match with input as ptrace(request)
	}
}

test_no_arguments_is_not if not TRC_2.tracee_match with input as {"eventName": "ptrace", "args": []}
