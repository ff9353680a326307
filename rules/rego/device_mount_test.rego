package tripline.device_mount_test

import data.tripline.device_mount.match

mounted(device) := {"eventName": "security_sb_mount", "argsByName": {"dev_name": device, "path": "/mnt"}}

test_disk if match == {"mounted device": "/dev/sda1"} with input as mounted("/dev/sda1")

test_others_are_not if {
	every device in ["tmpfs", "overlay", "", "/devices"] {
		not match with input as mounted(device)
	}
}

test_bind_is_not if {
	every flags in ["MS_BIND", "MS_RDONLY|MS_BIND|MS_REC"] {
		not match with input as object.union(mounted("/dev/null"), {"argsByName": {"flags": flags}})
	}
}

test_other_flags_are if {
	match with input as object.union(mounted("/dev/sda1"), {"argsByName": {"flags": "MS_RDONLY|MS_NOSUID"}})
}
