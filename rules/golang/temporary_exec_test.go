package golang_test

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/tripline/tripline/pkg/detect"
	"github.com/tripline/tripline/pkg/detect/protocol"
	"github.com/tripline/tripline/pkg/detect/trace"
	rules "github.com/tripline/tripline/rules/golang"
)

const second = int(1e9)

// ran is an execution at a time, in s.
type ran struct {
	at              int
	container, path string
}

func (r ran) event() protocol.Event {
	return trace.Event{
		Timestamp: r.at * second, HostName: "h", ContainerID: r.container, EventName: "sched_process_exec", ArgsNum: 1,
		Args: []trace.Argument{{ArgMeta: trace.ArgMeta{Name: "pathname", Type: "const char*"}, Value: r.path}},
	}.ToProtocol()
}

func TestTemporaryExec(t *testing.T) {
	for _, c := range []struct {
		name string
		runs []ran
		want []string // files of each finding
	}{
		{"three files", []ran{{0, "", "/tmp/a"}, {1, "", "/var/tmp/b"}, {2, "", "/dev/shm/c"}}, []string{"[/tmp/a /var/tmp/b /dev/shm/c]"}},
		{"two files", []ran{{0, "", "/tmp/a"}, {1, "", "/tmp/b"}}, nil},
		{"one file, often", []ran{{0, "", "/tmp/a"}, {1, "", "/tmp/a"}, {2, "", "/tmp/a"}, {3, "", "/tmp/a"}}, nil},
		{"files of the system", []ran{{0, "", "/usr/bin/a"}, {1, "", "/tmpx/b"}, {2, "", "/usr/tmp/c"}, {3, "", "/tmp"}}, nil},
		{"in three containers", []ran{{0, "1", "/tmp/a"}, {1, "2", "/tmp/b"}, {2, "3", "/tmp/c"}}, nil},
		{"in one container among others", []ran{{0, "1", "/tmp/a"}, {0, "2", "/tmp/x"}, {1, "1", "/tmp/b"}, {2, "1", "/tmp/c"}}, []string{"[/tmp/a /tmp/b /tmp/c]"}},
		{"too slowly", []ran{{0, "", "/tmp/a"}, {30, "", "/tmp/b"}, {61, "", "/tmp/c"}}, nil},
		{"the first is too old, the fourth completes", []ran{{0, "", "/tmp/a"}, {30, "", "/tmp/b"}, {61, "", "/tmp/c"}, {62, "", "/tmp/d"}}, []string{"[/tmp/b /tmp/c /tmp/d]"}},
		{"run again, so still new", []ran{{0, "", "/tmp/a"}, {50, "", "/tmp/a"}, {70, "", "/tmp/b"}, {80, "", "/tmp/c"}}, []string{"[/tmp/a /tmp/b /tmp/c]"}},
		{"counts from the start after a finding", []ran{{0, "", "/tmp/a"}, {1, "", "/tmp/b"}, {2, "", "/tmp/c"}, {3, "", "/tmp/d"}, {4, "", "/tmp/e"}}, []string{"[/tmp/a /tmp/b /tmp/c]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			sig := rules.NewTemporaryExec()
			var got []string
			if err := sig.Init(func(f detect.Finding) {
				if f.SigMetadata.ID != "TRL-1" || f.Data["count"] != 3 || f.Event.Payload == nil {
					t.Errorf("finding %+v", f)
				}
				got = append(got, fmt.Sprint(f.Data["files"]))
			}); err != nil {
				t.Fatal(err)
			}
			for _, r := range c.runs {
				if err := sig.OnEvent(r.event()); err != nil {
					t.Fatal(err)
				}
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("findings %v, want %v", got, c.want)
			}
		})
	}
}

func TestTemporaryExecOddEvents(t *testing.T) {
	sig := rules.NewTemporaryExec()
	if err := sig.Init(func(detect.Finding) { t.Error("a finding") }); err != nil {
		t.Fatal(err)
	}
	if err := sig.OnEvent(protocol.Event{Payload: 1}); err == nil {
		t.Error("a payload of another type is accepted")
	}
	for _, e := range []trace.Event{{}, {Args: []trace.Argument{{ArgMeta: trace.ArgMeta{Name: "pathname"}}}}} {
		if err := sig.OnEvent(e.ToProtocol()); err != nil {
			t.Errorf("an event without a path: %v", err)
		}
	}
}

// TestTemporaryExecIsBounded runs something in more containers than the rule
// remembers, and then completes the count in the last one.
func TestTemporaryExecIsBounded(t *testing.T) {
	sig := rules.NewTemporaryExec()
	findings := 0
	if err := sig.Init(func(detect.Finding) { findings++ }); err != nil {
		t.Fatal(err)
	}
	const places = 10000
	for n := range places {
		if err := sig.OnEvent(ran{1, fmt.Sprint(n), "/tmp/a"}.event()); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"/tmp/b", "/tmp/c"} {
		if err := sig.OnEvent(ran{2, fmt.Sprint(places - 1), path}.event()); err != nil {
			t.Fatal(err)
		}
	}
	if findings != 1 {
		t.Errorf("%d findings, want 1", findings)
	}
}
