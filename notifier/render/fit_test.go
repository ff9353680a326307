package render_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/notifier/sinktest"
)

func TestFit(t *testing.T) {
	entities := strings.NewReplacer("&", "&amp;", "<", "&lt;")
	for _, c := range []struct {
		name  string
		limit int
		in    string
		want  string
	}{
		{"short", 100, "a<b\n", `a&lt;b\n`},
		{"just fits", 50, strings.Repeat("a", 50), strings.Repeat("a", 50)},
		{"too long", 50, strings.Repeat("a", 51), "aaaaaaaaaa… (41 bytes more)"},
		{"too long once escaped", 60, strings.Repeat("&", 20), "&amp;&amp;&amp;&amp;… (16 bytes more)"},
		{"not UTF-8", 60, strings.Repeat("\xff", 20), `\xff\xff\xff\xff\xff… (15 bytes more)`},
		{"no room to say so", 5, "abcdefghi", ""},
		{"empty", 50, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := render.Fit(c.limit, c.in, entities); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestFitHoldsItsLimit tries texts of the characters that grow most.
func TestFitHoldsItsLimit(t *testing.T) {
	entities := strings.NewReplacer("&", "&amp;", "<", "&lt;")
	undo := strings.NewReplacer("&amp;", "", "&lt;", "")
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOf(rapid.SampledFrom([]rune("a&<é\u202e\U000e0041\n🙂"))).Draw(t, "s") + rapid.SampledFrom([]string{"", "\xff"}).Draw(t, "end")
		limit := rapid.IntRange(41, 120).Draw(t, "limit")
		got := render.Fit(limit, s, entities)
		if len(got) > limit || !utf8.ValidString(got) {
			t.Errorf("%d bytes for %d: %q", len(got), limit, got)
		}
		if strings.Contains(undo.Replace(got), "&") {
			t.Errorf("an entity was cut: %q", got)
		}
	})
}

func TestFacts(t *testing.T) {
	names := func(fs []render.Fact) string {
		var out []string
		for _, f := range fs {
			out = append(out, f.Name+"="+f.Value)
		}
		return strings.Join(out, "; ")
	}
	if got, want := names(render.Facts(sinktest.Bare())), "Rule=X"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	want := "Rule=terminal-shell; Host=test-host; Event=execve; Process=strace (4242); Executable=/usr/bin/strace; " +
		"Command line=strace ls; User=alice; Parent=bash (4000); Container=unruffled_sinoussi 796130fc3acc; " +
		"Image=registry.local:5000/team/dvwa:1.2; Pod=shop/web-0; MITRE ATT&CK=Defense Evasion: Execution Guardrails"
	d := sinktest.Container()
	d.Rule.MITRE = "Defense Evasion: Execution Guardrails"
	if got := names(render.Facts(d)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := render.Headline(d), "Notice: Terminal shell in container on test-host"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
