# METADATA
# title: Code preloaded into programs
# description: A program was started with libraries put before its own, or the list that does so for all programs was changed
# custom:
#   id: TRC-7
#   version: 1.0.0
#   severity: medium
#   mitre: "Persistence: Hijack Execution Flow"
#   tags: [linux, container]
#   events: [execve, security_file_open]
#   environment: [LD_PRELOAD, LD_LIBRARY_PATH]
package tripline.ld_preload

import data.tripline.functions

match := {"variables": variables} if {
	input.eventName == "execve"
	variables := [v | some v in input.argsByName.envp; regex.match(`^LD_(PRELOAD|LIBRARY_PATH)=.`, v); not of_containerd(v)]
	count(variables) > 0
}

match := {"file path": "/etc/ld.so.preload"} if {
	input.eventName == "security_file_open"
	input.argsByName.pathname == "/etc/ld.so.preload"
	functions.writable(input.argsByName.flags)
}

# containerd puts this before the libraries of whatever it starts on the host
# (https://github.com/containerd/containerd/blob/main/docs/managed-opt.md).
of_containerd(variable) if {
	input.containerId == ""
	regex.match(`^LD_LIBRARY_PATH=/opt/containerd/lib:*$`, variable)
}
