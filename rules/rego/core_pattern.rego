# METADATA
# title: Core dump handler changed
# description: A process opened core_pattern for writing, which names the program that the kernel runs on the host as root whenever a process crashes
# custom:
#   id: TRC-1011
#   version: 1.0.0
#   severity: high
#   mitre: "Privilege Escalation: Escape to Host"
#   tags: [linux, container]
#   events: [security_file_open]
package tripline.core_pattern

import data.tripline.functions

# The end of the path, since /proc may be mounted anywhere.
match := {"file path": path} if {
	path := input.argsByName.pathname
	endswith(path, "/sys/kernel/core_pattern")
	functions.writable(input.argsByName.flags)
}
