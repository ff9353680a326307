package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// firstForeign is the first id that is not an x86-64 system call number.
const firstForeign = 600

// catalogue is all of the source.
type catalogue struct {
	families []family
	values   []valuesFile
}

type family struct {
	name   string
	events []event
}

type valuesFile struct {
	name string
	sets []values
}

type event struct {
	at                    string // file:line
	class, name, doc      string
	id                    int
	x86, i386, arm64, x32 int
	ret                   string
	split                 []string
	sets                  []string
	params                []param
}

type param struct{ name, kind, values, ctype string }

type values struct {
	at    string
	name  string
	bits  bool
	mask  uint64
	names []string
	nums  []uint64
}

func parse(dir string) (*catalogue, error) {
	c := &catalogue{}
	paths, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		f := family{name: base(path)}
		err := blocks(path, func(at string, lines []string) error {
			e, err := parseEvent(at, lines)
			f.events = append(f.events, e)
			return err
		})
		if err != nil {
			return nil, err
		}
		slices.SortFunc(f.events, func(a, b event) int { return a.id - b.id })
		c.families = append(c.families, f)
	}
	if paths, err = filepath.Glob(filepath.Join(dir, "values", "*.txt")); err != nil {
		return nil, err
	}
	for _, path := range paths {
		f := valuesFile{name: base(path)}
		err := blocks(path, func(at string, lines []string) error {
			v, err := parseValues(at, lines)
			f.sets = append(f.sets, v)
			return err
		})
		if err != nil {
			return nil, err
		}
		c.values = append(c.values, f)
	}
	return c, nil
}

func base(path string) string { return strings.TrimSuffix(filepath.Base(path), ".txt") }

// blocks calls f with each unindented line and the indented ones below it.
func blocks(path string, f func(at string, lines []string) error) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var block []string
	var at string
	flush := func() error {
		if block == nil {
			return nil
		}
		b := block
		block = nil
		if err := f(at, b); err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		return nil
	}
	for i, line := range strings.Split(string(text), "\n") {
		switch {
		case strings.TrimSpace(line) == "" || line[0] == '#':
		case line[0] == '\t':
			if block == nil {
				return fmt.Errorf("%s:%d: an indented line belongs to nothing", path, i+1)
			}
			block = append(block, strings.TrimSpace(line))
		default:
			if err := flush(); err != nil {
				return err
			}
			block, at = []string{line}, fmt.Sprintf("%s:%d", path, i+1)
		}
	}
	return flush()
}

func parseEvent(at string, lines []string) (event, error) {
	words := strings.Fields(lines[0])
	if len(words) < 3 {
		return event{}, fmt.Errorf("expected class, name and id")
	}
	e := event{at: at, class: words[0], name: words[1], x86: -1, i386: -1, arm64: -1, x32: -1}
	var err error
	if e.id, err = strconv.Atoi(words[2]); err != nil {
		return e, fmt.Errorf("id %q is not a number", words[2])
	}
	if e.class == "syscall" {
		e.sets = []string{"syscalls"}
		if e.id < firstForeign {
			e.x86, e.x32 = e.id, e.id
		}
	}
	for _, w := range words[3:] {
		key, val, _ := strings.Cut(w, "=")
		switch key {
		case "i386":
			e.i386, err = strconv.Atoi(val)
		case "arm64":
			e.arm64, err = strconv.Atoi(val)
		case "x32":
			e.x32, err = strconv.Atoi(val)
		case "ret":
			e.ret = val
		case "split32":
			e.split = strings.Split(val, ",")
		case "sets":
			e.sets = append(e.sets, strings.Split(val, ",")...)
		default:
			err = fmt.Errorf("unknown option %q", w)
		}
		if err != nil {
			return e, err
		}
	}
	if len(lines) < 2 {
		return e, fmt.Errorf("%s has no description", e.name)
	}
	e.doc = lines[1]
	for _, line := range lines[2:] {
		name, rest := word(line)
		kind, ctype := word(rest)
		p := param{name: name, ctype: ctype}
		p.kind, p.values, _ = strings.Cut(kind, ":")
		if p.ctype == "" {
			return e, fmt.Errorf("%s: expected name, kind and type in %q", e.name, line)
		}
		if p.kind == "signal" {
			p.values = "signal"
		}
		e.params = append(e.params, p)
	}
	return e, nil
}

func parseValues(at string, lines []string) (values, error) {
	words := strings.Fields(lines[0])
	if len(words) < 2 || words[0] != "flags" && words[0] != "enum" {
		return values{}, fmt.Errorf("expected flags or enum and a name")
	}
	v := values{at: at, name: words[1], bits: words[0] == "flags"}
	for _, w := range words[2:] {
		val, ok := strings.CutPrefix(w, "mask=")
		if !ok || !v.bits {
			return v, fmt.Errorf("unknown option %q", w)
		}
		var err error
		if v.mask, err = strconv.ParseUint(val, 0, 64); err != nil {
			return v, err
		}
	}
	for _, line := range lines[1:] {
		num, name := word(line)
		n, err := strconv.ParseUint(num, 0, 64)
		if err != nil || name == "" {
			return v, fmt.Errorf("%s: expected number and name in %q", v.name, line)
		}
		v.names, v.nums = append(v.names, name), append(v.nums, n)
	}
	return v, nil
}

// word cuts the first word off a line.
func word(s string) (first, rest string) {
	i := strings.IndexAny(s, " \t")
	if i < 0 {
		return s, ""
	}
	return s[:i], strings.TrimSpace(s[i:])
}
