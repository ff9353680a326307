package rego

import (
	"errors"
	"path"
	"path/filepath"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/tripline/tripline/matcher"
)

// versions are the dialects a file may be in, in the order they are tried.
// Tracee's signatures are v0; what is written today is v1. A file says nowhere
// which it is.
var versions = [...]ast.RegoVersion{ast.RegoV1, ast.RegoV0}

// parse reads the file in one dialect.
func parse(f matcher.File, v ast.RegoVersion) (*ast.Module, error) {
	m, err := ast.ParseModuleWithOpts(f.Path, string(f.Content), ast.ParserOptions{RegoVersion: v, ProcessAnnotation: true})
	if err == nil && m == nil {
		err = errors.New("the file is empty, expected a package")
	}
	return m, err
}

// parseAny returns the file as read in every dialect that takes it, or the
// error of the dialect that got further: the one it is probably written in.
func parseAny(f matcher.File) ([]*ast.Module, error) {
	var mods []*ast.Module
	var best error
	for _, v := range versions {
		m, err := parse(f, v)
		if err == nil {
			mods = append(mods, m)
		} else if best == nil || firstError(err) > firstError(best) {
			best = err
		}
	}
	if len(mods) > 0 {
		return mods, nil
	}
	return nil, best
}

// firstError is where in the file the error is, for comparison only.
func firstError(err error) int {
	var list ast.Errors
	if !errors.As(err, &list) {
		return 0
	}
	at := -1
	for _, e := range list {
		if e.Location != nil && (at < 0 || e.Location.Offset < at) {
			at = e.Location.Offset
		}
	}
	return at
}

// isTest says whether the file holds tests of rules.
func isTest(p string) bool { return strings.HasSuffix(p, "_test.rego") }

// isLibrary says whether the file is shared by all rules.
func isLibrary(p string) bool { return strings.HasSuffix(p, "helpers.rego") }

// isTraceeHelpers says whether the file is a copy of what stands in
// data.tracee.helpers, which Tracee ignores in a user's directory too.
func isTraceeHelpers(p string, m *ast.Module) bool {
	base := path.Base(filepath.ToSlash(p))
	return base == "helpers.rego" && m.Package.Path.Equal(traceeHelpers())
}

// traceeHelpers is data.tracee.helpers.
func traceeHelpers() ast.Ref { return ast.MustParseRef("data.tracee.helpers") }
