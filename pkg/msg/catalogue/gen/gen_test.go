package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestUpToDate fails when the text was changed and go generate not run.
func TestUpToDate(t *testing.T) {
	files, err := generate(filepath.Join("..", "source"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("..", name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the source says (%v): run go generate ./pkg/msg/catalogue", name, err)
		}
	}
	have, err := filepath.Glob(filepath.Join("..", "zz_*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range have {
		if files[filepath.Base(path)] == nil {
			t.Errorf("%s has no source: run go generate ./pkg/msg/catalogue", path)
		}
	}
}

func TestMistakes(t *testing.T) {
	const good = "syscall read 0 i386=3\n\tReads.\n\tfd  fd  int\n"
	for _, c := range []struct{ name, events, values, want string }{
		{"no id", "syscall read\n\tReads.\n", "", "events.txt:1: expected class, name and id"},
		{"id", "syscall read zero\n\tReads.\n", "", `id "zero" is not a number`},
		{"option", "syscall read 0 nr=1\n\tReads.\n", "", `unknown option "nr=1"`},
		{"no description", "syscall read 0\n", "", "read has no description"},
		{"no type", "syscall read 0\n\tReads.\n\tfd fd\n", "", "expected name, kind and type"},
		{"class", "call read 1000\n\tReads.\n", "", `unknown class "call"`},
		{"class of id", "security read 0\n\tReads.\n", "", "ids below 1000"},
		{"kind", "syscall read 0\n\tReads.\n\tfd file int\n", "", `unknown kind "file"`},
		{"ret", "syscall read 0 ret=bytes2\n\tReads.\n", "", `unknown kind "bytes2"`},
		{"values", "syscall read 0\n\tReads.\n\tfd flags:x int\n", "", `unknown values "x"`},
		{"not flags", "syscall read 0\n\tReads.\n\tfd flags:x int\n", "enum x\n\t0 A\n", "are not of kind flags"},
		{"flags without", "syscall read 0\n\tReads.\n\tfd flags int\n", "", `unknown values ""`},
		{"argument twice", "syscall read 0\n\tReads.\n\tfd fd int\n\tfd fd int\n", "", "fd is there twice"},
		{"split", "syscall read 0 split32=x\n\tReads.\n", "", `split32 names "x"`},
		{"name twice", good + "syscall read 1\n\tReads.\n", "", "name read is taken by"},
		{"id twice", good + "syscall write 0\n\tWrites.\n", "", "id 0 is taken by"},
		{"number twice", good + "syscall write 1 i386=3\n\tWrites.\n", "", "i386 number 3 is taken by"},
		{"indented", "\tread\n", "", "events.txt:1: an indented line belongs to nothing"},
		{"values twice", good, "enum x\n\t0 A\n\nenum x\n\t0 A\n", "values x are defined twice"},
		{"values unused", good, "enum x\n\t0 A\n", "values x are not used"},
		{"values word", good, "bits x\n", "expected flags or enum and a name"},
		{"values number", good, "enum x\n\tA 0\n", "expected number and name"},
		{"values mask", good, "enum x mask=3\n", `unknown option "mask=3"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "events.txt"), c.events)
			write(t, filepath.Join(dir, "values", "v.txt"), c.values)
			_, err := generate(dir)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, expected %q", err, c.want)
			}
		})
	}
}

// TestRun writes the tables anew and removes what has no source.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "source", "io.txt"), "# comment\n\nsyscall read 0 ret=fd split32=fd\n\tReads.\n\tfd  flags:x  int\n")
	write(t, filepath.Join(dir, "source", "values", "v.txt"), "flags x mask=1\n\t1 A B\n")
	write(t, filepath.Join(dir, "zz_gone.go"), "package catalogue\n")
	if err := run(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "zz_gone.go")); err == nil {
		t.Error("a table without a source stays")
	}
	for name, want := range map[string]string{
		"zz_io.go":             `Ret: FD, Split32: 0x1, Sets: []string{"syscalls"}, Doc: "Reads."`,
		"zz_values_v.go":       `{"A B", 0x1}`,
		"zz_index.go":          "0: &ioEvents[0]",
		"zz_values_syscall.go": `{"read", 0}`,
	} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s has no %s (%v):\n%s", name, want, err, text)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
