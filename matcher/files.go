package matcher

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// maxRuleFile bounds one rule file, in bytes: Falco's largest is 60 KiB.
const maxRuleFile = 8 << 20

// builtinPrefix begins the path of every file that comes with Tripline.
const builtinPrefix = Builtin + ":"

// Compiled is implemented by a [Language] with rules that are compiled into
// the program. They are part of the source "builtin".
type Compiled interface {
	// Files stand for the compiled-in rules. Their paths begin with
	// "builtin:", the language owns them, and their content is the source
	// code where that is known.
	Files() []File
}

// found is what the sources hold at one moment.
type found struct {
	files []File
	// source is the position in Config.Rules that a file came from.
	source map[string]int
	// watch lists the directories whose changes matter, by their real paths,
	// and for those where but one name matters that name, "" otherwise.
	watch map[string]string
	// problems are files that were there but could not be read.
	problems []Problem
}

// scan reads all files of the sources that a language owns: sources in the
// order given, the files of each sorted by path. A source that is not there
// or cannot be read is an error.
func scan(sources []string, langs []Language, builtin fs.FS) (*found, error) {
	f := &found{source: make(map[string]int), watch: make(map[string]string)}
	for i, source := range sources {
		before := len(f.files)
		if source == Builtin {
			if err := f.scanBuiltin(builtin, langs); err != nil {
				return nil, err
			}
		} else if err := f.scanPath(source, langs); err != nil {
			return nil, err
		}
		added := f.files[before:]
		slices.SortFunc(added, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
		kept := f.files[:before]
		for _, file := range added {
			if _, twice := f.source[file.Path]; !twice {
				f.source[file.Path] = i
				kept = append(kept, file)
			}
		}
		f.files = kept
		for _, p := range f.problems {
			if _, twice := f.source[p.File]; !twice {
				f.source[p.File] = i
			}
		}
	}
	return f, nil
}

func (f *found) scanBuiltin(builtin fs.FS, langs []Language) error {
	for _, lang := range langs {
		if c, ok := lang.(Compiled); ok {
			f.files = append(f.files, c.Files()...)
		}
	}
	if builtin == nil {
		return nil
	}
	return fs.WalkDir(builtin, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || ignored(path.Base(name)) {
			return err
		}
		if p := builtinPrefix + name; owner(langs, p) != nil {
			content, err := fs.ReadFile(builtin, name)
			if err != nil {
				return err
			}
			f.files = append(f.files, File{Path: p, Content: content})
		}
		return nil
	})
}

func (f *found) scanPath(source string, langs []Language) error {
	info, err := os.Stat(source)
	if err != nil {
		return fmt.Errorf("rules %s: %w; expected a directory, a file or the word %q", source, reason(err), Builtin)
	}
	f.watchPath(source)
	if info.IsDir() {
		return f.scanDir(filepath.Clean(source), langs, make(map[string]bool), true)
	}
	if owner(langs, source) == nil {
		return fmt.Errorf("rules %s: no rule language has files of this name; expected %s", source, "*.rego, *.yaml or *.yml")
	}
	if err := f.read(source); err != nil {
		return fmt.Errorf("rules %s: %w", source, err)
	}
	return nil
}

// scanDir walks a directory, through links; entered holds the directories
// that the walk is inside of, so that a link to one of them ends it.
func (f *found) scanDir(dir string, langs []Language, entered map[string]bool, top bool) error {
	resolved, err := realPath(dir)
	if err != nil || entered[resolved] {
		return err
	}
	entered[resolved] = true
	defer delete(entered, resolved)
	f.watchFor(resolved, "")
	entries, err := os.ReadDir(dir)
	if err != nil {
		if top {
			return fmt.Errorf("rules %s: %w", dir, reason(err))
		}
		f.unreadable(dir, err)
		return nil
	}
	for _, e := range entries {
		if ignored(e.Name()) {
			continue
		}
		p := filepath.Join(dir, e.Name())
		info, err := os.Stat(p)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			// Removed since the directory was listed, or a link to nothing.
		case err != nil:
			f.unreadable(p, err)
		case info.IsDir():
			if err := f.scanDir(p, langs, entered, false); err != nil {
				f.unreadable(p, err)
			}
		case info.Mode().IsRegular() && owner(langs, p) != nil:
			if err := f.read(p); err != nil {
				f.unreadable(p, err)
			}
		}
	}
	return nil
}

func (f *found) read(p string) error {
	f.watchPath(p)
	info, err := os.Stat(p)
	if err != nil {
		return reason(err)
	}
	if !info.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	if info.Size() > maxRuleFile {
		return fmt.Errorf("%d bytes, the limit is %d", info.Size(), maxRuleFile)
	}
	content, err := os.ReadFile(p)
	if err != nil {
		return reason(err)
	}
	f.files = append(f.files, File{Path: p, Content: content})
	return nil
}

func (f *found) unreadable(p string, err error) {
	f.problems = append(f.problems, Problem{File: p, Code: "unreadable", Message: reason(err).Error()})
}

// ignored says whether a name is hidden, an editor's leftover or a test.
func ignored(name string) bool {
	if strings.HasPrefix(name, ".") && name != "." || strings.HasSuffix(name, "~") {
		return true
	}
	for _, test := range []string{"_test.rego", "_test.yaml", "_test.yml", "_test.go"} {
		if strings.HasSuffix(name, test) {
			return true
		}
	}
	return false
}

func owner(langs []Language, p string) Language {
	for _, lang := range langs {
		if lang.Owns(p) {
			return lang
		}
	}
	return nil
}

// reason strips the path that the caller names already.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
