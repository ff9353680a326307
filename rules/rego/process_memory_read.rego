# METADATA
# title: Memory of another process read
# description: A process opened /proc/<pid>/mem of another for reading, where passwords and keys are found
# custom:
#   id: TRC-1023
#   version: 1.0.0
#   severity: high
#   mitre: "Credential Access: OS Credential Dumping"
#   tags: [linux, container]
#   events: [security_file_open]
package tripline.process_memory_read

import data.tripline.functions

# What can be written as well is TRC-3's. The number is of the pid namespace that
# this /proc shows.
match := {"file path": path} if {
	path := input.argsByName.pathname
	pid := regex.replace(path, `^/proc/([0-9]+)/(task/[0-9]+/)?mem$`, "$1")
	pid != path
	not functions.writable(input.argsByName.flags)
	not own(pid)
}

own(pid) if pid == format_int(input.processId, 10)

own(pid) if pid == format_int(input.hostProcessId, 10)
