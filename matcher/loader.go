package matcher

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// Load reads and compiles the rules that the configuration names, once. The
// error is about a source that cannot be read; what is wrong with rules is in
// the Ruleset's problems, and the others are loaded.
func Load(cfg Config, langs []Language, builtin fs.FS) (*Ruleset, error) {
	l := newLoader(cfg, langs, builtin)
	rs, _, err := l.load()
	return rs, err
}

// loader makes rulesets, each from the one before: what has not changed is
// not compiled again, and a file that has become bad is replaced by its last
// good content.
type loader struct {
	cfg     Config
	langs   []Language
	builtin fs.FS

	good    map[string][]byte // by path: content that loaded without an error
	current *Ruleset
	watch   map[string]string // of the last scan, see found
}

// compiled is one language's part of a ruleset. Rulesets share it as long as
// the language's files stay the same, and with it the state of its workers.
type compiled struct {
	lang     Language
	files    []File // as they were found
	program  Program
	rules    []Rule
	problems []Problem
	guards   []*guard // parallel to rules
}

// stays ends the message of a problem with a file whose rules were loaded before.
const stays = "; the version loaded before stays in force"

func newLoader(cfg Config, langs []Language, builtin fs.FS) *loader {
	return &loader{cfg: cfg, langs: langs, builtin: builtin, good: make(map[string][]byte)}
}

// load returns the ruleset of now; changed is false when it is that of the
// last call.
func (l *loader) load() (rs *Ruleset, changed bool, err error) {
	f, err := scan(l.cfg.Rules, l.langs, l.builtin)
	if err != nil {
		return l.current, false, err
	}
	l.watch = f.watch
	l.keepUnreadable(f)
	var languages []*compiled
	changed = l.current == nil || !slices.EqualFunc(l.unreadable(), f.problems, sameProblem)
	for i, lang := range l.langs {
		files := owned(f.files, lang, l.langs)
		var old *compiled
		if l.current != nil {
			old = l.current.languages[i]
			if sameFiles(old.files, files) {
				languages = append(languages, old)
				continue
			}
		}
		changed = true
		languages = append(languages, l.compile(lang, files, old))
	}
	if !changed {
		return l.current, false, nil
	}
	maps.DeleteFunc(l.good, func(p string, _ []byte) bool { _, there := f.source[p]; return !there })
	rs = newRuleset(languages, func(file string) int { return f.source[file] }, l.cfg.Select)
	rs.Problems = append(f.problems, rs.Problems...)
	if len(rs.Rules) == 0 {
		rs.Problems = append(rs.Problems, Problem{
			Warning: true, Code: "no-rules", File: fmt.Sprint(l.cfg.Rules), Message: "no rules were found, so nothing will be detected",
		})
	}
	l.current = rs
	return rs, true, nil
}

// keepUnreadable adds the last good content of files that are there but could
// not be read now.
func (l *loader) keepUnreadable(f *found) {
	for i, p := range f.problems {
		if good, ok := l.good[p.File]; ok {
			f.files = append(f.files, File{Path: p.File, Content: good})
			f.problems[i].Message += stays
		}
	}
	slices.SortStableFunc(f.files, func(a, b File) int {
		return cmp.Or(f.source[a.Path]-f.source[b.Path], strings.Compare(a.Path, b.Path))
	})
}

func (l *loader) unreadable() []Problem {
	var out []Problem
	for _, p := range l.current.Problems {
		if p.Code == "unreadable" {
			out = append(out, p)
		}
	}
	return out
}

