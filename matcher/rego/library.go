package rego

import (
	_ "embed" // for the helpers
	"errors"
	"maps"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/tripline/tripline/matcher"
)

//go:embed helpers.rego
var traceeHelpersSource []byte

//go:embed functions.rego
var functionsSource []byte

// library is what every rule can import: our own helpers and the user's.
// It does not change once loaded.
type library struct {
	mods map[string]*ast.Module
}

// modules returns a copy that the caller may add to.
func (l library) modules() map[string]*ast.Module { return maps.Clone(l.mods) }

// packages lists the packages in the library.
func (l library) packages() []ast.Ref {
	out := make([]ast.Ref, 0, len(l.mods))
	for _, m := range l.mods {
		out = append(out, m.Package.Path)
	}
	return out
}

// ownsTraceeHelpers says whether data.tracee.helpers is ours alone.
func (l library) ownsTraceeHelpers() bool {
	n := 0
	for _, m := range l.mods {
		if m.Package.Path.HasPrefix(traceeHelpers()) {
			n++
		}
	}
	return n == 1
}

// ownLibrary is what comes with Tripline.
func ownLibrary() library {
	lib := library{mods: map[string]*ast.Module{}}
	for path, content := range map[string][]byte{
		"builtin:tracee/helpers.rego":     traceeHelpersSource,
		"builtin:tripline/functions.rego": functionsSource,
	} {
		m, err := parse(matcher.File{Path: path, Content: content}, ast.RegoV1)
		if err != nil {
			panic(err) // the embedded text does not parse: the build is broken
		}
		lib.mods[path] = m
	}
	return lib
}

// loadLibrary adds the user's libraries to our own. A file that does not
// compile, alone or with the others, is left out, so that the rules that do
// not need it go on.
func (l *Language) loadLibrary(files []matcher.File) (library, []matcher.Problem) {
	lib := ownLibrary()
	var problems []matcher.Problem
	sources := map[string]source{}
	var order []string
	for _, f := range files {
		if !isLibrary(f.Path) {
			continue
		}
		src := newSource(f)
		mods, err := parseAny(f)
		if err != nil {
			problems = append(problems, src.problems(err, l.denied)...)
			continue
		}
		if isTraceeHelpers(f.Path, mods[0]) {
			l.log.Debug("file left out: its package comes with Tripline", "file", f.Path)
			continue
		}
		sources[f.Path] = src
		order = append(order, f.Path)
		lib.mods[f.Path] = mods[0]
		if len(mods) > 1 {
			// What only the other dialect's compiler takes is in that dialect.
			if _, err := l.compilerFor(ownLibrary(), f.Path, mods[0]); err != nil {
				if _, err := l.compilerFor(ownLibrary(), f.Path, mods[1]); err == nil {
					lib.mods[f.Path] = mods[1]
				}
			}
		}
	}
	for len(order) > 0 {
		_, err := l.compilerFor(lib, "", nil)
		if err == nil {
			break
		}
		bad := culprit(err, order)
		problems = append(problems, sources[bad].problems(err, l.denied)...)
		delete(lib.mods, bad)
		order = without(order, bad)
	}
	return lib, problems
}

// culprit is the user's file that the first located error is in; the last file
// where no error is in one of them, as it was added last.
func culprit(err error, paths []string) string {
	var list ast.Errors
	if errors.As(err, &list) {
		for _, e := range list {
			if e.Location == nil {
				continue
			}
			for _, p := range paths {
				if e.Location.File == p {
					return p
				}
			}
		}
	}
	return paths[len(paths)-1]
}

func without(list []string, s string) []string {
	out := list[:0:0]
	for _, x := range list {
		if x != s {
			out = append(out, x)
		}
	}
	return out
}

// Library returns what every rule can import, by path: for tests of rules,
// which compile rules and tests together.
func Library() map[string]*ast.Module { return ownLibrary().modules() }
