# Functions for rules in packages tripline.*. They have no default: where the
# argument is not of the expected kind they are undefined, which ends the body
# that asked, and which lets the compiler see through them.
package tripline.functions

# writable says whether a file opened with these flags can be written.
writable(flags) if contains(flags, "O_WRONLY")

writable(flags) if contains(flags, "O_RDWR")

# readable says whether a file opened with these flags can be read.
readable(flags) if contains(flags, "O_RDONLY")

readable(flags) if contains(flags, "O_RDWR")

# elf says whether base64-encoded content begins with the magic of an ELF file.
# The four bytes of the magic decide the first five characters.
elf(content) if startswith(content, "f0VMR")

# basename is what follows the last slash of a path.
basename(path) := regex.replace(path, "^.*/", "")

# placed is the path at which an event puts content: a file opened for writing,
# or the new name of one that was renamed or linked there.
placed := input.argsByName.pathname if {
	input.eventName == "security_file_open"
	writable(input.argsByName.flags)
}

placed := input.argsByName.new_path if input.eventName in {"security_inode_rename", "security_inode_link"}

placed := input.argsByName.linkpath if input.eventName == "security_inode_symlink"

# packager says whether the process is a package manager or was started by one,
# as a package's own scripts are. It goes by the file that is run, not by the
# name, which any process can give itself.
packager if package_manager(input.process)

packager if {
	some ancestor in input.process.ancestors
	package_manager(ancestor)
}

package_manager(process) if process.exe in {
	"/usr/bin/dpkg", "/usr/bin/dpkg-divert", "/usr/bin/apt", "/usr/bin/apt-get", "/usr/bin/aptitude",
	"/usr/bin/rpm", "/usr/bin/dnf5", "/usr/bin/microdnf", "/usr/bin/zypper", "/usr/libexec/packagekitd",
	"/usr/bin/pacman", "/sbin/apk", "/usr/bin/apk",
}

# dnf and yum are scripts: the file that is run is Python's.
package_manager(process) if {
	regex.match(`^(/usr/bin/python3|/usr/libexec/platform-python)[0-9.]*$`, process.exe)
	process.args[1] in {"/usr/bin/dnf", "/usr/bin/dnf-3", "/usr/bin/yum"}
}
