package golang

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/tripline/tripline/pkg/detect"
	"github.com/tripline/tripline/pkg/detect/helpers"
	"github.com/tripline/tripline/pkg/detect/protocol"
	"github.com/tripline/tripline/pkg/detect/trace"
)

// kubernetesContainers bounds how many containers are remembered.
const kubernetesContainers = 8192

// kubernetesAPI finds containers that talk to the API server of their cluster.
// Kubernetes tells every container the server's address in its environment;
// the rule remembers it from what the container executes.
type kubernetesAPI struct {
	cb      detect.SignatureHandler
	servers map[string]netip.Addr // by container
}

// NewKubernetesAPI makes rule TRC-13.
func NewKubernetesAPI() detect.Signature { return &kubernetesAPI{} }

// Init implements detect.Signature.
func (sig *kubernetesAPI) Init(cb detect.SignatureHandler) error {
	sig.cb = cb
	sig.servers = make(map[string]netip.Addr)
	return nil
}

// GetMetadata implements detect.Signature.
func (sig *kubernetesAPI) GetMetadata() (detect.SignatureMetadata, error) {
	return detect.SignatureMetadata{
		ID:          "TRC-13",
		Version:     "1.0.0",
		Name:        "Kubernetes API server connection detected",
		Description: "A container connected to the API server of its cluster, from which an intruder can learn about the cluster and act on it.",
		Tags:        []string{"container"},
		Properties: map[string]interface{}{
			"Severity":     1,
			"MITRE ATT&CK": "Discovery: Cloud Service Discovery",
			"Environment":  []string{"KUBERNETES_SERVICE_HOST"},
		},
	}, nil
}

// GetSelectedEvents implements detect.Signature.
func (sig *kubernetesAPI) GetSelectedEvents() ([]detect.SignatureEventSelector, error) {
	container := string(trace.ContainerOrigin)
	return []detect.SignatureEventSelector{
		{Source: trace.EventSource, Name: "sched_process_exec", Origin: container},
		{Source: trace.EventSource, Name: "security_socket_connect", Origin: container},
	}, nil
}

// OnEvent implements detect.Signature.
func (sig *kubernetesAPI) OnEvent(event protocol.Event) error {
	e, ok := event.Payload.(trace.Event)
	if !ok {
		return fmt.Errorf("payload is %T, expected trace.Event", event.Payload)
	}
	if e.ContainerID == "" {
		return nil
	}
	if e.EventName == "sched_process_exec" {
		sig.remember(e)
		return nil
	}
	server, known := sig.servers[e.ContainerID]
	if !known {
		return nil
	}
	text, _ := remote(e)
	if ip, err := netip.ParseAddr(text); err != nil || ip.Unmap() != server {
		return nil
	}
	m, err := sig.GetMetadata()
	if err != nil {
		return err
	}
	sig.cb(detect.Finding{
		SigMetadata: m,
		Event:       event,
		Data:        map[string]interface{}{"ip": server.String()},
	})
	return nil
}

// remember takes the server's address from the environment of a new program;
// it is left out where there is none or the sensor does not collect it.
func (sig *kubernetesAPI) remember(e trace.Event) {
	env, err := helpers.GetTraceeSliceStringArgumentByName(e, "env")
	if err != nil {
		return
	}
	for _, item := range env {
		text, ok := strings.CutPrefix(item, "KUBERNETES_SERVICE_HOST=")
		if !ok {
			continue
		}
		ip, err := netip.ParseAddr(text)
		if err != nil {
			continue
		}
		if _, known := sig.servers[e.ContainerID]; !known && len(sig.servers) >= kubernetesContainers {
			clear(sig.servers)
		}
		sig.servers[strings.Clone(e.ContainerID)] = ip.Unmap()
		return
	}
}

// OnSignal implements detect.Signature.
func (sig *kubernetesAPI) OnSignal(detect.Signal) error { return nil }

// Close implements detect.Signature.
func (sig *kubernetesAPI) Close() {}
