package golang

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"reflect"
	"runtime"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/pkg/detect"
)

// Language makes rules of compiled-in signatures.
type Language struct {
	entries []entry
}

// entry is one constructor and where it is written.
type entry struct {
	make func() detect.Signature
	path string // as matcher.File has it
	line int
	file matcher.File
}

// New makes a language of signatures, one for each constructor; it calls each
// constructor once for every partition. Sources, which may be nil, holds the
// Go files of the constructors in a folder golang, so that they can be listed
// with a hash.
func New(constructors []func() detect.Signature, sources fs.FS) *Language {
	l := &Language{}
	for _, c := range constructors {
		e := entry{make: c, path: matcher.Builtin + ":golang"}
		if f := runtime.FuncForPC(reflect.ValueOf(c).Pointer()); f != nil {
			file, line := f.FileLine(f.Entry())
			e.line = line
			name := path.Join("golang", path.Base(file))
			e.path = matcher.Builtin + ":" + name
			if sources != nil {
				if content, err := fs.ReadFile(sources, name); err == nil {
					e.file.Content = content
				}
			}
		}
		e.file.Path = e.path
		l.entries = append(l.entries, e)
	}
	return l
}

// Name implements matcher.Language.
func (*Language) Name() string { return "golang" }

// Owns implements matcher.Language: the compiled-in files and no others.
func (l *Language) Owns(p string) bool {
	for _, e := range l.entries {
		if e.path == p {
			return true
		}
	}
	return false
}

// Files implements matcher.Compiled.
func (l *Language) Files() []matcher.File {
	var out []matcher.File
	listed := make(map[string]bool)
	for _, e := range l.entries {
		if !listed[e.path] {
			listed[e.path] = true
			out = append(out, e.file)
		}
	}
	return out
}

// Load implements matcher.Language: it asks the signatures of these files who
// they are and what they want.
func (l *Language) Load(files []matcher.File) (matcher.Program, []matcher.Problem) {
	hashes := make(map[string]string)
	for _, f := range files {
		sum := sha256.Sum256(f.Content)
		hashes[f.Path] = hex.EncodeToString(sum[:])
	}
	p := &program{}
	var problems []matcher.Problem
	for _, e := range l.entries {
		hash, chosen := hashes[e.path]
		if !chosen {
			continue
		}
		rule, err := describe(e.make)
		rule.File, rule.Line, rule.Hash = e.path, e.line, hash
		if err != nil {
			problems = append(problems, matcher.Problem{
				Code: "signature", File: e.path, Line: e.line, Rule: rule.Info.ID, Message: err.Error(),
			})
			continue
		}
		p.rules = append(p.rules, rule)
		p.make = append(p.make, e.make)
	}
	return p, problems
}

// describe makes a rule of what a signature says of itself.
func describe(construct func() detect.Signature) (rule matcher.Rule, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it panicked while being loaded: %v", p)
		}
	}()
	sig := construct()
	if sig == nil {
		return rule, errors.New("its constructor returned nil")
	}
	meta, err := sig.GetMetadata()
	if err != nil {
		return rule, fmt.Errorf("GetMetadata: %w", err)
	}
	rule = ruleOf(meta)
	selectors, err := sig.GetSelectedEvents()
	if err != nil {
		return rule, fmt.Errorf("GetSelectedEvents: %w", err)
	}
	for _, s := range selectors {
		sel, ok, err := selectorOf(s)
		if err != nil {
			return rule, err
		}
		if ok {
			rule.Select = append(rule.Select, sel)
		}
	}
	if w, ok := sig.(detect.Windowed); ok {
		if rule.Window = w.Window(); rule.Window < 0 {
			return rule, fmt.Errorf("a window of %s, expected 0 or more", rule.Window)
		}
	}
	return rule, nil
}
