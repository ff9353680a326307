# METADATA
# title: Fileless execution
# description: A program was run from memory, which leaves no file behind to look at
# custom:
#   id: TRC-5
#   version: 1.0.0
#   severity: medium
#   mitre: "Defense Evasion: Obfuscated Files or Information"
#   tags: [linux, container]
#   events: [sched_process_exec]
package tripline.fileless_execution

match := {"file path": path} if {
	path := input.argsByName.pathname
	startswith(path, "memfd:")
	not runc(path)
}

match := {"file path": path} if {
	path := input.argsByName.pathname
	some dir in ["/dev/shm/", "/run/shm/"]
	startswith(path, dir)
}

# On the host, runc runs a copy of itself from memory to keep containers from
# writing to its file.
runc(path) if {
	startswith(path, "memfd:runc")
	input.containerId == ""
}
