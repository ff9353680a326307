# METADATA
# title: Dynamic code loading
# description: Memory that had been written was made executable and no longer writable, as packers do when they are done
# custom:
#   id: TRC-4
#   version: 1.0.0
#   severity: medium
#   mitre: "Defense Evasion: Obfuscated Files or Information"
#   tags: [linux, container]
#   events: [mem_prot_alert]
package tripline.dynamic_code_loading

match if input.argsByName.alert == "Protection changed from W+E to E!"
