package detect_test

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/matcher/golang"
	"github.com/tripline/tripline/pkg/detect"
	"github.com/tripline/tripline/pkg/detect/testdata/counter"
	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// TestTraceeSignature compiles a signature written for Tracee and runs it.
func TestTraceeSignature(t *testing.T) {
	langs := []matcher.Language{golang.New([]func() detect.Signature{func() detect.Signature { return counter.New(2) }}, nil)}
	rs, err := matcher.Load(matcher.DefaultConfig(), langs, nil)
	if err != nil || len(rs.Problems) > 0 {
		t.Fatal(err, rs.Problems)
	}
	all := 0
	for range catalogue.All() {
		all++
	}
	if n := len(rs.Events()); n != all {
		t.Errorf("it wants %d events, the catalogue has %d", n, all)
	}
	e, err := matcher.NewEvaluator(rs, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	execve, ok := catalogue.Lookup("execve")
	if !ok || execve.Params[0].Name != "pathname" {
		t.Fatalf("execve is %+v: the signature looks at its first argument", execve)
	}
	var b msg.Builder
	b.Batch().Host = "h"
	b.Process(&msg.Process{Pid: 1})
	comm := uint32(b.String("sh"))
	for i, path := range []string{"yoyo", "/bin/ls", "yolo", "yo", "yo-yo"} {
		ev := &msg.Event{Seq: uint64(i), Type: uint32(execve.ID), Comm: comm, Args: make([]int64, len(execve.Params))}
		ev.Args[0] = b.String(path)
		ev.Absent = ^uint64(1)
		b.Event(ev)
	}
	var got []string
	note := func(d *msg.Detection) {
		got = append(got, fmt.Sprintf("%q %s %s %d %v", d.Rule.ID, d.Output, d.Event.Name, d.Event.Seq, d.Data))
	}
	e.Batch(b.Take(), note)
	e.End("h", note)
	want := []string{
		`"" count to 2 execve 2 map[count:2 severity:HIGH]`,
		`"" count to 2 execve 4 map[count:2 severity:HIGH]`,
		`"" count to 2 source_complete 0 map[message:done]`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
