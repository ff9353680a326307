package docs

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

const root = "../.."

// block is a fenced block of a page.
type block struct {
	line int
	mark string // what follows the language
	text string
}

// blocks reads those of a page that are marked.
func blocks(t *testing.T, page string) (marked []block) {
	t.Helper()
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var open *block
	for i, line := range strings.Split(string(b), "\n") {
		fence := strings.HasPrefix(line, "```")
		switch {
		case fence && open == nil:
			_, mark, _ := strings.Cut(line, " ")
			open = &block{line: i + 1, mark: mark}
		case fence:
			if open.mark != "" {
				marked = append(marked, *open)
			}
			open = nil
		case open != nil:
			open.text += line + "\n"
		}
	}
	return marked
}

// copyTree copies what is in the repository, committed or not.
func copyTree(t *testing.T) string {
	t.Helper()
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	dir := t.TempDir()
	for name := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		from := filepath.Join(root, name)
		info, err := os.Lstat(from)
		if err != nil || !info.Mode().IsRegular() {
			continue // deleted, or a link
		}
		b, err := os.ReadFile(from)
		if err == nil {
			err = write(filepath.Join(dir, name), b, info.Mode().Perm())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func write(name string, b []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, b, mode)
}

// follow does what a page says in a directory, and returns what was printed.
func follow(t *testing.T, page, dir string, change func(string) string) (said string) {
	t.Helper()
	mark := regexp.MustCompile(`^(file|add|append)=(\S+)(?: after="(.*)")?$`)
	for _, b := range blocks(t, page) {
		where := fmt.Sprintf("%s:%d", page, b.line)
		if b.mark == "run" {
			cmd := exec.Command("bash", "-euxc", b.text)
			cmd.Dir = dir
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%s: %v\n%s", where, err, out)
			}
			said += string(out)
			continue
		}
		m := mark.FindStringSubmatch(b.mark)
		if m == nil {
			t.Fatalf("%s: what is %q?", where, b.mark)
		}
		if err := apply(m[1], filepath.Join(dir, m[2]), m[3], change(b.text)); err != nil {
			t.Fatalf("%s: %v", where, err)
		}
	}
	return said
}

func apply(how, name, after, text string) error {
	if how == "file" {
		return write(name, []byte(text), 0o644)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	old := string(b)
	at := len(old)
	if how == "add" {
		found := strings.Index(old, after)
		if found < 0 || after == "" {
			return fmt.Errorf("%s has no %q", name, after)
		}
		at = found + strings.Index(old[found:], "\n") + 1
	}
	return os.WriteFile(name, []byte(old[:at]+text+old[at:]), 0o644)
}

// TestAddANotifier follows the page of that name to its end, where a detection
// arrives at a receiver in place of the one that the page names.
func TestAddANotifier(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a copy of the repository")
	}
	var mu sync.Mutex
	var got []string
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		got = append(got, r.URL.Path+" "+string(b))
	}))
	defer srv.Close()
	follow(t, root+"/docs/add-a-notifier.md", copyTree(t), func(text string) string {
		return strings.ReplaceAll(text, "https://ntfy.example.org", srv.URL)
	})
	mu.Lock()
	defer mu.Unlock()
	if len(got) != 1 || !strings.HasPrefix(got[0], "/tripline ") || len(got[0]) < 20 {
		t.Errorf("the receiver got %q, want one line", got)
	}
}

// TestLinks: what the pages and the README link to in this repository is there.
func TestLinks(t *testing.T) {
	pages, err := filepath.Glob(root + "/docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	pages = append(pages, root+"/README.md", root+"/ARCHITECTURE.md", root+"/deploy/compose/README.md", root+"/deploy/README.md")
	link := regexp.MustCompile(`\]\(([^)#]+)(?:#[^)]*)?\)`)
	for _, page := range pages {
		b, err := os.ReadFile(page)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, m := range link.FindAllStringSubmatch(string(b), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", page, m[1])
			}
		}
	}
}

// onPath puts a program called tripline on the PATH of what the test runs.
func onPath(t *testing.T) {
	t.Helper()
	program := os.Getenv("TRIPLINE_BIN")
	if program == "" {
		t.Skip("needs TRIPLINE_BIN: make test says where it is")
	}
	dir := t.TempDir()
	if err := os.Symlink(program, filepath.Join(dir, "tripline")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

// TestFromOthers follows the pages for people who come from other tools, in an
// empty directory.
func TestFromOthers(t *testing.T) {
	onPath(t)
	for _, page := range []string{"from-falco.md", "from-tracee.md"} {
		t.Run(page, func(t *testing.T) {
			said := follow(t, root+"/docs/"+page, t.TempDir(), func(text string) string { return text })
			want := map[string]string{"from-falco.md": "2 tests passed", "from-tracee.md": "Data: map[path:/srv/jail]"}[page]
			if !strings.Contains(said, want) {
				t.Errorf("nowhere %q in\n%s", want, said)
			}
		})
	}
}

// help is what tripline and all its commands say of themselves.
func help(t *testing.T, command ...string) (all string) {
	t.Helper()
	out, err := exec.Command("tripline", append(command, "--help")...).CombinedOutput()
	if err != nil {
		t.Fatalf("tripline %v --help: %v\n%s", command, err, out)
	}
	all = string(out)
	_, list, _ := strings.Cut(all, "Available Commands:\n")
	for line := range strings.Lines(list) {
		m := regexp.MustCompile(`^  ([a-z-]+) `).FindStringSubmatch(line)
		if m == nil {
			break
		}
		if m[1] != "help" {
			all += help(t, append(slices.Clone(command), m[1])...)
		}
	}
	return all
}

// TestFlags: every flag of tripline that a page names is there.
func TestFlags(t *testing.T) {
	onPath(t)
	pages, err := filepath.Glob(root + "/docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	command := regexp.MustCompile("`tripline ((?:[a-z]+ ?)+)")
	flag := regexp.MustCompile(`(?:^|[\s\x60])(--[a-z-]+)`)
	every := help(t)
	commands := map[string]bool{}
	for line := range strings.Lines(every) {
		if m := regexp.MustCompile(`^  ([a-z]+) +[A-Z]`).FindStringSubmatch(line); m != nil {
			commands[m[1]] = true
		}
	}
	for _, page := range append(pages, root+"/README.md", composeReadme) {
		b, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(b), "\n") {
			where := fmt.Sprintf("%s:%d", page, i+1)
			for _, m := range command.FindAllStringSubmatch(line, -1) {
				if first := strings.Fields(m[1])[0]; !commands[first] {
					t.Errorf("%s: there is no command %q", where, first)
				}
			}
			if !strings.Contains(line, "tripline") || strings.Contains(line, "docker ") {
				continue
			}
			// The last command of the line, to the end of its code.
			own := line[strings.LastIndex(line, "tripline"):]
			if end := strings.IndexAny(own, "`|#"); end >= 0 {
				own = own[:end]
			}
			for _, m := range flag.FindAllStringSubmatch(own, -1) {
				if !strings.Contains(every, m[1]+" ") && !strings.Contains(every, m[1]+",") {
					t.Errorf("%s: no command has the flag %s", where, m[1])
				}
			}
		}
	}
}

const composeReadme = root + "/deploy/compose/README.md"
