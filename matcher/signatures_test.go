package matcher_test

import (
	"errors"
	"testing"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/matcher/golang"
	"github.com/tripline/tripline/pkg/detect"
	"github.com/tripline/tripline/pkg/detect/protocol"
	"github.com/tripline/tripline/pkg/detect/trace"
)

// sig is a signature made of functions.
type sig struct {
	id        string
	selectors []detect.SignatureEventSelector
	onEvent   func(s *sig, e trace.Event, ev protocol.Event) error
	onClose   func()
	cb        detect.SignatureHandler
	count     int
}

func (s *sig) GetMetadata() (detect.SignatureMetadata, error) {
	return detect.SignatureMetadata{
		ID: s.id, Name: "name of " + s.id, Version: "1", Tags: []string{"t"},
		Properties: map[string]interface{}{"Severity": 3, "MITRE ATT&CK": "Execution"},
	}, nil
}

func (s *sig) GetSelectedEvents() ([]detect.SignatureEventSelector, error) { return s.selectors, nil }
func (s *sig) Init(cb detect.SignatureHandler) error                       { s.cb = cb; return nil }
func (s *sig) OnSignal(signal detect.Signal) error {
	if signal == detect.SignalSourceComplete("tracee") {
		s.find(protocol.Event{})
	}
	return nil
}

func (s *sig) Close() {
	if s.onClose != nil {
		s.onClose()
	}
}

func (s *sig) OnEvent(ev protocol.Event) error {
	e, ok := ev.Payload.(trace.Event)
	if !ok {
		return errors.New("not an event")
	}
	return s.onEvent(s, e, ev)
}

func (s *sig) find(ev protocol.Event) {
	m, _ := s.GetMetadata()
	s.cb(detect.Finding{Event: ev, SigMetadata: m, Data: map[string]interface{}{"count": s.count}})
}

func on(names ...string) []detect.SignatureEventSelector {
	var out []detect.SignatureEventSelector
	for _, n := range names {
		out = append(out, detect.SignatureEventSelector{Source: "tracee", Name: n})
	}
	return out
}

// everyTime fires on every event.
func everyTime(id string, events ...string) func() detect.Signature {
	return func() detect.Signature {
		return &sig{id: id, selectors: on(events...), onEvent: func(s *sig, _ trace.Event, ev protocol.Event) error {
			s.count++
			s.find(ev)
			return nil
		}}
	}
}

// countTo fires on every n-th event.
func countTo(id string, n int, events ...string) func() detect.Signature {
	return func() detect.Signature {
		return &sig{id: id, selectors: on(events...), onEvent: func(s *sig, _ trace.Event, ev protocol.Event) error {
			if s.count++; s.count%n == 0 {
				s.find(ev)
			}
			return nil
		}}
	}
}

func goLanguage(constructors ...func() detect.Signature) []matcher.Language {
	return []matcher.Language{golang.New(constructors, nil)}
}

func config() matcher.Config {
	cfg := matcher.DefaultConfig()
	cfg.Workers = 2
	cfg.Watch = false
	return cfg
}

func mustLoad(t testing.TB, cfg matcher.Config, langs []matcher.Language) *matcher.Ruleset {
	t.Helper()
	rs, err := matcher.Load(cfg, langs, nil)
	if err != nil {
		t.Fatal(err)
	}
	return rs
}
