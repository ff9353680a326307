package sensor

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// TestFoldKeepsMeaning holds random batches against the only thing that
// matters: an event reads the same before and after.
func TestFoldKeepsMeaning(t *testing.T) {
	var known []string
	for e := range catalogue.All() {
		if len(e.Params) > 0 {
			known = append(known, e.Name)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		names := rapid.SliceOfN(rapid.SampledFrom(known), 0, 8)
		a, b := batchOf(t, names.Draw(rt, "a")...), batchOf(t, names.Draw(rt, "b")...)
		for _, x := range []*msg.Batch{a, b} {
			decorate(rt, x)
		}
		without := rapid.SampledFrom(append(known, "none")).Draw(rt, "without")
		var gone uint32
		if e, ok := catalogue.Lookup(without); ok {
			gone = uint32(e.ID)
		}
		want := texts(t, a)
		for i, text := range texts(t, b) {
			if b.Events[i].Type != gone || without == "none" {
				want = append(want, text)
			}
		}
		fold(a, b, func(e *msg.Event) bool { return e.Type != gone || without == "none" })
		frame, err := msg.Marshal(nil, a, msg.Plain)
		if err != nil {
			rt.Fatal(err)
		}
		got := &msg.Batch{}
		if err := msg.Unmarshal(frame, got); err != nil {
			rt.Fatalf("the folded batch is refused: %v", err)
		}
		if texts := texts(t, got); !slices.Equal(texts, want) {
			rt.Fatalf("after:\n%q\nbefore:\n%q", texts, want)
		}
	})
}

// decorate adds files, ancestors and containers, and spreads the events.
func decorate(rt *rapid.T, b *msg.Batch) {
	b.Containers = []*msg.Container{{Id: "c0"}, {Id: "c1"}}
	b.Files = []*msg.File{{Fd: 3, Path: "/f0"}, {Fd: 4, Path: "/f1"}}
	for i := range 3 {
		b.Processes = append(b.Processes, &msg.Process{
			Pid: int32(100 + i), Comm: "p", Container: uint32(i), Ancestors: []uint32{0},
			Knowledge: msg.Knowledge(rapid.IntRange(0, 1).Draw(rt, "knowledge")),
		})
	}
	for _, e := range b.Events {
		e.Process = uint32(rapid.IntRange(0, len(b.Processes)-1).Draw(rt, "process"))
		e.File = uint32(rapid.IntRange(0, len(b.Files)).Draw(rt, "file"))
		e.Dirs = rapid.SliceOfN(rapid.Uint32Range(1, uint32(len(b.Files))), 0, 2).Draw(rt, "dirs")
		if len(e.Args) > 0 && rapid.Bool().Draw(rt, "absent") {
			e.Absent, e.Args[0] = 1, 0
		}
	}
}

func TestFoldKeepsKnownProcesses(t *testing.T) {
	src := batchOf(t, "openat")
	src.Processes = append(src.Processes,
		&msg.Process{Pid: 8, Knowledge: msg.Knowledge_KNOWLEDGE_KERNEL}, &msg.Process{Pid: 9})
	dst := &msg.Batch{}
	fold(dst, src, func(*msg.Event) bool { return false })
	if len(dst.Events) != 0 || len(dst.Processes) != 1 || dst.Processes[0].Pid != 8 {
		t.Errorf("kept %d events, processes %v; want the one that is known", len(dst.Events), dst.Processes)
	}
}

func TestFoldOfBrokenIndices(t *testing.T) {
	src := batchOf(t, "openat")
	e := src.Events[0]
	e.Comm, e.File, e.Process, e.Dirs = 99, 99, 99, []uint32{0, 99}
	path := catalogue.ByID(catalogue.ID(e.Type)).Param("pathname")
	e.Args[path] = 99
	dst := batchOf(t, "ptrace")
	fold(dst, src, func(*msg.Event) bool { return true })
	r := dst.Record(1)
	if _, ok := r.Arg("pathname"); ok || r.Comm() != "" || r.File() != nil || r.Process().Pid != 0 || len(r.Event.Dirs) != 0 {
		t.Errorf("an index that points nowhere points somewhere now: %s", texts(t, dst)[1])
	}
}
