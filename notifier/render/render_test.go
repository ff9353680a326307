package render_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/notifier/sinktest"
)

func TestTerminal(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "ls -la /tmp", "ls -la /tmp"},
		{"other alphabets", "größe файл 文件 🙂", "größe файл 文件 🙂"},
		{"backslash stays", `C:\x`, `C:\x`},
		{"escape", "a\x1b[31mb", `a\x1b[31mb`},
		{"line ends", "a\nb\r\tc", `a\nb\r\tc`},
		{"nul and delete", "\x00\x7f", `\x00\x7f`},
		{"eight-bit controls", "\u009b31m", `\x9b31m`},
		{"direction", "a\u202eb\u2066c", `a\u202eb\u2066c`},
		{"invisible", "a\u200bb\ufeffc\u00add", `a\u200bb\ufeffc\xadd`},
		{"separators", "a\u2028b\u2029", `a\u2028b\u2029`},
		{"tags", "a\U000e0041", `a\U000e0041`},
		{"not UTF-8", "a\xff\xc3b", `a\xff\xc3b`},
		{"the replacement character itself", "a\ufffdb", "a\ufffdb"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := render.Terminal(c.in); got != c.want {
				t.Errorf("Terminal(%q) = %q, want %q", c.in, got, c.want)
			}
		})
	}
}

func TestTerminalNeverLeavesAControl(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOf(rapid.Byte()).Draw(t, "s"))
		out := render.Terminal(s)
		if !utf8.ValidString(out) {
			t.Fatalf("not UTF-8: %q", out)
		}
		for _, r := range out {
			if r < ' ' || r >= 0x7f && r < 0xa0 {
				t.Fatalf("%U left in %q", r, out)
			}
		}
		if again := render.Terminal(out); again != out {
			t.Fatalf("escaped twice: %q, then %q", out, again)
		}
	})
}

func TestJSONForTerminalKeepsTheValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := map[string]string{rapid.String().Draw(t, "k"): rapid.String().Draw(t, "v") + "\u009b\u202e\U000e0041\x7f"}
		j, err := render.JSON(in)
		if err != nil {
			t.Fatal(err)
		}
		safe := render.JSONForTerminal(j)
		if string(safe) != render.Terminal(string(safe)) {
			t.Fatalf("controls are left: %q", safe)
		}
		var out map[string]string
		if err := json.Unmarshal(safe, &out); err != nil {
			t.Fatalf("%v in %q", err, safe)
		}
		for k, v := range in {
			if out[k] != v {
				t.Fatalf("%q became %q", v, out[k])
			}
		}
	})
}

