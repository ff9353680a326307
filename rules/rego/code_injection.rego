# METADATA
# title: Code injection
# description: A process wrote into the memory of another, through ptrace, /proc/<pid>/mem or process_vm_writev
# custom:
#   id: TRC-3
#   version: 1.0.0
#   severity: high
#   mitre: "Defense Evasion: Process Injection"
#   tags: [linux, container]
#   events: [ptrace, security_file_open, process_vm_writev]
package tripline.code_injection

import data.tripline.functions

match if {
	input.eventName == "ptrace"
	input.argsByName.request in {"PTRACE_POKETEXT", "PTRACE_POKEDATA"}
}

match := {"file flags": flags, "file path": path} if {
	input.eventName == "security_file_open"
	path := input.argsByName.pathname
	regex.match(`^/proc/([0-9]+|self)/mem$`, path)
	flags := input.argsByName.flags
	functions.writable(flags)
}

# A process may write to itself this way, and some allocators do.
match if {
	input.eventName == "process_vm_writev"
	input.argsByName.pid != input.processId
}
