package msg_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/s2"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/tripline/tripline/pkg/msg"
)

func TestRoundTrip(t *testing.T) {
	for _, b := range []struct {
		name  string
		batch *msg.Batch
	}{{"sample", sample(t)}, {"typical", typical(t)}, {"empty", &msg.Batch{}}} {
		for _, c := range []struct {
			name string
			how  msg.Compression
		}{{"plain", msg.Plain}, {"s2", msg.S2}} {
			t.Run(b.name+"/"+c.name, func(t *testing.T) {
				for _, dst := range [][]byte{nil, []byte("before"), make([]byte, 6, 1<<16)} {
					frame, err := msg.Marshal(slices.Clone(dst), b.batch, c.how)
					if err != nil {
						t.Fatal(err)
					}
					if !bytes.HasPrefix(frame, dst) {
						t.Fatalf("what was in dst is gone: %q", frame[:len(dst)])
					}
					var got msg.Batch
					if err := msg.Unmarshal(frame[len(dst):], &got); err != nil {
						t.Fatal(err)
					}
					if !proto.Equal(&got, b.batch) {
						t.Fatalf("got %v\nwant %v", &got, b.batch)
					}
				}
			})
		}
	}
}

func TestCompressionPays(t *testing.T) {
	plain, err := msg.Marshal(nil, typical(t), msg.Plain)
	if err != nil {
		t.Fatal(err)
	}
	small, err := msg.Marshal(nil, typical(t), msg.S2)
	if err != nil {
		t.Fatal(err)
	}
	if len(small) >= len(plain) {
		t.Errorf("%d bytes compressed, %d plain", len(small), len(plain))
	}
}

// TestReuse: the next frame in the same batch leaves no trace of the one
// before, and strings that were kept stay what they were.
func TestReuse(t *testing.T) {
	first, err := msg.Marshal(nil, sample(t), msg.Plain)
	if err != nil {
		t.Fatal(err)
	}
	want := &msg.Batch{Host: "b", Strings: []string{"x"}, Processes: []*msg.Process{{Pid: 2}}, Events: []*msg.Event{{Seq: 1}}}
	second, err := msg.Marshal(nil, want, msg.Plain)
	if err != nil {
		t.Fatal(err)
	}
	var b msg.Batch
	if err := msg.Unmarshal(first, &b); err != nil {
		t.Fatal(err)
	}
	path, comm, args := b.Processes[1].Exe.Path, b.Strings[0], b.Processes[1].Args
	if err := msg.Unmarshal(second, &b); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(&b, want) {
		t.Errorf("the batch is %v\nwant %v", &b, want)
	}
	if path != "/bin/busybox" || comm != "sh" || args[1] != "-c" {
		t.Errorf("kept strings became %q, %q, %q", path, comm, args)
	}
	// And back, into entries that were used and emptied.
	if err := msg.Unmarshal(first, &b); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(&b, sample(t)) {
		t.Errorf("the batch is %v", &b)
	}
}

func TestTooLarge(t *testing.T) {
	b := &msg.Batch{Strings: []string{strings.Repeat("x", 16<<20)}}
	for _, c := range []msg.Compression{msg.Plain, msg.S2} {
		out, err := msg.Marshal([]byte("before"), b, c)
		if err == nil || string(out) != "before" {
			t.Errorf("%d bytes, error %v", len(out), err)
		}
	}
}

func TestUnknownFields(t *testing.T) {
	frame, err := msg.Marshal(nil, sample(t), msg.Plain)
	if err != nil {
		t.Fatal(err)
	}
	frame = protowire.AppendTag(frame, 999, protowire.BytesType)
	frame = protowire.AppendBytes(frame, []byte("of a newer program"))
	event := protowire.AppendTag(nil, 99, protowire.VarintType)
	event = protowire.AppendVarint(event, 1)
	frame = protowire.AppendTag(frame, 20, protowire.BytesType)
	frame = protowire.AppendBytes(frame, event)
	var b msg.Batch
	if err := msg.Unmarshal(frame, &b); err != nil {
		t.Fatal(err)
	}
	if got, want := len(b.Events), len(sample(t).Events)+1; got != want {
		t.Errorf("%d events, not %d", got, want)
	}
}

