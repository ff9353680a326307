# METADATA
# title: Start-up script changed
# description: A script that is run when the machine starts was opened for writing, put in place, or enabled
# custom:
#   id: TRC-1026
#   version: 1.0.0
#   severity: medium
#   mitre: "Persistence: Boot or Logon Initialization Scripts: RC Scripts"
#   tags: [linux, container]
#   events: [security_file_open, security_inode_rename, security_inode_link, security_inode_symlink, sched_process_exec]
package tripline.rc_scripts

import data.tripline.functions

match := {"file path": path} if {
	path := functions.placed
	regex.match(`^/etc/(rc\.local$|rc\.d/|rc[0-6S]\.d/|init\.d/)`, path)
	not functions.packager
}

match := {"file path": path} if {
	input.eventName == "sched_process_exec"
	path := input.argsByName.pathname
	regex.match(`^(/usr)?/s?bin/(update-rc\.d|chkconfig|rc-update)$`, path)
	not functions.packager
}
