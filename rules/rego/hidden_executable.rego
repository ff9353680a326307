# METADATA
# title: Hidden executable written
# description: A program was written to a file whose name begins with a dot, which listings leave out
# custom:
#   id: TRC-1015
#   version: 1.0.0
#   severity: medium
#   mitre: "Defense Evasion: Hide Artifacts"
#   tags: [linux, container]
#   events: [magic_write]
package tripline.hidden_executable

import data.tripline.functions

match := {"file path": path} if {
	path := input.argsByName.pathname
	functions.elf(input.argsByName.bytes)
	not object(input.argsByName.bytes)
	startswith(functions.basename(path), ".")
	not input.processName in expected
}

# What compilers leave between their steps cannot be run. The kind of file is in
# bytes 16 and 17, in either order; characters 20 to 23 of the text hold bytes 15
# to 17.
object(content) if substring(content, 20, 4) in {"AAEA", "AAAB"}

# rsync writes to a hidden name first and renames the file when it is whole.
expected := {"rsync"}
