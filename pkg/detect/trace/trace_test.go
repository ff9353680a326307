package trace_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tripline/tripline/pkg/detect/trace"
)

// TestJSON reads an event as Tracee 0.7 writes it and writes it again.
func TestJSON(t *testing.T) {
	text := `{"timestamp":1652238435123456789,"processorId":1,"processId":7,"threadId":7,"parentProcessId":1,` +
		`"hostProcessId":4001,"hostThreadId":4001,"hostParentProcessId":3900,"userId":0,"mountNamespace":4026531840,` +
		`"pidNamespace":4026531836,"processName":"strace","hostName":"box","containerId":"c0ffee","eventId":"101",` +
		`"eventName":"ptrace","argsNum":2,"returnValue":-1,"stackAddresses":null,"args":[` +
		`{"name":"request","type":"string","value":"PTRACE_TRACEME"},{"name":"pid","type":"pid_t","value":-3}]}`
	var e trace.Event
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		t.Fatal(err)
	}
	if e.EventID != 101 || e.Args[1].Value != int32(-3) || e.Origin() != trace.ContainerOrigin {
		t.Errorf("%+v", e)
	}
	again, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(text, string(again)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestArgumentTypes(t *testing.T) {
	for _, c := range []struct {
		ctype, value string
		want         any
	}{
		{"int", `-1`, int32(-1)},
		{"pid_t", `2147483647`, int32(2147483647)},
		{"unsigned int", `4294967295`, uint32(4294967295)},
		{"umode_t", `65535`, uint16(65535)},
		{"long", `-9223372036854775808`, int64(-9223372036854775808)},
		{"unsigned long", `18446744073709551615`, uint64(18446744073709551615)},
		{"float64", `1.5`, 1.5},
		{"bool", `true`, true},
		{"string", `"O_RDONLY"`, "O_RDONLY"},
		{"void*", `"0x7f"`, "0x7f"},
		{"bytes", `"f0VMRg=="`, []byte("\x7fELF")},
		{"const char*const*", `["a",1]`, []string{"a", "1"}},
		{"const char**", `[]`, []string{}},
		{"int[2]", `[3,4]`, [2]int32{3, 4}},
		{"struct sockaddr*", `{"sa_family":"AF_INET","sin_port":"80"}`, map[string]string{"sa_family": "AF_INET", "sin_port": "80"}},
		{"slim_cred_t", `{"Uid":1,"CapAmbient":2}`, trace.SlimCred{Uid: 1, CapAmbient: 2}},
		{"const char*", `null`, nil},
		{"u32", `"Protection changed to Executable!"`, "Protection changed to Executable!"},
	} {
		t.Run(c.ctype, func(t *testing.T) {
			var a trace.Argument
			if err := json.Unmarshal([]byte(`{"name":"x","type":"`+c.ctype+`","value":`+c.value+`}`), &a); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, a.Value); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for _, bad := range []string{
		`{"name":"x","type":"int","value":2147483648}`, `{"name":"x","type":"odd_t","value":1}`, `{"name":"x","type":"int","value":1.5}`,
		`{"name":"x","type":"struct sockaddr*","value":{"a":1}}`, `{"name":"x","type":"bytes","value":"*"}`, `{"name":1}`,
	} {
		var a trace.Argument
		if err := json.Unmarshal([]byte(bad), &a); err == nil {
			t.Errorf("%s: read as %v, want an error", bad, a.Value)
		}
	}
}

// TestGob passes an event through a stream as Tracee writes it.
func TestGob(t *testing.T) {
	trace.RegisterGob()
	want := trace.Event{EventName: "x", Args: []trace.Argument{
		{ArgMeta: trace.ArgMeta{Name: "a"}, Value: map[string]string{"sa_family": "AF_INET"}},
		{ArgMeta: trace.ArgMeta{Name: "c"}, Value: trace.SlimCred{Uid: 1}},
		{ArgMeta: trace.ArgMeta{Name: "p"}, Value: trace.PktMeta{DstPort: 53}},
		{ArgMeta: trace.ArgMeta{Name: "i"}, Value: int32(1)},
		{ArgMeta: trace.ArgMeta{Name: "l"}, Value: []string{"x"}},
	}}
	var buf bytes.Buffer
	if err := gob.NewEncoder(&buf).Encode(want); err != nil {
		t.Fatal(err)
	}
	var got trace.Event
	if err := gob.NewDecoder(&buf).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
