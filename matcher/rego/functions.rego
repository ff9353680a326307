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
