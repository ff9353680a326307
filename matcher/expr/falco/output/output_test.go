package output_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/tripline/tripline/matcher/expr/falco/ast"
	"github.com/tripline/tripline/matcher/expr/falco/fields"
	"github.com/tripline/tripline/matcher/expr/falco/output"
	"github.com/tripline/tripline/pkg/msg"
)

// shell is an event of a shell whose arguments try to break the line.
func shell() *fields.Event {
	var b msg.Builder
	sshd := b.Process(&msg.Process{Pid: 10, Comm: "sshd"})
	bash := b.Process(&msg.Process{Pid: 20, Comm: "bash", Ancestors: []uint32{sshd}})
	p := b.Process(&msg.Process{
		Pid: 30, Comm: "sh", Args: []string{"sh", "-c", "x\n\x1b[31m\u202e\xff"}, Ancestors: []uint32{bash, sshd},
	})
	b.Event(&msg.Event{Seq: 1, Time: 1_700_000_000_123_456_789, Type: 1001, Process: p})
	e := fields.NewEvent()
	e.Set(b.Take().Record(0))
	return e
}

func TestRender(t *testing.T) {
	for _, c := range []struct{ format, want string }{
		{"plain", "plain"},
		{"*star", "star"},
		{"%proc.name", "sh"},
		{"a %proc.name, b", "a sh, b"},
		{"%proc.name.", "sh."},
		{"%proc.nameand", "shand"},
		{"%proc.aname[1]x", "bashx"},
		{"%proc.aname", "bash sshd"},
		{"%proc.apid", "30"},
		{"%proc.aname[9]", "<NA>"},
		{"%5proc.name|", "sh   |"},
		{"%1proc.name|", "s|"},
		{"%toupper(proc.name)", "SH"},
		{"%toupper(proc.name)[0]", "SH[0]"},
		{`%concat(proc.name, "-", proc.pid)`, ""},
		{`%join("-", (proc.name, proc.pid))`, "sh-30"},
		{"%evt.is_open_read", "false"},
		{"%evt.rawtime.ns", "123456789"},
		{"%evt.arg.pathname", "<NA>"},
		{"%fd.name", "<NA>"},
		{"%fd.ip", "<NA>"},
		{"%proc.name[1]", "sh[1]"},
		{"%proc.name[", "sh["},
		{"%container.id", "host"},
		{"%proc.cmdline", `sh -c x\n\u001b[31m\u202e` + "\uFFFD"},
	} {
		f, err := output.Compile(ast.Plain(c.format), fields.NewTable(nil))
		if c.want == "" {
			if err == nil {
				t.Errorf("%s: accepted", c.format)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.format, err)
			continue
		}
		if got := f.Bind(shell()).String(); got != c.want {
			t.Errorf("%s: got %q, want %q", c.format, got, c.want)
		}
	}
}

func TestValues(t *testing.T) {
	f, err := output.Compile(ast.Plain("%proc.pid %toupper(proc.name) %fd.name %proc.is_exe_writable"), fields.NewTable(nil))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"proc.pid": int64(30), "proc.name": "sh", "toupper(proc.name)": "SH", "fd.name": nil, "proc.is_exe_writable": false,
	}
	if got := f.Bind(shell()).Values(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		format string
		at     int
		want   string
	}{
		{"100% sure", 3, "no field after this %"},
		{"end %", 4, "no field after this %"},
		{"x %no.such", 3, "there is no field no.such"},
		{"x %evt.arg y", 3, "needs an argument"},
		{"x %toupper(proc.name", 20, "expected ')'"},
		{"x %val(proc.name)", 3, "expected a field"},
		{"x %toupper(proc.pid)", 11, "does not work"},
	} {
		_, err := output.Compile(ast.Plain(c.format), fields.NewTable(nil))
		var e *ast.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: accepted", c.format)
			continue
		}
		if at := e.At.Place().Column - 1; at != c.at || !strings.Contains(e.Msg, c.want) {
			t.Errorf("%s: got %d: %s, want %d: …%s…", c.format, at, e.Msg, c.at, c.want)
		}
	}
}

// FuzzCompile: no format makes it panic.
func FuzzCompile(f *testing.F) {
	f.Add("a %proc.name%10fd.name %join(\"x\",(proc.pid)) %")
	table := fields.NewTable(nil)
	f.Fuzz(func(t *testing.T, s string) {
		format, err := output.Compile(ast.Plain(s), table)
		if err == nil {
			_ = format.Bind(shell()).String()
		}
	})
}
