package golang

import (
	"fmt"
	"strings"

	"github.com/tripline/tripline/pkg/detect"
	"github.com/tripline/tripline/pkg/detect/helpers"
	"github.com/tripline/tripline/pkg/detect/protocol"
	"github.com/tripline/tripline/pkg/detect/trace"
)

const (
	// temporaryExecTarget is how many different files make a finding, and
	// temporaryExecWindow within what time, in ns.
	temporaryExecTarget = 3
	temporaryExecWindow = int(60e9)
	// temporaryExecPlaces bounds how many containers and hosts are counted at
	// a time.
	temporaryExecPlaces = 4096
)

// temporaryExec counts, for each container and for the host, the different
// files executed from directories that everybody may write to. One such file
// is often an installer or a build; several within a minute are what droppers,
// miners and worms do: unpack, run, fetch the next stage, run.
type temporaryExec struct {
	cb     detect.SignatureHandler
	places map[string]*executions
}

// executions are the files run lately in one container or on the host.
type executions struct {
	paths []string
	times []int
}

// NewTemporaryExec makes rule TRL-1.
func NewTemporaryExec() detect.Signature { return &temporaryExec{} }

// Init implements detect.Signature.
func (sig *temporaryExec) Init(cb detect.SignatureHandler) error {
	sig.cb = cb
	sig.places = make(map[string]*executions)
	return nil
}

// GetMetadata implements detect.Signature.
func (sig *temporaryExec) GetMetadata() (detect.SignatureMetadata, error) {
	return detect.SignatureMetadata{
		ID:      "TRL-1",
		Version: "1.0.0",
		Name:    "Programs run from world-writable directories",
		Description: fmt.Sprintf("%d different files were executed from /tmp, /var/tmp or /dev/shm within a minute, on one host or in one container.",
			temporaryExecTarget),
		Tags: []string{"linux", "container"},
		Properties: map[string]interface{}{
			"Severity":     2,
			"MITRE ATT&CK": "Command and Control: Ingress Tool Transfer",
		},
	}, nil
}

// GetSelectedEvents implements detect.Signature.
func (sig *temporaryExec) GetSelectedEvents() ([]detect.SignatureEventSelector, error) {
	return []detect.SignatureEventSelector{{Source: trace.EventSource, Name: "sched_process_exec"}}, nil
}

// OnEvent implements detect.Signature.
func (sig *temporaryExec) OnEvent(event protocol.Event) error {
	e, ok := event.Payload.(trace.Event)
	if !ok {
		return fmt.Errorf("payload is %T, expected trace.Event", event.Payload)
	}
	path, err := helpers.GetTraceeStringArgumentByName(e, "pathname")
	if err != nil || !worldWritable(path) {
		return nil // without a path there is nothing to count
	}
	place := e.HostName + "/" + e.ContainerID
	x := sig.places[place]
	if x == nil {
		if len(sig.places) >= temporaryExecPlaces {
			sig.forgetOld(e.Timestamp)
		}
		x = &executions{}
		sig.places[place] = x
	}
	x.add(path, e.Timestamp)
	if len(x.paths) < temporaryExecTarget {
		return nil
	}
	m, err := sig.GetMetadata()
	if err != nil {
		return err
	}
	sig.cb(detect.Finding{
		SigMetadata: m,
		Event:       event,
		Data:        map[string]interface{}{"count": len(x.paths), "files": x.paths},
	})
	delete(sig.places, place)
	return nil
}

// OnSignal implements detect.Signature.
func (sig *temporaryExec) OnSignal(detect.Signal) error { return nil }

// Close implements detect.Signature.
func (sig *temporaryExec) Close() {}

// add notes an execution, drops those that are too old, and counts a file that
// is run again once, with its last time.
func (x *executions) add(path string, now int) {
	keep := 0
	for i, p := range x.paths {
		if p != path && now-x.times[i] < temporaryExecWindow {
			x.paths[keep], x.times[keep] = p, x.times[i]
			keep++
		}
	}
	// The path is part of the batch's memory; it is kept beyond that.
	x.paths = append(x.paths[:keep], strings.Clone(path))
	x.times = append(x.times[:keep], now)
}

// forgetOld drops places where nothing happened within the window, and all if
// there are none.
func (sig *temporaryExec) forgetOld(now int) {
	for place, x := range sig.places {
		if now-x.times[len(x.times)-1] >= temporaryExecWindow {
			delete(sig.places, place)
		}
	}
	if len(sig.places) >= temporaryExecPlaces {
		clear(sig.places)
	}
}

func worldWritable(path string) bool {
	for _, dir := range []string{"/tmp/", "/var/tmp/", "/dev/shm/"} {
		if strings.HasPrefix(path, dir) {
			return true
		}
	}
	return false
}
