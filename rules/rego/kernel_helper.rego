# METADATA
# title: Program that the kernel runs changed
# description: A process opened for writing what names a program that the kernel runs on the host as root, for modules, devices or kinds of programs
# custom:
#   id: TRL-3
#   version: 1.0.0
#   severity: high
#   mitre: "Privilege Escalation: Escape to Host"
#   tags: [linux, container]
#   events: [security_file_open]
package tripline.kernel_helper

import data.tripline.functions

# core_pattern and release_agent, of the same kind, are TRC-1011's and TRC-14's.
match := {"file path": path} if {
	path := input.argsByName.pathname
	regex.match(`/(sys/kernel/(modprobe|hotplug|poweroff_cmd)|kernel/uevent_helper|binfmt_misc/register)$`, path)
	functions.writable(input.argsByName.flags)
	not machine
}

# It registers the kinds of programs that the machine is configured for, at the start.
machine if input.process.exe in {"/usr/lib/systemd/systemd-binfmt", "/lib/systemd/systemd-binfmt"}
