// Command gen makes the tables of package catalogue, the zz_*.go files, from
// the text files in source: one place to add an event, readable as it is.
//
// # Events
//
// source/*.txt, one file per family:
//
//	syscall openat 257 i386=295 arm64=56 ret=fd sets=default,fs,fs_file_ops
//		Opens or creates a file relative to a directory.
//		dirfd     fd          int
//		pathname  path        const char*
//		flags     flags:open  int
//		mode      mode        mode_t
//
// The first word is the class. The number is the id; below 600 it is the
// x86-64 system call number too. The first indented line is for people, the
// others are the arguments in order: name, kind, C type. A kind flags:X or
// enum:X takes its names from the values X; enum:syscall names the system
// calls themselves. Options of the first line:
//
//	i386=N arm64=N   the number there; without it the call does not exist there
//	x32=N            the x32 number, where it is not the x86-64 one; -1 for none
//	ret=KIND         what the result is; without it 0 or a count
//	split32=A,B      arguments that take two registers each on i386, low first
//	sets=A,B         groups; "syscalls" is added to every system call
//
// # Values
//
// source/values/*.txt:
//
//	flags open mask=0x3
//		0         O_RDONLY
//		0x40      O_CREAT
//
// "enum" is for one of several numbers, "flags" for bits, of which mask
// selects a part that is enumerated. Where one name's bits contain another's,
// the larger comes first.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// run writes the tables of the package in dir and removes those whose source
// is gone.
func run(dir string) error {
	files, err := generate(filepath.Join(dir, "source"))
	if err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(dir, "zz_*.go"))
	if err != nil {
		return err
	}
	for _, path := range old {
		if files[filepath.Base(path)] == nil {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generate returns the content of every table by its file name.
func generate(source string) (map[string][]byte, error) {
	c, err := parse(source)
	if err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	return c.emit()
}