// compile loads one language, with the last good content of files that are
// bad now.
func (l *loader) compile(lang Language, files []File, old *compiled) *compiled {
	program, problems := loadLanguage(lang, files)
	replaced, bad := l.replaceBad(files, problems)
	if len(bad) > 0 {
		again, left := loadLanguage(lang, replaced)
		if more, others := l.replaceChanged(replaced, left); len(others) > 0 {
			// The files that were bad by themselves are good again, and yet
			// something else is not: a change in one broke another.
			replaced, bad = more, append(bad, others...)
			again, left = loadLanguage(lang, replaced)
		}
		program, problems = again, joinProblems(problems, left, bad)
	} else if more, others := l.replaceChanged(files, problems); len(others) > 0 {
		replaced, bad = more, others
		again, left := loadLanguage(lang, replaced)
		program, problems = again, joinProblems(problems, left, bad)
	}
	wrong := make(map[string]bool)
	for _, p := range problems {
		if !p.Warning {
			wrong[p.File] = true
		}
	}
	for _, f := range replaced {
		if !wrong[f.Path] {
			l.good[f.Path] = f.Content
		}
	}
	c := &compiled{lang: lang, files: files, program: program, problems: problems}
	if program != nil {
		c.rules = slices.Clone(program.Rules())
		for i := range c.rules {
			c.rules[i].Info.Language = lang.Name()
		}
	}
	c.guards = carryGuards(c.rules, old, l.cfg.Guard)
	return c
}

// replaceBad puts the last good content in place of files with errors, and
// lists those for which there was one.
func (l *loader) replaceBad(files []File, problems []Problem) ([]File, []string) {
	var bad []string
	out := slices.Clone(files)
	for i, f := range files {
		good, ok := l.good[f.Path]
		if ok && !bytes.Equal(good, f.Content) && hasError(problems, f.Path) {
			out[i].Content = good
			bad = append(bad, f.Path)
		}
	}
	return out, bad
}

// replaceChanged undoes all changes if a file that has not changed, and was
// good, has an error now.
func (l *loader) replaceChanged(files []File, problems []Problem) ([]File, []string) {
	harmed := slices.ContainsFunc(files, func(f File) bool {
		good, ok := l.good[f.Path]
		return ok && bytes.Equal(good, f.Content) && hasError(problems, f.Path)
	})
	if !harmed {
		return files, nil
	}
	var changed []string
	out := slices.Clone(files)
	for i, f := range files {
		if good, ok := l.good[f.Path]; ok && !bytes.Equal(good, f.Content) {
			out[i].Content = good
			changed = append(changed, f.Path)
		}
	}
	return out, changed
}

// joinProblems lists what was wrong with the files as found, marking those
// whose last good content is in force, and what is wrong still.
func joinProblems(found, left []Problem, replaced []string) []Problem {
	var out []Problem
	for _, p := range found {
		if !p.Warning && slices.Contains(replaced, p.File) {
			p.Message += stays
			out = append(out, p)
		} else if !p.Warning && !slices.ContainsFunc(left, func(q Problem) bool { return sameProblem(p, q) }) {
			// Not this file's fault, and cured by undoing the change.
			p.Message += "; a change in " + fmt.Sprint(replaced) + " led to this and is not in force"
			out = append(out, p)
		}
	}
	return append(out, left...)
}

// loadLanguage calls Load and turns a panic into a problem.
func loadLanguage(lang Language, files []File) (program Program, problems []Problem) {
	defer func() {
		if r := recover(); r != nil {
			program = nil
			problems = []Problem{{Code: "internal", File: lang.Name(), Message: fmt.Sprintf("the language failed to load its rules: %v", r)}}
		}
	}()
	return lang.Load(files)
}

func hasError(problems []Problem, file string) bool {
	return slices.ContainsFunc(problems, func(p Problem) bool { return !p.Warning && p.File == file })
}

func sameProblem(a, b Problem) bool { return a == b }

func sameFiles(a, b []File) bool {
	return slices.EqualFunc(a, b, func(x, y File) bool { return x.Path == y.Path && bytes.Equal(x.Content, y.Content) })
}

func owned(files []File, lang Language, langs []Language) []File {
	var out []File
	for _, f := range files {
		if owner(langs, f.Path) == lang {
			out = append(out, f)
		}
	}
	return out
}
