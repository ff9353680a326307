package glob_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tripline/tripline/matcher/expr/falco/glob"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"a*c", "abbc", true},
		{"a*c", "abbd", false},
		{"*.conf", "/etc/.x.conf", true},
		{"/home/*/.ssh/*", "/home/a/b/.ssh/id", true},
		{"?at", "cat", true},
		{"?at", "at", false},
		{"[a-c]x", "bx", true},
		{"[!a-c]x", "bx", false},
		{"[^a-c]x", "dx", true},
		{"[]a]", "]", true},
		{"[a-]", "-", true},
		{"[[:digit:]]*", "7up", true},
		{"[[:upper:]]", "a", false},
		{"[!o]", "O", true},
		{"[ab", "[ab", true},
		{`\*`, "*", true},
		{`\*`, "x", false},
		{`[\]]`, "]", true},
		{`a\`, `a\`, false},
		{"a**b*c", "aXbYc", true},
		{"*\xff", "p\xff", true},
	} {
		if got := glob.Match(c.pattern, c.text); got != c.want {
			t.Errorf("Match(%q, %q) = %t", c.pattern, c.text, got)
		}
	}
	if !glob.MatchFold("NG[A-I]NX*", "nginx") || glob.MatchFold("x*", "NGINX") || glob.MatchFold("[!o]", "O") {
		t.Error("folding is wrong")
	}
}

// FuzzMatch: no panic, and time in proportion; without regard to case means
// just that. A set that is inverted has less in it then.
func FuzzMatch(f *testing.F) {
	f.Add("[!o]", "O")
	f.Add("a*b[c-d]?\\*[[:alpha:]]", "aXbcz*q")
	f.Add(strings.Repeat("*a", 50), strings.Repeat("a", 200)+"b")
	f.Fuzz(func(t *testing.T, p, s string) {
		_ = glob.Match(p, s)
		if !glob.Match("*", s) {
			t.Fatalf("* does not match %q", s)
		}
		inverted := strings.Contains(p, "[!") || strings.Contains(p, "[^")
		if glob.Match(p, s) && !inverted && !glob.MatchFold(p, s) {
			t.Fatalf("%q matches %q, but not without regard to case", p, s)
		}
		up := strings.Map(func(r rune) rune {
			if 'a' <= r && r <= 'z' {
				return r - 'a' + 'A'
			}
			return r
		}, s)
		if utf8.ValidString(s) && glob.MatchFold(p, s) != glob.MatchFold(p, up) {
			t.Fatalf("%q and %q are not the same to %q without regard to case", s, up, p)
		}
	})
}