func TestMalformed(t *testing.T) {
	marshal := func(b *msg.Batch) []byte {
		frame, err := msg.Marshal(nil, b, msg.Plain)
		if err != nil {
			t.Fatal(err)
		}
		return frame
	}
	good := marshal(sample(t))
	edit := func(at int, to byte) []byte {
		f := slices.Clone(good)
		f[at] = to
		return f
	}
	base := func(change func(b *msg.Batch)) []byte {
		b := &msg.Batch{
			Strings: []string{"sh"}, Processes: []*msg.Process{{Pid: 1}, {Pid: 2}},
			Containers: []*msg.Container{{Id: "c"}}, Files: []*msg.File{{Fd: 1}}, Events: []*msg.Event{{Seq: 1}},
		}
		change(b)
		return marshal(b)
	}
	huge := append([]byte{'T', 'L', 1, 1}, 0x80, 0x80, 0x80, 0x10) // claims 32 MiB
	for _, c := range []struct {
		name  string
		frame []byte
		want  string
	}{
		{"empty", nil, "no frame header"},
		{"short", good[:3], "no frame header"},
		{"not a frame", []byte("{\"json\":1}"), "no frame header"},
		{"magic", edit(1, 'X'), "no frame header"},
		{"version 0", edit(2, 0), "frame version 0, this program reads 1"},
		{"version 2", edit(2, 2), "frame version 2, this program reads 1"},
		{"flags", edit(3, 2), "unknown frame flags 0x2"},
		{"s2 of plain", edit(3, 1), ""},
		{"s2 too large", huge, "the limit is"},
		{"s2 without end", append([]byte{'T', 'L', 1, 1}, s2.Encode(nil, good[4:])[:40]...), ""},
		{"s2 nothing", []byte{'T', 'L', 1, 1}, ""},
		{"cut", good[:len(good)-1], ""},
		{"plain too large", append(slices.Clone(good), make([]byte, 16<<20)...), "the limit is"},
		{"process", base(func(b *msg.Batch) { b.Events[0].Process = 2 }), "event 0 names process 2 of 2"},
		{"process, top bit", base(func(b *msg.Batch) { b.Events[0].Process = 1<<32 - 1 }), "names process 4294967295"},
		{"no process", base(func(b *msg.Batch) { b.Processes = nil }), "event 0 names process 0 of 0"},
		{"comm", base(func(b *msg.Batch) { b.Events[0].Comm = 1 }), "event 0 names string 1 of 1"},
		{"file", base(func(b *msg.Batch) { b.Events[0].File = 2 }), "event 0 names file 2 of 1"},
		{"container", base(func(b *msg.Batch) { b.Processes[1].Container = 2 }), "process 1 names container 2 of 1"},
		{"ancestor", base(func(b *msg.Batch) { b.Processes[0].Ancestors = []uint32{1, 2} }), "process 0 names ancestor 2 of 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := msg.Unmarshal(c.frame, &msg.Batch{})
			if !errors.Is(err, msg.ErrMalformed) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, expected one that is malformed with %q", err, c.want)
			}
		})
	}
	// The same with indexes that are just right.
	for name, frame := range map[string][]byte{
		"process":   base(func(b *msg.Batch) { b.Events[0].Process = 1 }),
		"file":      base(func(b *msg.Batch) { b.Events[0].File = 1 }),
		"container": base(func(b *msg.Batch) { b.Processes[1].Container = 1 }),
		"ancestor":  base(func(b *msg.Batch) { b.Processes[0].Ancestors = []uint32{1} }),
	} {
		if err := msg.Unmarshal(frame, &msg.Batch{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzUnmarshal: no frame makes the decoder or a reader of what it accepted
// panic, and what was accepted can be written and read again.
func FuzzUnmarshal(f *testing.F) {
	for _, c := range []msg.Compression{msg.Plain, msg.S2} {
		for _, b := range []*msg.Batch{sample(f), {}} {
			frame, err := msg.Marshal(nil, b, c)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(frame)
		}
	}
	f.Add([]byte("TL\x01\x00"))
	f.Add([]byte("TL\x01\x01\x00"))
	f.Fuzz(func(t *testing.T, frame []byte) {
		var b msg.Batch
		if err := msg.Unmarshal(frame, &b); err != nil {
			if !errors.Is(err, msg.ErrMalformed) {
				t.Fatalf("error is %v", err)
			}
			return
		}
		read(t, &b)
		again, err := msg.Marshal(nil, &b, msg.Plain)
		if err != nil {
			t.Fatal(err)
		}
		if err := msg.Unmarshal(again, &msg.Batch{}); err != nil {
			t.Fatalf("written and read again: %v", err)
		}
	})
}
