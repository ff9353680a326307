package containerdtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Pod is what a sandbox is made of.
type Pod struct {
	Name, Namespace, UID string
	Labels, Annotations  map[string]string
	// OwnNetwork wants the network plugins of Debian's package
	// containernetworking-plugins; else the pod has the host's.
	OwnNetwork bool
}

// CanNetwork says whether pods may have networks of their own here.
func CanNetwork() bool {
	for _, plugin := range []string{"ptp", "host-local", "loopback"} {
		if _, err := os.Stat("/usr/lib/cni/" + plugin); err != nil {
			return false
		}
	}
	return true
}

func (p Pod) config() *runtimeapi.PodSandboxConfig {
	network := runtimeapi.NamespaceMode_NODE
	if p.OwnNetwork {
		network = runtimeapi.NamespaceMode_POD
	}
	return &runtimeapi.PodSandboxConfig{
		Metadata: &runtimeapi.PodSandboxMetadata{Name: p.Name, Namespace: p.Namespace, Uid: p.UID},
		Labels:   p.Labels, Annotations: p.Annotations,
		Linux: &runtimeapi.LinuxPodSandboxConfig{
			CgroupParent: "/kubepods/besteffort/pod" + p.UID,
			SecurityContext: &runtimeapi.LinuxSandboxSecurityContext{
				NamespaceOptions: &runtimeapi.NamespaceOption{Network: network, Pid: runtimeapi.NamespaceMode_CONTAINER},
			},
		},
	}
}

// RunPod starts a pod's sandbox and returns its id.
func (e *Engine) RunPod(t testing.TB, p Pod) string {
	t.Helper()
	got, err := e.cri.RunPodSandbox(context.Background(), &runtimeapi.RunPodSandboxRequest{Config: p.config()})
	if err != nil {
		t.Fatal(err)
	}
	return got.PodSandboxId
}

// AwaitPod waits until the first process of a pod's sandbox runs what it is to
// run: until then it is still the runtime's.
func (e *Engine) AwaitPod(t testing.TB, sandbox string) {
	t.Helper()
	got, err := e.cri.PodSandboxStatus(context.Background(), &runtimeapi.PodSandboxStatusRequest{PodSandboxId: sandbox, Verbose: true})
	if err != nil {
		t.Fatal(err)
	}
	var info struct{ Pid int32 }
	if err := json.Unmarshal([]byte(got.Info["info"]), &info); err != nil {
		t.Fatal(err)
	}
	for range 3000 {
		if line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", info.Pid)); err == nil && bytes.HasPrefix(line, []byte("/bin/sleep")) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("sandbox %s does not begin", sandbox)
}

// CreateIn makes a container in a pod and returns its id.
func (e *Engine) CreateIn(t testing.TB, p Pod, sandbox, name string, mounts []*runtimeapi.Mount, cmd ...string) string {
	t.Helper()
	got, err := e.cri.CreateContainer(context.Background(), &runtimeapi.CreateContainerRequest{
		PodSandboxId: sandbox, SandboxConfig: p.config(),
		Config: &runtimeapi.ContainerConfig{
			Metadata: &runtimeapi.ContainerMetadata{Name: name},
			Image:    &runtimeapi.ImageSpec{Image: Image}, Command: cmd, Mounts: mounts,
			Labels: map[string]string{"io.kubernetes.container.name": name},
			Linux: &runtimeapi.LinuxContainerConfig{SecurityContext: &runtimeapi.LinuxContainerSecurityContext{
				NamespaceOptions: p.config().Linux.SecurityContext.NamespaceOptions,
			}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return got.ContainerId
}

// StartContainer starts a container made by [Engine.CreateIn].
func (e *Engine) StartContainer(t testing.TB, id string) {
	t.Helper()
	if _, err := e.cri.StartContainer(context.Background(), &runtimeapi.StartContainerRequest{ContainerId: id}); err != nil {
		t.Fatal(err)
	}
}

// Wait waits until a container of a pod has ended.
func (e *Engine) Wait(t testing.TB, id string) {
	t.Helper()
	for range 3000 {
		got, err := e.cri.ContainerStatus(context.Background(), &runtimeapi.ContainerStatusRequest{ContainerId: id})
		if err != nil {
			t.Fatal(err)
		}
		if got.Status.State == runtimeapi.ContainerState_CONTAINER_EXITED {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("container %s does not end", id)
}

// Exec runs a command in a container of a pod, as the kubelet does for a probe.
func (e *Engine) Exec(t testing.TB, id string, cmd ...string) {
	t.Helper()
	if _, err := e.cri.ExecSync(context.Background(), &runtimeapi.ExecSyncRequest{ContainerId: id, Cmd: cmd, Timeout: 30}); err != nil {
		t.Fatal(err)
	}
}

// Pid returns the first process of a running container of a pod.
func (e *Engine) Pid(t testing.TB, id string) int32 {
	t.Helper()
	got, err := e.cri.ContainerStatus(context.Background(), &runtimeapi.ContainerStatusRequest{ContainerId: id, Verbose: true})
	if err != nil {
		t.Fatal(err)
	}
	var info struct{ Pid int32 }
	if err := json.Unmarshal([]byte(got.Info["info"]), &info); err != nil {
		t.Fatal(err)
	}
	return info.Pid
}

// RemoveContainer ends and removes a container of a pod.
func (e *Engine) RemoveContainer(t testing.TB, id string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, _ = e.cri.StopContainer(ctx, &runtimeapi.StopContainerRequest{ContainerId: id})
	if _, err := e.cri.RemoveContainer(ctx, &runtimeapi.RemoveContainerRequest{ContainerId: id}); err != nil {
		t.Errorf("removing container %s: %v", id, err)
	}
}

// RemovePod ends and removes a pod with its containers.
func (e *Engine) RemovePod(t testing.TB, sandbox string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, _ = e.cri.StopPodSandbox(ctx, &runtimeapi.StopPodSandboxRequest{PodSandboxId: sandbox})
	if _, err := e.cri.RemovePodSandbox(ctx, &runtimeapi.RemovePodSandboxRequest{PodSandboxId: sandbox}); err != nil {
		t.Errorf("removing pod %s: %v", sandbox, err)
	}
}
