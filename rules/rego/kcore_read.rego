# METADATA
# title: Kernel memory read
# description: A process read /proc/kcore, which shows the whole memory of the machine
# custom:
#   id: TRC-1021
#   version: 1.0.0
#   severity: medium
#   mitre: "Privilege Escalation: Escape to Host"
#   tags: [linux, container]
#   events: [security_file_open]
package tripline.kcore_read

import data.tripline.functions

match := {"file path": path} if {
	path := input.argsByName.pathname
	regex.match(`^(/[^/]+)*/proc/kcore$`, path)
	functions.readable(input.argsByName.flags)
}
