package ruletest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tripline/tripline/matcher"
)

// source is one place with rules and their tests.
type source struct {
	// rules is what the rules are loaded from: a directory or "builtin".
	rules string
	files []matcher.File
	// only, when not "", is the beginning of the names of the tests that are
	// meant: the source was given as a file.
	only string
}

// tests are the files of the source that a function owns.
func (s *source) tests(owns func(string) bool) (out []matcher.File) {
	for _, f := range s.files {
		if owns(f.Path) && (s.only == "" || strings.HasPrefix(f.Path, s.only)) {
			out = append(out, f)
		}
	}
	return out
}

// open reads a source: a directory, the word "builtin", or a file, which
// stands for the tests in it or beside it.
func open(name string, builtin fs.FS) (*source, error) {
	if name == matcher.Builtin {
		return openBuiltin(builtin)
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	s := &source{rules: filepath.Clean(name)}
	if !info.IsDir() {
		s.rules = filepath.Dir(s.rules)
		s.only = filepath.Clean(name)
		if !isTest(name) {
			s.only = strings.TrimSuffix(s.only, filepath.Ext(s.only)) + "_test."
		}
	}
	return s, s.walk(s.rules, nil)
}

func openBuiltin(builtin fs.FS) (*source, error) {
	s := &source{rules: matcher.Builtin}
	return s, fs.WalkDir(builtin, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(builtin, name)
		s.files = append(s.files, matcher.File{Path: matcher.Builtin + ":" + name, Content: content})
		return err
	})
}

// walk reads a directory, through links; above holds the directories that the
// walk is inside of, so that a link to one of them ends it.
func (s *source) walk(dir string, above []string) error {
	resolved, err := filepath.EvalSymlinks(dir)
	if err != nil || slices.Contains(above, resolved) {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || strings.HasSuffix(e.Name(), "~") {
			continue
		}
		p := filepath.Join(dir, e.Name())
		info, err := os.Stat(p)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return err
		case info.IsDir():
			if err := s.walk(p, append(above, resolved)); err != nil {
				return err
			}
		case info.Mode().IsRegular() && mayMatter(p):
			content, err := os.ReadFile(p)
			if err != nil {
				return fmt.Errorf("rules: %w", err)
			}
			s.files = append(s.files, matcher.File{Path: p, Content: content})
		}
	}
	return nil
}

// mayMatter keeps large files of other kinds out of memory.
func mayMatter(p string) bool {
	switch path.Ext(p) {
	case ".rego", ".yaml", ".yml", ".go":
		return true
	}
	return false
}

// isTest says whether a file holds tests of rules, in whatever form.
func isTest(p string) bool {
	return strings.HasSuffix(strings.TrimSuffix(p, path.Ext(p)), "_test")
}

// isYAML says whether a file holds the tests that all languages share.
func isYAML(p string) bool {
	return strings.HasSuffix(p, "_test.yaml") || strings.HasSuffix(p, "_test.yml")
}
