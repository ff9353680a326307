package fields

import (
	"path"
	"strings"

	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// atFDCWD is the descriptor that stands for the working directory.
const atFDCWD = -100

// rawPath is the first of the named parameters that is there, as given.
func (e *Event) rawPath(names ...string) (string, bool) {
	for _, n := range names {
		i, ok := e.argv.pos[n]
		if !ok {
			continue
		}
		if v, ok := e.rec.ArgAt(i); ok && (v.Param.Kind == catalogue.Path || v.Param.Kind == catalogue.String) {
			return v.Str(), true
		}
	}
	return "", false
}

// pathParam is rawPath made absolute.
func (e *Event) pathParam(names ...string) (string, bool) {
	for _, n := range names {
		if raw, ok := e.rawPath(n); ok {
			return e.absolute(n, raw), true
		}
	}
	return "", false
}

// absolute resolves a path against the working directory, or against the
// directory's descriptor where that is known.
func (e *Event) absolute(param, raw string) string {
	if raw == "" {
		return raw
	}
	if strings.HasPrefix(raw, "/") {
		return path.Clean(raw)
	}
	dir := "dirfd"
	switch param {
	case "oldpath":
		dir = "olddirfd"
		if _, ok := e.argv.pos[dir]; !ok {
			dir = "olddir"
		}
	case "newpath":
		dir = "newdirfd"
		if _, ok := e.argv.pos[dir]; !ok {
			dir = "newdir"
		}
	case "linkpath":
		dir = "linkdirfd"
	}
	if i, ok := e.argv.pos[dir]; ok {
		if v, ok := e.rec.ArgAt(i); ok && int32(v.Word) != atFDCWD {
			if known := e.rec.Dir(int32(v.Word)); known != "" {
				return path.Clean(known + "/" + raw)
			}
			return "<UNKNOWN>/" + raw
		}
	}
	return path.Clean(e.proc.Cwd + "/" + raw)
}

// absPath is the path argument of the calls that take a directory.
func absPath(e *Event, r *Ref) *Getter {
	var names []string
	switch r.Arg {
	case "src":
		names = []string{"oldpath", "target"}
	case "dst":
		names = []string{"newpath", "linkpath"}
	default:
		names = []string{"name", "path", "filename", "pathname", "oldpath"}
	}
	return &Getter{Str: func() (string, bool) { return e.pathParam(names...) }}
}

// pathAt is a path of a successful call.
func pathAt(raw bool, names ...string) func(*Event) (string, bool) {
	return func(e *Event) (string, bool) {
		if e.rec.Event.Ret < 0 || e.info.Kind != "syscall" {
			return "", false
		}
		if raw {
			return e.rawPath(names...)
		}
		if Opens(e.info.Name) {
			return e.fdName()
		}
		return e.pathParam(names...)
	}
}

func (e *Event) pathSource() (string, bool) {
	if e.info.Name == "mount" {
		return pathAt(true, "dev")(e)
	}
	return pathAt(false, "oldpath", "target")(e)
}

func (e *Event) pathSourceRaw() (string, bool) {
	return pathAt(true, "oldpath", "target", "dev")(e)
}

func (e *Event) pathTarget() (string, bool) {
	return pathAt(false, "newpath", "linkpath", "dir")(e)
}

func (e *Event) pathTargetRaw() (string, bool) {
	return pathAt(true, "newpath", "linkpath", "dir")(e)
}
