package rego

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/tripline/tripline/matcher"
)

// TestWorkersTogether has workers share one program and the same events, as
// the matcher's do, and compares what they find.
func TestWorkersTogether(t *testing.T) {
	fs := append(traceeFiles(t), builtinFiles(t)...)
	r := rand.New(rand.NewPCG(8, 9))
	events := make([]*matcher.Event, 100)
	for i := range events {
		events[i] = randomEvent(t, r)
	}
	for _, screen := range []bool{false, true} {
		p, first := workers(t, fs, screen)
		want := make([][]string, len(events))
		for i, ev := range events {
			for k := range p.Rules() {
				want[i] = append(want[i], answerOf(t, first, k, ev))
			}
		}
		var wg sync.WaitGroup
		for range 3 {
			w, err := p.NewWorker()
			if err != nil {
				t.Fatal(err)
			}
			wg.Go(func() {
				for i, ev := range events {
					for k := range p.Rules() {
						if got := answerOf(t, w, k, ev); got != want[i][k] {
							t.Errorf("%s: %s, alone it was %s", p.Rules()[k].File, got, want[i][k])
						}
					}
				}
			})
		}
		wg.Wait()
	}
}

// TestUnknownEvent holds an event that this program's catalogue lacks against
// rules for every event.
func TestUnknownEvent(t *testing.T) {
	p := load(t, "package t\n__rego_metadoc__ := {\"id\": \"T\"}\ntracee_selected_events contains {\"source\": \"tracee\"}\n"+
		"tracee_match := {\"n\": input.eventName, \"args\": input.args} if not input.argsByName.x\n")
	ev := open(t, "/x", 0)
	ev.Type, ev.Event.Type = nil, 5000
	got, err := match(t, p, ev)
	if err != nil || len(got) != 1 || got[0].Data["n"] != "event-5000" || len(got[0].Data["args"].([]any)) != 0 {
		t.Errorf("%v, %+v", err, got)
	}
}

// TestScreenPanics breaks a rule's screen: the rule must find what it found
// before.
func TestScreenPanics(t *testing.T) {
	p := load(t, v1Head+"tracee_match if input.argsNum > 0\n")
	p.(*Program).signatures[0].screen.entry.blocks = []op{func(*machine, []value) code { panic("broken") }}
	w, err := p.NewWorker()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got, err := matchWith(p, w, open(t, "/x", 0)); err != nil || len(got) != 1 {
			t.Errorf("%v, %d findings", err, len(got))
		}
	}
	if w.(*worker).screens[0] != nil {
		t.Error("the broken screen is still in use")
	}
}
