# METADATA
# title: ASLR setting read
# description: A process read whether addresses are randomised, which exploits want to know before they are tried
# custom:
#   id: TRC-109
#   version: 1.0.0
#   severity: 0
#   mitre: "Discovery: System Information Discovery"
#   tags: [linux, container]
#   events: [security_file_open]
package tripline.aslr_inspection

import data.tripline.functions

match if {
	endswith(input.argsByName.pathname, "/sys/kernel/randomize_va_space")
	functions.readable(input.argsByName.flags)
}
