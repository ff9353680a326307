package msg_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/tripline/tripline/pkg/msg"
)

// hostile is text as an attacker would choose it.
func hostile() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.String(),
		rapid.StringOf(rapid.RuneFrom([]rune{0, '\n', '\r', '\t', 0x1b, 0x7f, 0x85, 0x9b, 0x2028, 0x202e, 0xfeff, '"', '\\', '<', '&'})),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
	)
}

// TestHostileText: whatever a traced process calls itself, the event is one
// line of valid JSON from which the text can be read back.
func TestHostileText(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := sample(t)
		text := hostile().Draw(rt, "text")
		p := b.Processes[1]
		p.Comm, p.Cwd, p.Args, p.Exe.Path, p.User = text, text, []string{text}, text, text
		b.Strings[b.Events[0].Comm], b.Strings[b.Events[0].Args[1]] = text, text
		b.Containers[0].Name, b.Containers[0].Labels = text, map[string]string{text: text}
		b.Files[0].Path = text
		line, err := b.Record(0).JSON().MarshalJSONLine()
		if err != nil {
			rt.Fatal(err)
		}
		if !utf8.Valid(line) {
			rt.Fatalf("not UTF-8: %q", line)
		}
		for i, c := range line {
			if c < 0x20 {
				rt.Fatalf("control character %#x at %d of %q", c, i, line)
			}
		}
		var back msg.EventJSON
		if err := json.Unmarshal(line, &back); err != nil {
			rt.Fatal(err)
		}
		want := strings.ToValidUTF8(strings.Map(func(r rune) rune { return r }, text), "\ufffd")
		for where, got := range map[string]string{
			"comm": back.Comm, "process": back.Process.Comm, "cwd": back.Process.CWD, "args": back.Process.Args[0],
			"exe": back.Process.Exe, "container": back.Container.Name, "file": back.File.Path, "pathname": back.Args[1].Value.(string),
		} {
			if got != want {
				rt.Fatalf("%s is %q, not %q", where, got, want)
			}
		}
	})
}

func TestReadableCommands(t *testing.T) {
	b := sample(t)
	b.Processes[1].Args = []string{"sh", "-c", "a && b <c >d\x1b]0;title\x07"}
	line, err := b.Record(0).JSON().MarshalJSONLine()
	if err != nil {
		t.Fatal(err)
	}
	if want := `"a && b <c >d\u001b]0;title\u0007"`; !strings.Contains(string(line), want) {
		t.Errorf("%s has no %s", line, want)
	}
}

// TestAbsent: what could not be had is null, not a guess.
func TestAbsent(t *testing.T) {
	b := sample(t)
	for _, c := range []struct {
		event, arg int
		want       string
	}{
		{1, 0, `{"name":"dirfd","type":"int","value":null}`},
		{12, 1, `{"name":"addr","type":"struct sockaddr*","value":null}`},
		{4, 9, `{"name":"env","type":"const char**","value":[]}`},
		{5, 1, `{"name":"bytes","type":"bytes","value":"f0VMRgI="}`},
		{2, 0, `{"name":"request","type":"long","value":"PTRACE_TRACEME","raw":0}`},
		{10, 1, `{"name":"process_group_exit","type":"bool","value":true}`},
	} {
		got, err := json.Marshal(b.Record(c.event).JSON().Args[c.arg])
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != c.want {
			t.Errorf("event %d is %s, not %s", c.event, got, c.want)
		}
	}
	failed := b.Record(1).JSON()
	if failed.Return != -2 || failed.Error != "ENOENT" {
		t.Errorf("returns %d, %q", failed.Return, failed.Error)
	}
	newer := b.Record(11).JSON()
	if newer.Name != "event-990" || len(newer.Args) != 0 {
		t.Errorf("an unknown event is %s with %v", newer.Name, newer.Args)
	}
}
