package msg_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/tripline/tripline/pkg/msg"
)

var update = flag.Bool("update", false, "write the files of testdata/v1 that do not exist; those that do are never changed")

// golden returns a file of testdata/v1, written from make if it is new.
func golden(t *testing.T, name string, make func() []byte) []byte {
	t.Helper()
	path := filepath.Join("testdata", "v1", name)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && *update {
		text = make()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		err = os.WriteFile(path, text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestFrozenBatch: what version 1 wrote is read as the same values, for ever.
func TestFrozenBatch(t *testing.T) {
	encode := func(c msg.Compression) func() []byte {
		return func() []byte {
			frame, err := msg.Marshal(nil, sample(t), c)
			if err != nil {
				t.Fatal(err)
			}
			return frame
		}
	}
	for _, c := range []struct {
		file string
		how  msg.Compression
	}{{"batch.bin", msg.Plain}, {"batch.s2.bin", msg.S2}} {
		t.Run(c.file, func(t *testing.T) {
			frame := golden(t, c.file, encode(c.how))
			var b msg.Batch
			if err := msg.Unmarshal(frame, &b); err != nil {
				t.Fatal(err)
			}
			if !proto.Equal(&b, sample(t)) {
				t.Errorf("the frozen batch is read as %v\nwant %v", &b, sample(t))
			}
			got := eventLines(t, &b)
			want := golden(t, "events.json", func() []byte { return got })
			lines, frozen := bytes.Split(got, []byte("\n")), bytes.Split(want, []byte("\n"))
			for i := range min(len(lines), len(frozen)) {
				if len(frozen[i]) > 0 {
					holds(t, frozen[i], lines[i])
				}
			}
			if len(lines) != len(frozen) {
				t.Errorf("%d events are shown, not %d", len(lines), len(frozen))
			}
		})
	}
	// And version 1 is still what is written, byte for byte.
	if got, want := encode(msg.Plain)(), golden(t, "batch.bin", encode(msg.Plain)); !bytes.Equal(got, want) {
		t.Errorf("the batch is written as\n%q\nnot as\n%q", got, want)
	}
}

// eventLines shows every event of the batch, one a line.
func eventLines(t *testing.T, b *msg.Batch) []byte {
	t.Helper()
	var out bytes.Buffer
	for i := range b.Events {
		line, err := b.Record(i).JSON().MarshalJSONLine()
		if err != nil {
			t.Fatal(err)
		}
		out.Write(line)
		out.WriteByte('\n')
	}
	return out.Bytes()
}

// holds fails unless got has every field of want with the same value; fields
// may have been added since.
func holds(t *testing.T, want, got []byte) {
	t.Helper()
	var w, g any
	for text, v := range map[*[]byte]*any{&want: &w, &got: &g} {
		d := json.NewDecoder(bytes.NewReader(*text))
		d.UseNumber()
		if err := d.Decode(v); err != nil {
			t.Fatalf("%v in %s", err, *text)
		}
	}
	var walk func(path string, w, g any)
	walk = func(path string, w, g any) {
		switch w := w.(type) {
		case map[string]any:
			g, ok := g.(map[string]any)
			for name, x := range w {
				if _, has := g[name]; !ok || !has {
					t.Errorf("%s.%s is gone", path, name)
					continue
				}
				walk(path+"."+name, x, g[name])
			}
		case []any:
			g, ok := g.([]any)
			if !ok || len(g) != len(w) {
				t.Errorf("%s is %v, not %v", path, g, w)
				return
			}
			for i := range w {
				walk(path+"["+strconv.Itoa(i)+"]", w[i], g[i])
			}
		default:
			if w != g {
				t.Errorf("%s is %#v, not %#v", path, g, w)
			}
		}
	}
	walk("", w, g)
}

// TestFrozenJSON holds the names and forms of the JSON messages: each is
// written as the file has it, and the file is read without loss.
func TestFrozenJSON(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 30, 0, 123456789, time.UTC)
	b := sample(t)
	detection := &msg.Detection{
		ID: msg.DetectionID("TRC-2", b.Record(2), 0), Time: at, Host: b.Host, Priority: msg.Error, Severity: 3,
		Rule: msg.RuleInfo{
			ID: "TRC-2", Name: "Anti-Debugging", Language: "rego", Version: "1.0.0", Description: "A process asks to be traced.",
			Tags: []string{"linux", "container"}, MITRE: "Defense Evasion: Execution Guardrails",
			Properties: map[string]any{"Severity": float64(3)},
		},
		Output: "Anti-Debugging (command=sh)", Data: map[string]any{"request": "PTRACE_TRACEME"},
		Event: b.Record(2).JSON(), Values: map[string]any{"proc.name": "sh", "evt.num": float64(43)}, Detected: at.Add(time.Millisecond),
	}
	for _, c := range []struct {
		file  string
		value any
	}{
		{"detection.json", detection},
		{"dead-letter.json", &msg.DeadLetter{Sink: "webhook", Reason: "refused", Error: "404 Not Found", Attempts: 5, Time: at, Detection: detection}},
		{"demand.json", &msg.Demand{Who: "matcher web-1", Events: []msg.EventDemand{
			{Name: "ptrace", Args: []msg.ArgDemand{{Name: "request", Op: "=", Values: []string{"PTRACE_TRACEME"}}}},
			{Name: "security_file_open", Args: []msg.ArgDemand{{Name: "pathname", Op: "prefix", Values: []string{"/etc/", "/root/"}}}},
			{Name: "execve"},
		}}},
		{"heartbeat.json", &msg.Heartbeat{
			Stage: "sensor", Instance: "web-1-4711", Host: "web-1", PID: 4711, Version: "v0.1.0", Started: at, Time: at.Add(time.Hour),
			Ready: true, Counters: map[string]uint64{"events": 18446744073709551615, "lost": 0}, Detail: map[string]any{"events": []any{"ptrace"}},
		}},
	} {
		t.Run(c.file, func(t *testing.T) {
			got, err := json.MarshalIndent(c.value, "", "\t")
			if err != nil {
				t.Fatal(err)
			}
			want := golden(t, c.file, func() []byte { return append(got, '\n') })
			holds(t, want, got)
			back := reflect.New(reflect.TypeOf(c.value).Elem()).Interface()
			if err := json.Unmarshal(want, back); err != nil {
				t.Fatal(err)
			}
			again, err := json.Marshal(back)
			if err != nil {
				t.Fatal(err)
			}
			holds(t, want, again)
		})
	}
}

// TestFrozenAmendment: likewise a batch that says more of a container, with
// what version 1 learnt to say after batch.bin was frozen.
func TestFrozenAmendment(t *testing.T) {
	want := &msg.Batch{
		Host: "web-1.example", BootId: "0b0e4d1c-7c1f-4c8e-9d0e-6a3f0f1e2d3c", Source: "enricher", Partition: 7,
		Amendments: []*msg.Amendment{{
			Time: 1_700_000_000_000_000_000,
			Container: &msg.Container{
				Id: "6f1c0c0f3a52", Runtime: "containerd", Completeness: msg.Completeness_COMPLETENESS_COMPLETE,
				Pod: &msg.Pod{Name: "shop-0", CniJson: `{"ips":[]}`},
				HealthChecks: []*msg.HealthCheck{
					{Args: []string{"/bin/true"}},
					{Kind: msg.HealthCheckKind_HEALTH_CHECK_KIND_STARTUP, Args: []string{"/bin/ready", "-q"}},
				},
			},
		}},
	}
	encode := func() []byte {
		frame, err := msg.Marshal(nil, want, msg.Plain)
		if err != nil {
			t.Fatal(err)
		}
		return frame
	}
	frozen := golden(t, "amendment.bin", encode)
	var b msg.Batch
	if err := msg.Unmarshal(frozen, &b); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(&b, want) {
		t.Errorf("the frozen batch is read as %v\nwant %v", &b, want)
	}
	if got := encode(); !bytes.Equal(got, frozen) {
		t.Errorf("the batch is written as\n%q\nnot as\n%q", got, frozen)
	}
}
