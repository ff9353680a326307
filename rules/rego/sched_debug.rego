# METADATA
# title: Scheduler's debugging file read
# description: A process read the scheduler's debugging file, which lists every process of the host, even from within a container
# custom:
#   id: TRC-1029
#   version: 1.0.0
#   severity: low
#   mitre: "Discovery: Container and Resource Discovery"
#   tags: [linux, container]
#   events: [security_file_open]
package tripline.sched_debug

import data.tripline.functions

# In /proc until Linux 5.12, in debugfs, wherever that is mounted, since.
match := {"file path": path} if {
	path := input.argsByName.pathname
	regex.match(`/(proc/sched_debug|sched/debug)$`, path)
	functions.readable(input.argsByName.flags)
}
