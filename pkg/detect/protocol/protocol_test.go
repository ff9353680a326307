package protocol_test

import (
	"testing"

	"github.com/tripline/tripline/pkg/detect/protocol"
)

func TestHeaders(t *testing.T) {
	e := protocol.Event{Headers: protocol.EventHeaders{ContentType: "tracee/event-x", Origin: "tracee/host"}}
	if e.ContentType() != "tracee/event-x" || e.Origin() != "tracee/host" || e.Header("k") != "" {
		t.Errorf("%+v", e)
	}
	e.SetHeader("k", "v")
	if e.Header("k") != "v" || e.Header("other") != "" {
		t.Errorf("header k is %q", e.Header("k"))
	}
}
