package tripline.ptrace_registers_test

import data.tripline.ptrace_registers.match

ptrace(request) := {"eventName": "ptrace", "argsByName": {"request": request, "pid": 12}}

test_set if {
	every request in ["PTRACE_SETREGS", "PTRACE_SETREGSET", "PTRACE_POKEUSR"] {
		match == {"request": request, "pid": 12} with input as ptrace(request)
	}
}

test_others_are_not if {
	every request in ["PTRACE_GETREGS", "PTRACE_GETREGSET", "PTRACE_PEEKUSR", "PTRACE_POKETEXT", "PTRACE_SETOPTIONS"] {
		not match with input as ptrace(request)
	}
}
