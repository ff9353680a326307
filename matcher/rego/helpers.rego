# What signatures written for Tracee import as data.tracee.helpers: the same
# names and the same answers.
package tracee.helpers

# get_tracee_argument is the value of the event's argument of that name,
# undefined where the event has none.
get_tracee_argument(name) := value if {
	some argument in input.args
	argument.name == name
	value := argument.value
}

default is_file_write(_) := false

# is_file_write says whether a file opened with these flags can be written.
is_file_write(flags) if contains(lower(flags), "o_wronly")

is_file_write(flags) if contains(lower(flags), "o_rdwr")

default is_file_read(_) := false

# is_file_read says whether a file opened with these flags can be read.
is_file_read(flags) if contains(lower(flags), "o_rdonly")

is_file_read(flags) if contains(lower(flags), "o_rdwr")

# is_elf_file says whether base64-encoded content begins as an ELF file does:
# any byte, then "ELF".
is_elf_file(content) if lower(substring(base64.decode(content), 1, 3)) == "elf"