func TestMap(t *testing.T) {
	for _, c := range []struct {
		name string
		in   map[string]any
		want string
	}{
		{"none", nil, "map[]"},
		{"sorted", map[string]any{"b": "2", "a": "1"}, "map[a:1 b:2]"},
		{"whole numbers", map[string]any{"n": float64(12345678), "m": -3.0, "i": 7}, "map[i:7 m:-3 n:12345678]"},
		{"other numbers", map[string]any{"f": 0.5, "big": 1e300, "j": json.Number("12345678901234567890")}, "map[big:1e+300 f:0.5 j:12345678901234567890]"},
		{"nested", map[string]any{"m": map[string]any{"l": []any{"a", float64(1), nil, false}}}, "map[m:map[l:[a 1 <nil> false]]]"},
		{"other types", map[string]any{"s": []string{"a", "b\n"}}, `map[s:[a b\n]]`},
		{"controls", map[string]any{"k\x1b": "v\n"}, `map[k\x1b:v\n]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := render.Map(c.in); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestSplitImage(t *testing.T) {
	for _, c := range []struct{ in, repository, tag string }{
		{"", "", ""},
		{"alpine", "alpine", ""},
		{"alpine:3.20", "alpine", "3.20"},
		{"localhost:5000/a/b", "localhost:5000/a/b", ""},
		{"localhost:5000/a/b:c", "localhost:5000/a/b", "c"},
		{"a/b:c@sha256:0123", "a/b", "c"},
		{"a/b@sha256:0123", "a/b", ""},
	} {
		if r, tag := render.SplitImage(c.in); r != c.repository || tag != c.tag {
			t.Errorf("SplitImage(%q) = %q, %q; want %q, %q", c.in, r, tag, c.repository, c.tag)
		}
	}
}

func TestFunctions(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`{{.Priority | toString | upper}}`, "NOTICE"},
		{`{{.Rule.Name | title}}`, "Terminal Shell In Container"},
		{`{{join ", " .Rule.Tags}}`, "container, shell"},
		{`{{join "|" (list 1 "a")}}`, "1|a"},
		{`{{toJson .Rule.Tags}}`, `["container","shell"]`},
		{`{{toJson "<&>"}}`, `"<&>"`},
		{`{{toPrettyJson (dict "a" 1)}}`, "{\n  \"a\": 1\n}"},
		{`{{html "<b>"}}{{urlquery "a b&c"}}{{quote "a\"b"}}{{b64enc "hi"}}`, `&lt;b&gt;a+b%26c"a\"b"aGk=`},
		{`{{terminal "a\x1bb"}}`, `a\x1bb`},
		{`{{default "none" ""}} {{default "none" "x"}} {{coalesce "" 0 "y"}} {{ternary "yes" "no" true}}`, "none x y yes"},
		{`{{trunc 3 "abcdef"}} {{truncate 3 "abcdef"}} {{trunc 1 "é"}}`, "abc abc… (3 bytes more) "},
		{`{{trim " a "}}{{trimPrefix "a" "ab"}}{{trimSuffix "b" "ab"}}{{replace "a" "b" "aa"}}`, "ababb"},
		{`{{contains "a" "bab"}}{{hasPrefix "b" "bab"}}{{hasSuffix "x" "bab"}}`, "truetruefalse"},
		{`{{index (splitList "," "a,b") 1}}{{lower "AB"}}`, "bab"},
		{`{{rfc3339 .Time}} {{date "2006" .Time}} {{unix .Time}} {{unixMs .Time}} {{unixNs .Time}}`, "2022-05-11T03:07:15.123456789Z 2022 1652238435 1652238435123 1652238435123456789"},
		{`{{shortID .Event.Container.ID}} {{map .Values}} {{value 1.0}} {{hasKey .Values "proc.name"}}`, "796130fc3acc map[proc.name:sh proc.pname:runc] 1 true"},
		{`{{(index .Values "none") | toString}}`, ""},
	} {
		t.Run(c.text, func(t *testing.T) {
			tpl, err := render.Parse("test", c.text)
			if err != nil {
				t.Fatal(err)
			}
			got, err := tpl.Execute(sinktest.Container())
			if err != nil || string(got) != c.want {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
		})
	}
}

func TestLayoutsInTemplates(t *testing.T) {
	d := sinktest.Container()
	tpl, err := render.Parse("test", "{{classic .}}--{{falco .}}")
	if err != nil {
		t.Fatal(err)
	}
	got, err := tpl.Execute(d)
	if want := string(render.Classic(d)) + "--" + strings.TrimSuffix(string(render.Falco(d)), "\n"); err != nil || string(got) != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}

// TestHermetic lists what sprig would offer and must not be here.
func TestHermetic(t *testing.T) {
	for _, name := range []string{"env", "expandenv", "getHostByName", "genPrivateKey", "randAlpha", "osBase", "readFile"} {
		if _, err := render.Parse("test", "{{"+name+"}}"); err == nil {
			t.Errorf("a template may use %s", name)
		}
	}
}

func TestOutputIsBounded(t *testing.T) {
	tpl, err := render.Parse("test", `{{range 1000000000}}0123456789012345678901234567890123456789{{end}}`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tpl.Execute(sinktest.Plain()); !errors.Is(err, render.ErrTooLong) {
		t.Errorf("Execute = %v", err)
	}
}

func TestFalcoDoesNotRepeatFields(t *testing.T) {
	d := sinktest.Container()
	d.Output = "Shell container_id=796130fc3acc"
	if got := string(render.Falco(d)); strings.Count(got, "container_id=") != 1 {
		t.Errorf("%q", got)
	}
}
