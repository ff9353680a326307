package input_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tripline/tripline/matcher/input"
	"github.com/tripline/tripline/pkg/msg"
)

// readAll reads to the end; the malformed pieces are in report.
func readAll(t testing.TB, r *input.Reader) (batches []*msg.Batch) {
	t.Helper()
	for {
		b, err := r.Read()
		if errors.Is(err, io.EOF) {
			return batches
		}
		if err != nil {
			t.Fatal(err)
		}
		batches = append(batches, b)
	}
}

func fails(t testing.TB) func(*input.Malformed) {
	return func(m *input.Malformed) { t.Errorf("malformed: %v", m) }
}

// lines shows events as people read them.
func lines(t testing.TB, batches []*msg.Batch) (out []string) {
	t.Helper()
	for _, b := range batches {
		for i := range b.Events {
			line, err := b.Record(i).JSON().MarshalJSONLine()
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, string(line))
		}
	}
	return out
}

func open(t testing.TB, name string) *os.File {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// TestTraceeFormatsAgree: what Tracee 0.7's own encoders wrote means the same
// in both formats.
func TestTraceeFormatsAgree(t *testing.T) {
	g := input.NewGob(open(t, "testdata/tracee.gob"), fails(t))
	j := input.NewJSON(open(t, "testdata/tracee.json"), fails(t))
	fromGob, fromJSON := lines(t, readAll(t, g)), lines(t, readAll(t, j))
	if diff := cmp.Diff(fromGob, fromJSON); diff != "" {
		t.Errorf("(-gob +JSON):\n%s", diff)
	}
	for name, s := range map[string]input.Stats{"gob": g.Stats(), "json": j.Stats()} {
		if s.Events != 11 || s.Malformed != 0 || len(s.Unknown)+len(s.Lost) != 0 {
			t.Errorf("%s: %+v", name, s)
		}
	}
	for i, want := range []string{
		`"name":"request","type":"long","value":"PTRACE_TRACEME","raw":0}`,
		`"name":"stdin_type","type":"umode_t","value":"020620","raw":8592}`,
		`"name":"remote_addr","type":"struct sockaddr*","value":"10.1.2.3:4444"}`,
		`"name":"bytes","type":"bytes","value":"f0VMRgIBAQA="}`,
		`"new_cred","type":"slim_cred_t","value":{"uid":0,"gid":0,"suid":0,"sgid":0,"euid":0,"egid":0,"fsuid":0,"fsgid":0,"user_ns":0,"secure_bits":0,"cap_inheritable":0,"cap_permitted":0,"cap_effective":2199023255551,`,
		`"value":"Protection changed from W+E to E!"`,
		`"name":"flags","type":"int","value":"O_WRONLY|O_LARGEFILE","raw":32769}`,
		`"name":"addr","type":"void*","value":"0x7ffff7dd1000","raw":140737351847936}`,
		`"name":"mode","type":"umode_t","value":"010644","raw":4516}`,
		`"value":"[fe80::1]:53"}`,
		`"value":"/run/x.sock"}`,
	} {
		if !strings.Contains(fromGob[i], want) {
			t.Errorf("event %d is %s\nwithout %s", i, fromGob[i], want)
		}
	}
}

// TestTraceeProcesses: the stream's own news of processes make their command
// lines and ancestors known.
func TestTraceeProcesses(t *testing.T) {
	event := func(pid, parent int, comm, name, args string) string {
		return fmt.Sprintf(`{"hostName":"h","hostProcessId":%d,"processId":%d,"hostThreadId":%d,"hostParentProcessId":%d,"processName":%q,"eventName":%q,"args":[%s]}`,
			pid, pid, pid, parent, comm, name, args)
	}
	exec := func(path, argv string) string {
		return fmt.Sprintf(`{"name":"pathname","type":"const char*","value":%q},{"name":"argv","type":"const char**","value":%s}`, path, argv)
	}
	text := strings.Join([]string{
		event(10, 1, "nginx", "sched_process_exec", exec("/usr/sbin/nginx", `["nginx","-g"]`)),
		event(11, 10, "nginx", "close", ""),
		event(11, 10, "sh", "sched_process_exec", exec("/bin/sh", `["sh","-c","id"]`)),
		event(12, 11, "id", "close", ""),
		event(11, 10, "sh", "sched_process_exit", ""),
		event(11, 1, "cron", "close", ""),
	}, "\n")
	var got []string
	for _, b := range readAll(t, input.NewJSON(strings.NewReader(text), fails(t))) {
		for i := range b.Events {
			r := b.Record(i)
			p := r.Process()
			s := fmt.Sprintf("%s %s %q <", r.Comm(), p.Exe.GetPath(), p.Args)
			for n := 1; r.Ancestor(n) != nil; n++ {
				a := r.Ancestor(n)
				s += fmt.Sprintf(" %d:%s %q", a.Pid, a.Comm, a.Args)
			}
			got = append(got, s)
		}
	}
	want := []string{
		`nginx /usr/sbin/nginx ["nginx" "-g"] < 1: []`,
		`nginx /usr/sbin/nginx ["nginx" "-g"] < 10:nginx ["nginx" "-g"] 1: []`,
		`sh /bin/sh ["sh" "-c" "id"] < 10:nginx ["nginx" "-g"] 1: []`,
		`id /bin/sh ["sh" "-c" "id"] < 11:sh ["sh" "-c" "id"] 10:nginx ["nginx" "-g"] 1: []`,
		`sh /bin/sh ["sh" "-c" "id"] < 10:nginx ["nginx" "-g"] 1: []`,
		`cron  [] < 1: []`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestTraceeSockets: a copy of a connection is told of where the stream does
// not tell of it.
func TestTraceeSockets(t *testing.T) {
	event := func(pid, ret int, name, args string) string {
		return fmt.Sprintf(`{"hostName":"h","hostProcessId":%d,"processId":%d,"hostThreadId":%d,"eventName":%q,"returnValue":%d,"args":[%s]}`, pid, pid, pid, name, ret, args)
	}
	num := func(name string, n int) string { return fmt.Sprintf(`{"name":%q,"type":"int","value":%d}`, name, n) }
	connect := event(5, 0, "security_socket_connect", num("sockfd", 3)+`,{"name":"remote_addr","type":"struct sockaddr*","value":{"sa_family":"AF_INET","sin_addr":"10.0.0.9","sin_port":"4444"}}`)
	dup2 := func(pid, ret, from, to int) string {
		return event(pid, ret, "dup2", num("oldfd", from)+","+num("newfd", to))
	}
	for _, c := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"copied", []string{connect, dup2(5, 0, 3, 0)}, "security_socket_connect dup2 socket_dup(3,0,10.0.0.9:4444)"},
		{"twice", []string{connect, event(5, 9, "dup", num("oldfd", 3)), dup2(5, 1, 9, 1)}, "security_socket_connect dup socket_dup(3,9,10.0.0.9:4444) dup2 socket_dup(9,1,10.0.0.9:4444)"},
		{"closed", []string{connect, event(5, 0, "close", num("fd", 3)), dup2(5, 0, 3, 0)}, "security_socket_connect close dup2"},
		{"another's", []string{connect, dup2(6, 0, 3, 0)}, "security_socket_connect dup2"},
		{"exited", []string{connect, event(5, 0, "sched_process_exit", ""), dup2(5, 0, 3, 0)}, "security_socket_connect sched_process_exit dup2"},
		{"failed", []string{connect, dup2(5, -9, 3, 0)}, "security_socket_connect dup2"},
		{"overwritten", []string{connect, dup2(5, 3, 7, 3), dup2(5, 0, 3, 0)}, "security_socket_connect dup2 dup2"},
		{"told", []string{connect, event(5, 0, "socket_dup", num("oldfd", 8)), dup2(5, 0, 3, 0)}, "security_socket_connect socket_dup(8,,) dup2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			seq := uint64(0)
			for _, b := range readAll(t, input.NewJSON(strings.NewReader(strings.Join(c.lines, "\n")), fails(t))) {
				for i, e := range b.Events {
					if seq++; e.Seq != seq {
						t.Errorf("sequence number %d, want %d", e.Seq, seq)
					}
					r := b.Record(i)
					s := r.Name()
					if s == "socket_dup" {
						var args []string
						for i := range r.NumArgs() {
							if v, ok := r.ArgAt(i); ok {
								args = append(args, v.Text())
							} else {
								args = append(args, "")
							}
						}
						s += "(" + strings.Join(args, ",") + ")"
					}
					got = append(got, s)
				}
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("%s, want %s", s, c.want)
			}
		})
	}
}

