# METADATA
# title: Device mounted in a container
# description: A process in a container mounted a device, which shows it the file system of the host
# custom:
#   id: TRC-11
#   version: 1.0.0
#   severity: high
#   mitre: "Privilege Escalation: Escape to Host"
#   tags: [container]
#   events: [security_sb_mount]
#   origin: container
package tripline.device_mount

match := {"mounted device": device} if {
	device := input.argsByName.dev_name
	startswith(device, "/dev/")
	not bind
}

# A bind mount shows a file elsewhere, not what is on the device; engines hide
# files from containers behind /dev/null so.
bind if contains(input.argsByName.flags, "MS_BIND")
