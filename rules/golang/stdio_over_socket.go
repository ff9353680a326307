package golang

import (
	"fmt"

	"github.com/tripline/tripline/pkg/detect"
	"github.com/tripline/tripline/pkg/detect/helpers"
	"github.com/tripline/tripline/pkg/detect/protocol"
	"github.com/tripline/tripline/pkg/detect/trace"
)

// stdioOverSocket finds a standard stream that becomes a connection to another
// machine, as in a reverse shell: a socket is connected that is descriptor 0, 1
// or 2 already, or a connected one is copied onto it. The event of copying
// carries the address that the kernel knows, so nothing is remembered, and
// connections from before Tripline started count too.
type stdioOverSocket struct {
	cb detect.SignatureHandler
}

// NewStdioOverSocket makes rule TRC-1.
func NewStdioOverSocket() detect.Signature { return &stdioOverSocket{} }

// Init implements detect.Signature.
func (sig *stdioOverSocket) Init(cb detect.SignatureHandler) error {
	sig.cb = cb
	return nil
}

// GetMetadata implements detect.Signature.
func (sig *stdioOverSocket) GetMetadata() (detect.SignatureMetadata, error) {
	return detect.SignatureMetadata{
		ID:          "TRC-1",
		Version:     "1.0.0",
		Name:        "Standard Input/Output Over Socket",
		Description: "Standard input, output or error of a process is a connection to another machine, as in a reverse shell.",
		Tags:        []string{"linux", "container"},
		Properties: map[string]interface{}{
			"Severity":     3,
			"MITRE ATT&CK": "Persistence: Server Software Component",
		},
	}, nil
}

// GetSelectedEvents implements detect.Signature.
func (sig *stdioOverSocket) GetSelectedEvents() ([]detect.SignatureEventSelector, error) {
	return []detect.SignatureEventSelector{
		{Source: trace.EventSource, Name: "security_socket_connect"},
		{Source: trace.EventSource, Name: "socket_dup"},
	}, nil
}

// OnEvent implements detect.Signature.
func (sig *stdioOverSocket) OnEvent(event protocol.Event) error {
	e, ok := event.Payload.(trace.Event)
	if !ok {
		return fmt.Errorf("payload is %T, expected trace.Event", event.Payload)
	}
	name := "sockfd"
	if e.EventName == "socket_dup" {
		name = "newfd"
	}
	fd, err := helpers.GetTraceeIntArgumentByName(e, name)
	if err != nil || fd < 0 || fd > 2 {
		return nil // the kernel may not know which descriptor it is
	}
	ip, port := remote(e)
	if ip == "" {
		return nil
	}
	m, err := sig.GetMetadata()
	if err != nil {
		return err
	}
	sig.cb(detect.Finding{
		SigMetadata: m,
		Event:       event,
		Data:        map[string]interface{}{"ip": ip, "port": port, "fd": fd},
	})
	return nil
}

// OnSignal implements detect.Signature.
func (sig *stdioOverSocket) OnSignal(detect.Signal) error { return nil }

// Close implements detect.Signature.
func (sig *stdioOverSocket) Close() {}

// remote returns the address of the other side, "" if it is no IP address.
func remote(e trace.Event) (ip, port string) {
	addr, err := helpers.GetRawAddrArgumentByName(e, "remote_addr")
	if err != nil {
		return "", ""
	}
	switch addr["sa_family"] {
	case "AF_INET":
		return addr["sin_addr"], addr["sin_port"]
	case "AF_INET6":
		return addr["sin6_addr"], addr["sin6_port"]
	}
	return "", ""
}
