package tripline.hidden_executable_test

import data.tripline.hidden_executable.match

# The first 20 bytes of an ELF file of a kind: 1 is an object, 2 a program, 3 a
# program or library that may be loaded anywhere.
elf(kind) := base64.encode(sprintf("\u007fELF\u0002\u0001\u0001%s%s>\u0000", ["\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000", kind]))

program := elf("\u0002\u0000")

written(path, bytes) := {"eventName": "magic_write", "processName": "sh", "argsByName": {"pathname": path, "bytes": bytes}}

test_programs if {
	every bytes in [program, elf("\u0003\u0000"), elf("\u0000\u0002")] {
		match == {"file path": "/tmp/.x"} with input as written("/tmp/.x", bytes)
	}
}

test_objects_are_not if {
	every bytes in [elf("\u0001\u0000"), elf("\u0000\u0001")] {
		not match with input as written("/tmp/.x", bytes)
	}
}

test_other_names_are_not if {
	every path in ["/tmp/x", "/home/u/.cache/x", "/tmp/x.y"] {
		not match with input as written(path, program)
	}
}

test_scripts_are_not if not match with input as written("/tmp/.x", base64.encode("#!/bin/sh"))

test_rsync_is_not if not match with input as object.union(written("/tmp/.x.Ab12Cd", program), {"processName": "rsync"})
