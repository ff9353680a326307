package parser_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tripline/tripline/matcher/expr/falco/ast"
	"github.com/tripline/tripline/matcher/expr/falco/parser"
)

func TestAccept(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"shell", "shell"},
		{"  a  and\tb\n", "(a and b)"},
		{"a or b and c", "(a or (b and c))"},
		{"a or(b)", "(a or b)"},
		{"a and(b or c)and d", "(a and (b or c) and d)"},
		{"not a or b", "(not a or b)"},
		{"not not not a", "not a"},
		{"not(a and b)", "not (a and b)"},
		{"nothing", "nothing"},
		{"proc.name=sh", "proc.name = sh"},
		{"proc.name = and", "proc.name = and"},
		{"fd.name = /a/b*[c]:#<>", "fd.name = /a/b*[c]:#<>"},
		{`fd.name = "a\tb\x41"`, `fd.name = "a\tbA"`},
		{`fd.name = 'say "hi"'`, `fd.name = "say \"hi\""`},
		{"proc.name in()", "proc.name in ()"},
		{"proc.name in ( sh , 'b a' )", `proc.name in (sh, "b a")`},
		{"proc.name in shells", "proc.name in shells"},
		{"proc.pname existsand shell", "(proc.pname exists and shell)"},
		{"proc.aname[2] = x", "proc.aname[2] = x"},
		{`container.label["a b"] = x`, `container.label["a b"] = x`},
		{"evt.rawres >= -1", "evt.rawres >= -1"},
		{"evt.rawres < 0x1f", "evt.rawres < 0x1f"},
		{"proc.duration > 1.5e+9", "proc.duration > 1.5e+9"},
		{"proc.name startswith anyof (a, b)", "proc.name startswith anyof (a, b)"},
		{"proc.name = oneof and b", "(proc.name = oneof and b)"},
		{"proc.name = anyof shells", "proc.name = anyof shells"},
		{"proc.name = val(proc.pname)", "proc.name = val(proc.pname)"},
		{"tolower( proc.name ) in (a)", "tolower(proc.name) in (a)"},
		{`join("-", (proc.name, 1, "x")) = a`, "join(-,(proc.name,1,x)) = a"},
		{`getopt(fd.types, "a:")[a] = v`, "getopt(fd.types,a:)[a] = v"},
	} {
		t.Run(c.in, func(t *testing.T) {
			n, err := parser.Parse(ast.Plain(c.in), parser.RuleDepth)
			if err != nil {
				t.Fatal(err)
			}
			if got := ast.Print(n); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestReject(t *testing.T) {
	for _, c := range []struct {
		in   string
		at   int
		want string
	}{
		{"", 0, "empty"},
		{"a b", 2, "unexpected text after 'a'"},
		{"a and", 5, "expected a blank or '('"},
		{"a and ", 6, "expected a field, a macro or '('"},
		{"(a or b", 0, "expected a ')' for this '('"},
		{"(a b)", 3, "expected ')', 'and' or 'or'"},
		{"proc.name", 9, "expected an operator"},
		{"proc.name sh", 10, "expected an operator"},
		{"proc.name =", 11, "expected a value after '='"},
		{"proc.name startswith(a)", 10, "expected an operator"},
		{"proc.name = 'a", 12, "never closed"},
		{`proc.name = "a\qb"`, 14, `unknown escape \q`},
		{`proc.name = "a\x4"`, 14, "two hex digits"},
		{`proc.name = "it\'s"`, 15, "only the quote in use"},
		{"proc.name in (a b)", 16, "expected ',' or ')'"},
		{"proc.name in (a,)", 16, "expected a value in the list"},
		{"proc.name in (a", 13, "expected a ')' for this '('"},
		{"evt.rawres > x", 13, "expected a number"},
		{"evt.arg[] = x", 8, "expected an argument between the brackets"},
		{"evt.arg[a = x", 9, "expected ']'"},
		{"tolower(proc.name = x", 18, "expected ')' or ','"},
		{"tolower(name) = x", 8, "expected a field, a transformer"},
		{"a.b = val(tolower(c.d))", 10, "expected a field in val"},
		{"a = b", 2, "unexpected text"},
	} {
		t.Run(c.in, func(t *testing.T) {
			_, err := parser.Parse(ast.Plain(c.in), parser.RuleDepth)
			var e *ast.Error
			if !errors.As(err, &e) {
				t.Fatalf("accepted, or not an error with a place: %v", err)
			}
			if e.At.Off != c.at || !strings.Contains(e.Msg, c.want) {
				t.Errorf("got %d: %s\nwant %d: …%s…", e.At.Off, e.Msg, c.at, c.want)
			}
		})
	}
}

func TestDepth(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("(", n) + "a" + strings.Repeat(")", n) }
	for _, c := range []struct {
		depth, n int
		ok       bool
	}{{parser.RuleDepth, 150, true}, {parser.RuleDepth, 400, false}, {parser.BareDepth, 10, true}, {parser.BareDepth, 50, false}} {
		if _, err := parser.Parse(ast.Plain(nested(c.n)), c.depth); (err == nil) != c.ok {
			t.Errorf("%d parentheses at depth %d: %v", c.n, c.depth, err)
		}
	}
}

// FuzzParse: no panic, no hang, and what was read prints as something that
// reads the same.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"a and not (b or c.d in (1, '2'))", `x.y = "a\x41\\"`, "tolower(b64(a.b[1])) = val(c.d)", "a.b = oneof (x)",
		"join(\"-\", (a.b, 1)) exists", "((((", "not not(", "a.b <= -0x1", "a.b in", "evt.arg[",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := parser.Parse(ast.Plain(s), parser.RuleDepth)
		if err != nil {
			var e *ast.Error
			if !errors.As(err, &e) || e.At.Off < 0 || e.At.Off > len(s) {
				t.Fatalf("error without a place in the text: %v", err)
			}
			e.At.Place()
			return
		}
		// An empty value cannot be printed so that it reads back, and neither
		// can one that ends in a backslash.
		if strings.ContainsAny(s, "\"'\\") {
			ast.Print(n)
			return
		}
		text := ast.Print(n)
		again, err := parser.Parse(ast.Plain(text), 4*parser.RuleDepth)
		if err != nil {
			t.Fatalf("%q prints as %q, which does not parse: %v", s, text, err)
		}
		if got := ast.Print(again); got != text {
			t.Fatalf("%q prints as %q and then as %q", s, text, got)
		}
	})
}
