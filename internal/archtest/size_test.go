package archtest

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// maxLines is the ceiling of a hand-written file. Most are a quarter of it; a
// file that reaches it is more than one thing.
const maxLines = 600

func TestFileSize(t *testing.T) {
	root := repository(t)
	walkGo(t, root, func(file string) {
		b, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		if generated(b) {
			return
		}
		if n := bytes.Count(b, []byte("\n")); n > maxLines {
			t.Errorf("%s has %d lines, more than %d: is it one thing?", file, n, maxLines)
		}
	})
}

func TestPackageComments(t *testing.T) {
	root := repository(t)
	documented := map[string]bool{}
	walkGo(t, root, func(file string) {
		if strings.HasSuffix(file, "_test.go") {
			return
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.ParseComments|parser.PackageClauseOnly)
		if err != nil {
			t.Fatal(err)
		}
		documented[path.Dir(file)] = documented[path.Dir(file)] || f.Doc != nil && len(f.Doc.Text()) > 20
	})
	for pkg, ok := range documented {
		if !ok {
			t.Errorf("package %s has no comment that says what it is", pkg)
		}
	}
}

// TestNoInit keeps registration explicit: a list in a builtin package, never a
// side effect of an import.
func TestNoInit(t *testing.T) {
	root := repository(t)
	walkGo(t, root, func(file string) {
		b, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, "_test.go") || generated(b) {
			return
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, b, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s has an init function", file)
			}
		}
	})
}

func generated(b []byte) bool {
	head := b[:min(len(b), 2048)]
	return bytes.Contains(head, []byte("Code generated ")) && bytes.Contains(head, []byte("DO NOT EDIT"))
}
