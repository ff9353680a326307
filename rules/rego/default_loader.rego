# METADATA
# title: Dynamic loader changed
# description: The program that the kernel starts before every dynamically linked one was opened for writing or replaced
# custom:
#   id: TRC-1012
#   version: 1.0.0
#   severity: high
#   mitre: "Defense Evasion: Hijack Execution Flow"
#   tags: [linux, container]
#   events: [security_file_open, security_inode_rename, security_inode_link, security_inode_symlink]
package tripline.default_loader

import data.tripline.functions

# glibc: ld-linux-x86-64.so.2, ld-linux-aarch64.so.1, ld-2.31.so; musl:
# ld-musl-x86_64.so.1.
match := {"file path": path} if {
	path := functions.placed
	regex.match(`^(/usr)?/lib(32|64|x32)?/([a-z0-9_-]+/)?ld-(linux[a-z0-9_-]*\.so\.[0-9]+|musl-[a-z0-9_]+\.so\.[0-9]+|[0-9.]+\.so)$`, path)
	not functions.packager
}