// TestOwnLines: the readable form of an event, read and written again, is the
// same but for what it does not tell.
func TestOwnLines(t *testing.T) {
	frozen, err := os.ReadFile("../../pkg/msg/testdata/v1/events.json")
	if err != nil {
		t.Fatal(err)
	}
	r := input.NewJSON(bytes.NewReader(frozen), fails(t))
	got := lines(t, readAll(t, r))
	var want []string
	for line := range strings.Lines(string(frozen)) {
		if strings.Contains(line, `"name":"event-`) {
			continue // of a type that the catalogue does not have
		}
		want = append(want, line)
	}
	if len(got) != len(want) || len(got) < 5 {
		t.Fatalf("%d events of %d", len(got), len(want))
	}
	for i := range want {
		var a, b msg.EventJSON
		if err := errors.Join(json.Unmarshal([]byte(want[i]), &a), json.Unmarshal([]byte(got[i]), &b)); err != nil {
			t.Fatal(err)
		}
		a.Notes = nil // follow from flags, which have no other place
		if len(b.Args) > len(a.Args) {
			b.Args = b.Args[:len(a.Args)] // the catalogue has got more since
		}
		if diff := cmp.Diff(a, b); diff != "" {
			t.Errorf("event %d (-written +read):\n%s", i, diff)
		}
	}
	if s := r.Stats(); len(s.Lost) > 0 {
		t.Errorf("%v: %v", s.Lost, s.LostExample)
	}
}

