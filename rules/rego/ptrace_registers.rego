# METADATA
# title: Registers of another process changed
# description: A process set the registers of one that it traces, which makes that one run code of its choosing
# custom:
#   id: TRL-2
#   version: 1.0.0
#   severity: medium
#   mitre: "Defense Evasion: Process Injection"
#   tags: [linux, container]
#   events: [ptrace]
package tripline.ptrace_registers

match := {"request": input.argsByName.request, "pid": input.argsByName.pid} if {
	input.argsByName.request in {"PTRACE_SETREGS", "PTRACE_SETREGSET", "PTRACE_POKEUSR"}
}
