package rego

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"testing"

	opa "github.com/open-policy-agent/opa/v1/rego"

	"github.com/tripline/tripline/matcher"
)

// corpus is a mix as a busy host makes it: most files are opened to be read,
// and one event in 128 is a finding, far more than in earnest.
func corpus(tb testing.TB) []*matcher.Event {
	r := rand.New(rand.NewPCG(7, 7))
	var out []*matcher.Event
	for i := range 256 {
		if i%128 == 64 {
			out = append(out, eventOf(tb, mustType(tb, "ptrace"), 0, 0, 0, 0)) // a hit
			continue
		}
		switch n := r.IntN(10); {
		case n < 6:
			out = append(out, eventOf(tb, mustType(tb, "security_file_open"),
				pick(r, "/usr/share/zoneinfo/Europe/Berlin", "/etc/passwd", "/lib/x86_64-linux-gnu/libc.so.6"), []int{0, 0o100000, 0o2101}[r.IntN(3)], 5, 1311, 1, nil, nil))
		case n < 8:
			out = append(out, eventOf(tb, mustType(tb, "execve"), "/usr/bin/curl", []string{"curl", "-s", "http://localhost"},
				[]string{"PATH=/usr/local/sbin:/usr/local/bin", "HOSTNAME=web", "TERM=xterm", "HOME=/root", "LANG=C.UTF-8"}))
		case n < 9:
			out = append(out, eventOf(tb, mustType(tb, "security_bprm_check"), "/usr/bin/curl", 5, 1311, []string{"curl"}, []string{"PATH=/bin"}))
		default:
			out = append(out, eventOf(tb, mustType(tb, "ptrace"), 12, 12, 0, 0x7ffe0101))
		}
	}
	return out
}

// byEvent lists which rules an event is held against, as the matcher's index
// does.
func byEvent(p matcher.Program, ev *matcher.Event) []int {
	var out []int
	for i, r := range p.Rules() {
		for _, s := range r.Select {
			if s.Event == ev.Name() && (s.Origin == matcher.AnyOrigin || s.Origin == ev.Origin) {
				out = append(out, i)
				break
			}
		}
	}
	return out
}

// traceeEvent has the fields of Tracee's event, for the encoding that its
// engine makes of the struct for each signature.
type traceeEvent struct {
	Timestamp           int64            `json:"timestamp"`
	ProcessorID         int64            `json:"processorId"`
	ProcessID           int64            `json:"processId"`
	ThreadID            int64            `json:"threadId"`
	ParentProcessID     int64            `json:"parentProcessId"`
	HostProcessID       int64            `json:"hostProcessId"`
	HostThreadID        int64            `json:"hostThreadId"`
	HostParentProcessID int64            `json:"hostParentProcessId"`
	UserID              int64            `json:"userId"`
	MountNS             int64            `json:"mountNamespace"`
	PIDNS               int64            `json:"pidNamespace"`
	ProcessName         string           `json:"processName"`
	HostName            string           `json:"hostName"`
	ContainerID         string           `json:"containerId"`
	EventID             int64            `json:"eventId,string"`
	EventName           string           `json:"eventName"`
	ArgsNum             int64            `json:"argsNum"`
	ReturnValue         int64            `json:"returnValue"`
	StackAddresses      []uint64         `json:"stackAddresses"`
	Args                []traceeArgument `json:"args"`
}

type traceeArgument struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Value any    `json:"value"`
}

// BenchmarkTwelveSignatures compares, over the same events and signatures,
// Tracee's way with ours. One operation is one event held against all rules
// that select it.
func BenchmarkTwelveSignatures(b *testing.B) {
	fs, events := traceeFiles(b), corpus(b)
	b.Run("as_tracee_does", func(b *testing.B) {
		p, _ := workers(b, fs, false)
		ref := newReference(b, fs)
		structs, index := make([]traceeEvent, len(events)), make([][]int, len(events))
		for i, ev := range events {
			raw, err := json.Marshal(jsonInput(b, ev))
			if err != nil {
				b.Fatal(err)
			}
			if err := json.Unmarshal(raw, &structs[i]); err != nil {
				b.Fatal(err)
			}
			index[i] = byEvent(p, ev)
		}
		b.ReportAllocs()
		n := 0
		for b.Loop() {
			k := n % len(events)
			for _, i := range index[k] {
				if _, err := ref[i].Eval(context.Background(), opa.EvalInput(structs[k])); err != nil {
					b.Fatal(err)
				}
			}
			n++
		}
		b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
	})
	for _, way := range []struct {
		name   string
		screen bool
	}{{"opa_shared_input", false}, {"screened", true}} {
		b.Run(way.name, func(b *testing.B) {
			p, w := workers(b, fs, way.screen)
			index := make([][]int, len(events))
			for i, ev := range events {
				index[i] = byEvent(p, ev)
			}
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				k := n % len(events)
				ev := events[k]
				ev.Serial = serials.Add(1)
				for _, i := range index[k] {
					if err := w.Match(i, ev, func(matcher.Finding) {}); err != nil {
						b.Fatal(err)
					}
				}
				n++
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
