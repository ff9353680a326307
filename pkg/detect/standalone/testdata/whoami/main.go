// Whoami is a program of one signature: it finds whoever runs whoami, and counts
// how often it happened in one container or on the host.
package main

import (
	"path"

	"github.com/tripline/tripline/pkg/detect"
	"github.com/tripline/tripline/pkg/detect/helpers"
	"github.com/tripline/tripline/pkg/detect/protocol"
	"github.com/tripline/tripline/pkg/detect/standalone"
	"github.com/tripline/tripline/pkg/detect/trace"
)

func main() { standalone.Main(newWhoami) }

type whoami struct {
	found detect.SignatureHandler
	times map[string]int
}

func newWhoami() detect.Signature { return &whoami{times: make(map[string]int)} }

func (*whoami) GetMetadata() (detect.SignatureMetadata, error) {
	return detect.SignatureMetadata{
		ID: "OWN-1", Version: "1.0.0", Name: "Somebody asks who they are",
		Properties: map[string]interface{}{"Severity": 1},
	}, nil
}

func (*whoami) GetSelectedEvents() ([]detect.SignatureEventSelector, error) {
	return []detect.SignatureEventSelector{{Source: trace.EventSource, Name: "execve"}}, nil
}

func (w *whoami) Init(found detect.SignatureHandler) error {
	w.found = found
	return nil
}

func (w *whoami) OnEvent(event protocol.Event) error {
	e, ok := event.Payload.(trace.Event)
	if !ok {
		return nil
	}
	name, err := helpers.GetTraceeStringArgumentByName(e, "pathname")
	if err != nil || path.Base(name) != "whoami" || e.ReturnValue != 0 {
		return nil
	}
	w.times[e.ContainerID]++
	m, err := w.GetMetadata()
	if err != nil {
		return err
	}
	w.found(detect.Finding{SigMetadata: m, Event: event, Data: map[string]interface{}{"times": w.times[e.ContainerID]}})
	return nil
}

func (*whoami) OnSignal(detect.Signal) error { return nil }
func (*whoami) Close()                       {}
