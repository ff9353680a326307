# METADATA
# title: cgroup release agent changed
# description: A process in a container wrote to a release_agent, whose program the kernel runs on the host as root
# custom:
#   id: TRC-14
#   version: 1.0.0
#   severity: high
#   mitre: "Privilege Escalation: Escape to Host"
#   tags: [container]
#   events: [security_file_open]
#   origin: container
package tripline.cgroup_release_agent

import data.tripline.functions

match := {"file flags": flags, "file path": path} if {
	path := input.argsByName.pathname
	endswith(path, "/release_agent")
	flags := input.argsByName.flags
	functions.writable(flags)
}
