package containerd

import (
	"context"
	"encoding/json"

	containersapi "github.com/containerd/containerd/api/services/containers/v1"

	"github.com/tripline/tripline/enricher/container"
	"github.com/tripline/tripline/pkg/msg"
)

// sandboxMetadata is the extension that containerd's CRI plugin attaches to the
// container of a pod's sandbox (internal/cri/store/sandbox/metadata.go there).
const sandboxMetadata = "io.cri-containerd.sandbox.metadata"

// attached is what is used of it.
type attached struct {
	Metadata struct {
		Config struct {
			Metadata struct {
				Name      string `json:"name"`
				UID       string `json:"uid"`
				Namespace string `json:"namespace"`
			} `json:"metadata"`
			Labels map[string]string `json:"labels"`
			Linux  struct {
				SecurityContext struct {
					Privileged bool `json:"privileged"`
				} `json:"security_context"`
			} `json:"linux"`
		}
		IP        string
		CNIResult json.RawMessage
	}
}

// sandbox describes the container that holds a pod's namespaces. One whose
// attachment cannot be read is left to CRI.
func (c *Client) sandbox(ctx context.Context, in *containersapi.Container) (*msg.Container, error) {
	var a attached
	if json.Unmarshal(in.Extensions[sandboxMetadata].GetValue(), &a) != nil || a.Metadata.Config.Metadata.Name == "" {
		return nil, container.ErrNotFound
	}
	out, err := c.describe(ctx, "k8s.io", in)
	if err != nil {
		return out, err
	}
	m := a.Metadata
	out.Name, out.Labels, out.Privileged = m.Config.Metadata.Name, m.Config.Labels, m.Config.Linux.SecurityContext.Privileged
	out.Ip = m.IP
	out.Pod = &msg.Pod{
		Name: m.Config.Metadata.Name, Namespace: m.Config.Metadata.Namespace, Uid: m.Config.Metadata.UID,
		Labels: m.Config.Labels, SandboxId: in.ID, Ip: m.IP,
	}
	if len(m.CNIResult) > 0 && string(m.CNIResult) != "null" {
		out.Pod.CniJson = string(m.CNIResult)
	}
	return out, nil
}
