package tripline.dropped_executable_test

import data.tripline.dropped_executable.match

written(bytes) := {"eventName": "magic_write", "argsByName": {"pathname": "/tmp/x", "bytes": base64.encode(bytes)}}

test_elf if match == {"file path": "/tmp/x"} with input as written("\u007fELF\u0002\u0001\u0001")

test_script_is_not if not match with input as written("#!/bin/sh")

test_too_short_is_not if not match with input as written("\u007fEL")

test_empty_is_not if not match with input as written("")
