# METADATA
# title: New executable dropped
# description: A program was written to a file in a container, whose programs should have come with its image
# custom:
#   id: TRC-9
#   version: 1.0.0
#   severity: medium
#   mitre: "Defense Evasion: Masquerading"
#   tags: [container]
#   events: [magic_write]
#   origin: container
package tripline.dropped_executable

import data.tripline.functions

match := {"file path": input.argsByName.pathname} if functions.elf(input.argsByName.bytes)
