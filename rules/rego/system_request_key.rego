# METADATA
# title: System request key used
# description: A process opened the system request key's settings or trigger for writing, through which a machine is rebooted, frozen or made to kill its processes
# custom:
#   id: TRC-1031
#   version: 1.0.0
#   severity: high
#   mitre: "Impact: System Shutdown/Reboot"
#   tags: [linux, container]
#   events: [security_file_open]
package tripline.system_request_key

import data.tripline.functions

match := {"file path": path} if {
	path := input.argsByName.pathname
	regex.match(`/(sys/kernel/sysrq|proc/sysrq-trigger)$`, path)
	functions.writable(input.argsByName.flags)
}
