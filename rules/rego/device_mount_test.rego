package tripline.device_mount_test

import data.tripline.device_mount.match

mounted(device) := {"eventName": "security_sb_mount", "argsByName": {"dev_name": device, "path": "/mnt"}}

test_disk if match == {"mounted device": "/dev/sda1"} with input as mounted("/dev/sda1")

test_others_are_not if {
	every device in ["tmpfs", "overlay", "", "/devices"] {
		not match with input as mounted(device)
	}
}
