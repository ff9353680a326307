package expr_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/matcher/expr"
	"github.com/tripline/tripline/pkg/msg"
)

// ours reads the rules that come with Tripline.
func ours(t *testing.T) []matcher.File {
	t.Helper()
	paths, err := filepath.Glob("../../rules/expr/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no rules: %v", err)
	}
	lang := expr.New(expr.DefaultConfig(), slog.New(slog.DiscardHandler))
	var out []matcher.File
	for _, p := range paths {
		if !lang.Owns(p) {
			continue
		}
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, matcher.File{Path: p, Content: b})
	}
	return out
}

// execInContainer is a shell with a terminal that docker started.
func execInContainer() msg.Record {
	var b msg.Builder
	b.Batch().Host = "host-1"
	b.Batch().BootTime = 1_700_000_000_000_000_000
	c := b.Container(&msg.Container{
		Id: "0123456789abcdef0123456789abcdef", Runtime: "docker", Name: "web",
		Image:        &msg.Image{Name: "shop/web:1.2", Repository: "shop/web", Tag: "1.2"},
		Completeness: msg.Completeness_COMPLETENESS_COMPLETE,
	})
	parent := b.Process(&msg.Process{Pid: 90, Comm: "containerd-shim"})
	p := b.Process(&msg.Process{
		Pid: 100, Ppid: 90, NsPid: 7, Comm: "sh", Args: []string{"sh", "-i"}, Tty: 136 << 8,
		Exe: &msg.Executable{Path: "/bin/sh"}, Cred: &msg.Credentials{}, LoginUid: 4294967295,
		Container: c, Ancestors: []uint32{parent},
	})
	b.Event(&msg.Event{Seq: 5, Time: 1_700_000_100_000_000_000, Type: 1001, Process: p, Tid: 100})
	return b.Take().Record(0)
}

func TestTerminalShell(t *testing.T) {
	lang := expr.New(expr.DefaultConfig(), slog.New(slog.DiscardHandler))
	prog, problems := lang.Load(ours(t))
	for _, p := range problems {
		if !p.Warning {
			t.Errorf("problem: %v", p.Error())
		}
	}
	w, err := prog.NewWorker()
	if err != nil {
		t.Fatal(err)
	}
	at := -1
	for i, r := range prog.Rules() {
		if r.Info.Name == "Terminal shell in container" {
			at = i
		}
	}
	if at < 0 {
		t.Fatal("the rule is not there")
	}
	var got []matcher.Finding
	ev := &matcher.Event{Record: execInContainer(), Origin: matcher.ContainerOrigin, Serial: 1}
	if err := w.Match(at, ev, func(f matcher.Finding) { got = append(got, f) }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 {
		t.Fatalf("got %d findings, want 1", len(got))
	}
	for _, want := range []string{"container=0123456789ab ", "name=web ", "image=shop/web:1.2", "terminal=34816", "container_image_repository=shop/web"} {
		if !strings.Contains(got[0].Output, want) {
			t.Errorf("output %q lacks %q", got[0].Output, want)
		}
	}
	for name, want := range map[string]any{"proc.tty": uint64(34816), "proc.vpid": int64(7), "user.name": "root"} {
		if got := got[0].Values[name]; got != want {
			t.Errorf("value of %s is %v, want %v", name, got, want)
		}
	}
}
