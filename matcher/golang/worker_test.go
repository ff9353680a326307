package golang_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/matcher/golang"
	"github.com/tripline/tripline/pkg/detect"
	"github.com/tripline/tripline/pkg/detect/protocol"
	"github.com/tripline/tripline/pkg/detect/trace"
	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

func newWorker(t *testing.T, constructors ...func() detect.Signature) matcher.Worker {
	t.Helper()
	l := golang.New(constructors, nil)
	p, problems := l.Load(l.Files())
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	w, err := p.NewWorker()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// exit makes an event of a process that ends with this code.
func exit(serial uint64, partition uint32, code int64) *matcher.Event {
	e, _ := catalogue.Lookup("sched_process_exit")
	b := &msg.Batch{
		Host: "h", Strings: []string{"sh"}, Processes: []*msg.Process{{Pid: 5, NsPid: 5}},
		Events: []*msg.Event{{Type: uint32(e.ID), Args: []int64{code, 1}}},
	}
	return &matcher.Event{Record: b.Record(0), Partition: partition, Origin: matcher.HostOrigin, Serial: serial}
}

// counting reports how many events its instance has seen.
func counting(closed *int) func() detect.Signature {
	return func() detect.Signature {
		return &probe{
			closed: closed, meta: detect.SignatureMetadata{Name: "counting"},
			onEvent: func(p *probe, e protocol.Event) error {
				p.n++
				p.cb(detect.Finding{Event: e, SigMetadata: p.meta, Data: map[string]any{"n": p.n}})
				return nil
			},
			onSignal: func(p *probe, s detect.Signal) error {
				p.cb(detect.Finding{Data: map[string]any{"end": fmt.Sprint(s), "n": p.n}})
				return nil
			},
		}
	}
}

func TestStateIsOfThePartition(t *testing.T) {
	closed := 0
	w := newWorker(t, counting(&closed))
	var got []any
	match := func(serial uint64, partition uint32) {
		t.Helper()
		if err := w.Match(0, exit(serial, partition, 0), func(f matcher.Finding) { got = append(got, f.Data["n"]) }); err != nil {
			t.Fatal(err)
		}
	}
	match(1, 0)
	match(2, 7)
	match(3, 0)
	w.Forget(0)
	if closed != 1 {
		t.Errorf("%d instances closed by Forget, want 1", closed)
	}
	match(4, 0)
	match(5, 7)
	if diff := cmp.Diff([]any{1, 1, 2, 1, 2}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := w.(interface{ Close() error }).Close(); err != nil || closed != 3 {
		t.Errorf("%d instances closed, want 3; %v", closed, err)
	}
}

func TestEnd(t *testing.T) {
	w := newWorker(t, counting(nil), func() detect.Signature {
		return &probe{onSignal: func(*probe, detect.Signal) error { panic("at the end") }}
	}, counting(nil))
	_ = w.Match(0, exit(1, 3, 0), func(matcher.Finding) {})
	got := make(map[int]any)
	w.(matcher.Ender).End(func(rule int, f matcher.Finding) { got[rule] = fmt.Sprint(f.Data["end"], f.Data["n"]) })
	if diff := cmp.Diff(map[int]any{0: "tracee1", 2: "tracee0"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEventIsConvertedOnce(t *testing.T) {
	var seen []trace.Event
	look := func() detect.Signature {
		return &probe{onEvent: func(_ *probe, e protocol.Event) error {
			seen = append(seen, e.Payload.(trace.Event))
			return nil
		}}
	}
	w := newWorker(t, look, look)
	for serial := range uint64(2) {
		ev := exit(serial+1, 0, int64(serial))
		for i := range 2 {
			if err := w.Match(i, ev, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	if &seen[0].Args[0] != &seen[1].Args[0] {
		t.Error("converted again for the second signature")
	}
	if seen[2].Args[0].Value != int64(1) {
		t.Errorf("the second event's argument is %v: that of the first", seen[2].Args[0].Value)
	}
}

func TestFailures(t *testing.T) {
	w := newWorker(t,
		func() detect.Signature { return &probe{init: func() error { return errors.New("no network") }} },
		func() detect.Signature {
			return &probe{onEvent: func(p *probe, e protocol.Event) error {
				p.cb(detect.Finding{Event: e, Data: map[string]any{"before": true}})
				return errors.New("half done")
			}}
		},
	)
	for range 2 {
		if err := w.Match(0, exit(1, 0, 0), nil); err == nil || err.Error() != "its Init: no network" {
			t.Errorf("error %v, want that of Init", err)
		}
	}
	n := 0
	if err := w.Match(1, exit(1, 0, 0), func(matcher.Finding) { n++ }); err == nil || n != 1 {
		t.Errorf("error %v and %d findings; want both the error and what was found before it", err, n)
	}
}

// TestLateFinding has a signature report from a goroutine of its own.
func TestLateFinding(t *testing.T) {
	done := make(chan struct{})
	w := newWorker(t, func() detect.Signature {
		return &probe{onEvent: func(p *probe, e protocol.Event) error {
			if p.n++; p.n == 1 {
				go func() {
					p.cb(detect.Finding{Event: e, Data: map[string]any{"late": true}})
					close(done)
				}()
			}
			return nil
		}}
	})
	n := 0
	_ = w.Match(0, exit(1, 0, 0), func(matcher.Finding) { n++ })
	<-done
	_ = w.Match(0, exit(2, 0, 0), func(matcher.Finding) { n++ })
	if n != 1 {
		t.Errorf("%d findings, want 1", n)
	}
}

func TestOutputOfAnotherName(t *testing.T) {
	w := newWorker(t, func() detect.Signature {
		return &probe{meta: detect.SignatureMetadata{Name: "usual"}, onEvent: func(p *probe, e protocol.Event) error {
			p.cb(detect.Finding{Event: e, SigMetadata: detect.SignatureMetadata{Name: "usual"}})
			p.cb(detect.Finding{Event: e, SigMetadata: detect.SignatureMetadata{Name: "special"}})
			p.cb(detect.Finding{Event: e})
			return nil
		}}
	})
	var got []string
	_ = w.Match(0, exit(1, 0, 0), func(f matcher.Finding) { got = append(got, f.Output) })
	if diff := cmp.Diff([]string{"", "special", ""}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
