# METADATA
# title: sudo's rules changed
# description: The list of who may become root was opened for writing or put in place
# custom:
#   id: TRC-1028
#   version: 1.0.0
#   severity: medium
#   mitre: "Privilege Escalation: Abuse Elevation Control Mechanism: Sudo and Sudo Caching"
#   tags: [linux, container]
#   events: [security_file_open, security_inode_rename, security_inode_link, security_inode_symlink]
package tripline.sudoers

import data.tripline.functions

match := {"file path": path} if {
	path := functions.placed
	regex.match(`^/etc/(sudoers|sudoers\.d/.+)$`, path)
	not functions.packager
}
