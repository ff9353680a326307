package tripline.code_injection_test

import data.tripline.code_injection.match

ptrace(request) := {"eventName": "ptrace", "argsByName": {"request": request, "pid": 12}}

opened(path, flags) := {"eventName": "security_file_open", "argsByName": {"pathname": path, "flags": flags}}

written(pid) := {"eventName": "process_vm_writev", "processId": 7, "argsByName": {"pid": pid}}

test_poke if match with input as ptrace("PTRACE_POKETEXT")

test_peek_is_not if not match with input as ptrace("PTRACE_PEEKTEXT")

test_mem_of_another if {
	match == {"file flags": "O_RDWR", "file path": "/proc/12/mem"} with input as opened("/proc/12/mem", "O_RDWR")
}

test_mem_of_self if match with input as opened("/proc/self/mem", "O_WRONLY")

test_mem_read_is_not if not match with input as opened("/proc/12/mem", "O_RDONLY")

test_other_files_are_not if {
	every path in ["/proc/12/maps", "/proc/12/mem2", "/tmp/proc/12/mem", "/proc//mem"] {
		not match with input as opened(path, "O_RDWR")
	}
}

test_writev_to_another if match with input as written(8)

test_writev_to_itself_is_not if not match with input as written(7)
