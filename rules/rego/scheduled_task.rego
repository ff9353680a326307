# METADATA
# title: Scheduled task changed
# description: A list of what cron or at runs was opened for writing or put in place
# custom:
#   id: TRC-1027
#   version: 1.0.0
#   severity: medium
#   mitre: "Persistence: Scheduled Task/Job"
#   tags: [linux, container]
#   events: [security_file_open, security_inode_rename, security_inode_link, security_inode_symlink]
package tripline.scheduled_task

import data.tripline.functions

match := {"file path": path} if {
	path := functions.placed
	regex.match(`^(/etc/(crontab|anacrontab|cron\.(d|hourly|daily|weekly|monthly)/.+)|/var/spool/(cron|at|cron/atjobs|cron/crontabs)/[^/]+)$`, path)
	not functions.packager
}
