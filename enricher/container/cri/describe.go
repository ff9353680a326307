package cri

import (
	"encoding/json"
	"slices"
	"strconv"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/tripline/tripline/enricher/container"
	"github.com/tripline/tripline/pkg/msg"
)

// detail is what is used of the verbose form of an answer: JSON under the key
// "info", whose shape is each runtime's own (containerd:
// internal/cri/types/container.go; CRI-O: server/container_status.go).
type detail struct {
	SandboxID  string          `json:"sandboxID"`
	Image      string          `json:"image"`
	Privileged *bool           `json:"privileged"` // CRI-O
	CNIResult  json.RawMessage `json:"cniResult"`  // containerd, of a sandbox
	Config     struct {
		Linux struct {
			SecurityContext securityContext `json:"security_context"`
		} `json:"linux"`
		// Annotations are the pod's, in a sandbox's configuration.
		Annotations map[string]string `json:"annotations"`
	} `json:"config"`
	RuntimeSpec *struct {
		Process *struct {
			User struct {
				UID uint32 `json:"uid"`
				GID uint32 `json:"gid"`
			} `json:"user"`
		} `json:"process"`
		Linux *struct {
			Namespaces []struct {
				Type string `json:"type"`
			} `json:"namespaces"`
		} `json:"linux"`
	} `json:"runtimeSpec"`
}

type securityContext struct {
	Privileged bool `json:"privileged"`
}

// verbose reads the verbose form; what cannot be read is left out.
func verbose(info map[string]string) *detail {
	d := &detail{}
	if text, ok := info["info"]; ok {
		if json.Unmarshal([]byte(text), d) != nil {
			return &detail{}
		}
	}
	return d
}

func (d *detail) privileged() bool {
	if d.Privileged != nil {
		return *d.Privileged
	}
	return d.Config.Linux.SecurityContext.Privileged
}

// ofHost says whether the runtime gave a container no namespace of a type; ok
// is false when it does not tell.
func (d *detail) ofHost(kind string) (host, ok bool) {
	if d.RuntimeSpec == nil || d.RuntimeSpec.Linux == nil {
		return false, false
	}
	for _, n := range d.RuntimeSpec.Linux.Namespaces {
		if n.Type == kind {
			return false, true
		}
	}
	return true, true
}

// container makes the answer from a container's status.
func (c *Client) container(got *runtimeapi.ContainerStatusResponse) *msg.Container {
	s, d := got.GetStatus(), verbose(got.GetInfo())
	out := &msg.Container{
		Id: s.GetId(), Runtime: c.name, Name: s.GetMetadata().GetName(), Labels: s.GetLabels(),
		Image: container.ParseImage(s.GetImage().GetImage()), StartTime: s.GetStartedAt(),
		Privileged: d.privileged(), Pod: &msg.Pod{SandboxId: d.SandboxID},
	}
	out.HostPid, _ = d.ofHost("pid")
	if u := s.GetUser().GetLinux(); u != nil {
		out.User = strconv.FormatInt(u.Uid, 10) + ":" + strconv.FormatInt(u.Gid, 10)
	} else if d.RuntimeSpec != nil && d.RuntimeSpec.Process != nil {
		u := d.RuntimeSpec.Process.User
		out.User = strconv.FormatUint(uint64(u.UID), 10) + ":" + strconv.FormatUint(uint64(u.GID), 10)
	}
	for _, m := range s.GetMounts() {
		to := &msg.Mount{Source: m.GetHostPath(), Destination: m.GetContainerPath(), Writable: !m.GetReadonly()}
		switch m.GetPropagation() {
		case runtimeapi.MountPropagation_PROPAGATION_PRIVATE:
			to.Propagation = "private"
		case runtimeapi.MountPropagation_PROPAGATION_HOST_TO_CONTAINER:
			to.Propagation = "rslave"
		case runtimeapi.MountPropagation_PROPAGATION_BIDIRECTIONAL:
			to.Propagation = "rshared"
		}
		out.Mounts = append(out.Mounts, to)
	}
	return out
}

// inPod adds what the status of its sandbox says of a container.
func inPod(out *msg.Container, got *runtimeapi.PodSandboxStatusResponse) {
	s, d := got.GetStatus(), verbose(got.GetInfo())
	out.Pod = &msg.Pod{
		Name: s.GetMetadata().GetName(), Namespace: s.GetMetadata().GetNamespace(), Uid: s.GetMetadata().GetUid(),
		Labels: s.GetLabels(), SandboxId: s.GetId(), Ip: s.GetNetwork().GetIp(),
	}
	if len(d.CNIResult) > 0 && string(d.CNIResult) != "null" {
		out.Pod.CniJson = string(d.CNIResult)
	}
	out.Ip = out.Pod.Ip // the containers of a pod share its network
	o := s.GetLinux().GetNamespaces().GetOptions()
	node := runtimeapi.NamespaceMode_NODE
	out.HostNetwork, out.HostIpc = o != nil && o.Network == node, o != nil && o.Ipc == node
	if d := o.GetPid(); o != nil && d == node {
		out.HostPid = true
	}
	out.HealthChecks = probes(d.Config.Annotations, out.Name)
}

// lastApplied is the annotation in which kubectl apply keeps what it was given.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// probes finds the commands of a container's probes. The kubelet runs them
// without telling the runtime what they are for, so they are known only where
// the pod was made by kubectl apply, whose annotation holds the whole pod.
func probes(annotations map[string]string, name string) []*msg.HealthCheck {
	type probe struct {
		Exec *struct {
			Command []string `json:"command"`
		} `json:"exec"`
	}
	var pod struct {
		Spec struct {
			Containers []struct {
				Name           string `json:"name"`
				LivenessProbe  *probe `json:"livenessProbe"`
				ReadinessProbe *probe `json:"readinessProbe"`
				StartupProbe   *probe `json:"startupProbe"`
			} `json:"containers"`
		} `json:"spec"`
	}
	text := annotations[lastApplied]
	if text == "" || json.Unmarshal([]byte(text), &pod) != nil {
		return nil
	}
	var out []*msg.HealthCheck
	for _, c := range pod.Spec.Containers {
		if c.Name != name {
			continue
		}
		for _, x := range []struct {
			kind msg.HealthCheckKind
			p    *probe
		}{
			{msg.HealthCheckKind_HEALTH_CHECK_KIND_LIVENESS, c.LivenessProbe},
			{msg.HealthCheckKind_HEALTH_CHECK_KIND_READINESS, c.ReadinessProbe},
			{msg.HealthCheckKind_HEALTH_CHECK_KIND_STARTUP, c.StartupProbe},
		} {
			if x.p != nil && x.p.Exec != nil && len(x.p.Exec.Command) > 0 {
				out = append(out, &msg.HealthCheck{Kind: x.kind, Args: slices.Clone(x.p.Exec.Command)})
			}
		}
	}
	return out
}
