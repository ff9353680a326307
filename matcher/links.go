package matcher

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxLinks ends the resolution of links that go in a circle; Linux gives up
// after 40.
const maxLinks = 40

// watchPath notes where a change would make the path lead elsewhere: the
// directory of the file or directory itself, which may be replaced by
// renaming, and those of all links on the way, which may be swapped.
func (f *found) watchPath(p string) {
	abs, err := filepath.Abs(p)
	if err != nil {
		return // the working directory is gone; the rescan remains
	}
	at := string(filepath.Separator)
	rest := parts(abs)
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		if name == ".." {
			at = filepath.Dir(at)
			continue
		}
		next := filepath.Join(at, name)
		info, err := os.Lstat(next)
		if err != nil {
			return
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			if len(rest) == 0 {
				f.watchFor(at, name)
			}
			at = next
			continue
		}
		f.watchFor(at, name)
		target, err := os.Readlink(next)
		if links++; err != nil || links > maxLinks {
			return
		}
		if filepath.IsAbs(target) {
			at = string(filepath.Separator)
		}
		rest = append(parts(target), rest...)
	}
}

// watchFor notes a name in a directory, "" for all names. Real paths are used
// throughout, since the kernel has one watch for a directory, whatever paths
// lead to it, and reports changes under one of them only.
func (f *found) watchFor(realDir, name string) {
	if old, ok := f.watch[realDir]; ok && old != name {
		name = ""
	}
	f.watch[realDir] = name
}

// realPath is absolute and leads through no link.
func realPath(p string) (string, error) {
	abs, err := filepath.Abs(p)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(abs)
}

// parts splits a path at its separators, leaving out what stands for nothing.
func parts(p string) []string {
	return strings.FieldsFunc(strings.ReplaceAll(p, "/./", "/"), func(r rune) bool { return r == filepath.Separator })
}
