# METADATA
# title: cgroup notify_on_release changed
# description: A process in a container opened notify_on_release for writing, which makes the kernel run a program on the host when the cgroup empties
# custom:
#   id: TRC-106
#   version: 1.0.0
#   severity: high
#   mitre: "Privilege Escalation: Escape to Host"
#   tags: [container]
#   events: [security_file_open]
#   origin: container
package tripline.cgroup_notify_on_release

import data.tripline.functions

match := {"file path": path} if {
	path := input.argsByName.pathname
	endswith(path, "/notify_on_release")
	functions.writable(input.argsByName.flags)
}
