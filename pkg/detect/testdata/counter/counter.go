// Package counter is a signature as authors for Tracee 0.7 write it, in its
// style and with its corners: no id, a selector without a name, a finding
// without an event at the end. Only the import paths are Tripline's.
package counter

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tripline/tripline/pkg/detect"
	"github.com/tripline/tripline/pkg/detect/protocol"
	"github.com/tripline/tripline/pkg/detect/trace"
)

// counter counts towards a target.
type counter struct {
	cb     detect.SignatureHandler
	target int
	count  int
}

// New makes a counter that fires at every target-th file whose name begins
// with "yo".
func New(target int) detect.Signature { return &counter{target: target} }

func (sig *counter) Init(cb detect.SignatureHandler) error {
	sig.cb = cb
	sig.count = 0
	return nil
}

func (sig *counter) GetMetadata() (detect.SignatureMetadata, error) {
	return detect.SignatureMetadata{
		Version: "0.1.0",
		Name:    "count to " + strconv.Itoa(sig.target),
	}, nil
}

func (sig *counter) GetSelectedEvents() ([]detect.SignatureEventSelector, error) {
	return []detect.SignatureEventSelector{{
		Source: "tracee",
		//Name:   "execve",
	}}, nil
}

func (sig *counter) OnEvent(event protocol.Event) error {
	ee, ok := event.Payload.(trace.Event)

	if !ok {
		return fmt.Errorf("failed to cast event's payload")
	}

	if ee.ArgsNum > 0 && ee.Args[0].Name == "pathname" && strings.HasPrefix(ee.Args[0].Value.(string), "yo") {
		sig.count++
	}
	if sig.count == sig.target {
		m, _ := sig.GetMetadata()
		sig.cb(detect.Finding{
			Data: map[string]interface{}{
				"count":    sig.count,
				"severity": "HIGH",
			},
			Event:       event,
			SigMetadata: m,
		})
		sig.count = 0
	}
	return nil
}

func (sig *counter) OnSignal(signal detect.Signal) error {
	source, sigcomplete := signal.(detect.SignalSourceComplete)
	if sigcomplete && source == "tracee" {
		sig.cb(detect.Finding{
			Data: map[string]interface{}{
				"message": "done",
			},
		})
	}
	return nil
}

func (sig *counter) Close() {}