// TestMalformed: what cannot be read is named by its number, and the rest is
// read.
func TestMalformed(t *testing.T) {
	good := `{"eventName":"ptrace","hostName":"h"}`
	huge := `{"eventName":"ptrace","processName":"` + strings.Repeat("x", 3<<20) + `"}`
	text := strings.Join([]string{good, "x", "", "  \t", `{"eventName":`, "[]", "{}", `{"eventName":5}`, good + good, huge, `{"eventName":"odd"}`, "null", good}, "\r\n")
	var bad []string
	r := input.NewJSON(strings.NewReader(text), func(m *input.Malformed) { bad = append(bad, m.Error()) })
	n := 0
	for _, b := range readAll(t, r) {
		n += len(b.Events)
	}
	want := []string{"line 2: invalid character", "line 5: the JSON object does not end", "line 6: json: cannot unmarshal array", "line 7: not an event", "line 8: json: cannot unmarshal number", "line 9: more than one JSON value", "line 12: not an event"}
	if n != 3 || len(bad) != len(want) {
		t.Fatalf("%d events, malformed: %q", n, bad)
	}
	for i := range want {
		if !strings.HasPrefix(bad[i], want[i]) {
			t.Errorf("%q, want %q", bad[i], want[i])
		}
	}
	if s := r.Stats(); s.Events != 3 || s.Malformed != 7 || s.Unknown["odd"] != 1 {
		t.Errorf("%+v", s)
	}
}

// TestPauses: events come through before the input goes on.
func TestPauses(t *testing.T) {
	for _, format := range []string{"json", "gob"} {
		t.Run(format, func(t *testing.T) {
			content, err := io.ReadAll(open(t, "testdata/tracee."+format))
			if err != nil {
				t.Fatal(err)
			}
			in, out := io.Pipe()
			defer in.Close()
			first := make(chan struct{})
			go func() {
				_, _ = out.Write(content)
				<-first
				_ = out.CloseWithError(errors.New("the disk is gone"))
			}()
			var r *input.Reader
			if format == "gob" {
				r = input.NewGob(in, fails(t))
			} else {
				r = input.NewJSON(in, fails(t))
			}
			n := 0
			for n < 11 {
				b, err := r.Read()
				if err != nil {
					t.Fatal(err)
				}
				n += len(b.Events)
			}
			close(first)
			if _, err := r.Read(); err == nil || err.Error() != "the disk is gone" {
				t.Errorf("Read = %v", err)
			}
		})
	}
}

// TestHosts: a batch is of one host.
func TestHosts(t *testing.T) {
	text := `{"eventName":"ptrace","hostName":"a"}
{"eventName":"ptrace","hostName":"b"}
{"eventName":"ptrace","hostName":"b"}
{"name":"ptrace","host":"b","boot_id":"x","seq":7}`
	var got []string
	for _, b := range readAll(t, input.NewJSON(strings.NewReader(text), fails(t))) {
		got = append(got, fmt.Sprintf("%s %d %d-%d", b.Host, len(b.Events), b.FirstSeq, b.LastSeq))
	}
	if diff := cmp.Diff([]string{"a 1 1-1", "b 2 2-3", "b 1 7-7"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestBrokenGob: what came before is not lost.
func TestBrokenGob(t *testing.T) {
	content, err := io.ReadAll(open(t, "testdata/tracee.gob"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		content []byte
		events  uint64
		want    string
	}{
		"cut off":      {content[:len(content)-5], 10, "the stream ends in the middle of event 11"},
		"nothing":      {nil, 0, ""},
		"another kind": {bytes.Repeat([]byte{3, 4, 5, 6}, 1000), 0, "not a gob stream of events"},
	} {
		t.Run(name, func(t *testing.T) {
			r := input.NewGob(bytes.NewReader(c.content), func(*input.Malformed) {})
			var err error
			for err == nil {
				_, err = r.Read()
			}
			if c.want == "" && !errors.Is(err, io.EOF) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Read = %v, want %q", err, c.want)
			}
			if n := r.Stats().Events; n != c.events {
				t.Errorf("%d events, want %d", n, c.events)
			}
		})
	}
}

// FuzzJSON: no line makes the reader or a reader of its batches panic.
func FuzzJSON(f *testing.F) {
	for _, name := range []string{"testdata/tracee.json", "../../pkg/msg/testdata/v1/events.json"} {
		content, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for line := range bytes.Lines(content) {
			f.Add(line)
		}
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		batches := readAll(t, input.NewJSON(bytes.NewReader(line), func(*input.Malformed) {}))
		for _, l := range lines(t, batches) {
			again := readAll(t, input.NewJSON(strings.NewReader(l), fails(t)))
			if len(again) != 1 {
				t.Errorf("%s: not read again", l)
			}
		}
		for _, b := range batches {
			frame, err := msg.Marshal(nil, b, msg.Plain)
			if err != nil {
				t.Fatal(err)
			}
			if err := msg.Unmarshal(frame, &msg.Batch{}); err != nil {
				t.Fatal(err)
			}
		}
	})
}
