package cri_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/tripline/tripline/enricher/container"
	"github.com/tripline/tripline/enricher/container/containerd/containerdtest"
	"github.com/tripline/tripline/enricher/container/cri"
	"github.com/tripline/tripline/pkg/msg"
)

func TestNew(t *testing.T) {
	for _, c := range []struct{ name, socket, want string }{
		{"containerd", "/run/x.sock", ""},
		{"crio", "unix:///run/x.sock", ""},
		{"docker", "/run/x.sock", "expected containerd or crio"},
		{"crio", "x", "absolute path"},
	} {
		r, err := cri.New(c.name, c.socket)
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q %q: %v", c.name, c.socket, err)
			}
		} else if err != nil || r.Name() != c.name || !strings.HasPrefix(r.Endpoint(), "/run/x.sock") {
			t.Errorf("%q %q: %v", c.name, c.socket, err)
		}
	}
}

func inspect(t *testing.T, c container.Runtime, id string) (*msg.Container, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return c.Inspect(ctx, id)
}

const applied = `{"kind":"Pod","spec":{"containers":[
  {"name":"web","livenessProbe":{"exec":{"command":["/bin/cat","/etc/passwd"]}},"readinessProbe":{"httpGet":{"port":80}}},
  {"name":"side","readinessProbe":{"exec":{"command":["/bin/true"]}}}]}}`

func TestInspect(t *testing.T) {
	engine := containerdtest.Start(t)
	c, err := cri.New("containerd", engine.Socket)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	pod := containerdtest.Pod{
		Name: "shop", Namespace: "prod", UID: "6f8fa6a4-8b1c-4d8e-9a53-0f1b2c3d4e5f", Labels: map[string]string{"app": "shop"},
		Annotations: map[string]string{"kubectl.kubernetes.io/last-applied-configuration": applied},
	}
	sandbox := engine.RunPod(t, pod)
	web := engine.CreateIn(t, pod, sandbox, "web", []*runtimeapi.Mount{{HostPath: dir, ContainerPath: "/data", Readonly: true}}, "/bin/sleep", "1000")

	checkPod := func(t *testing.T, p *msg.Pod) {
		t.Helper()
		if p.GetName() != "shop" || p.GetNamespace() != "prod" || p.GetUid() != pod.UID || p.GetLabels()["app"] != "shop" || p.GetSandboxId() != sandbox {
			t.Errorf("pod %v", p)
		}
	}
	t.Run("a container that was not started", func(t *testing.T) {
		got, err := inspect(t, c, web)
		if err != nil {
			t.Fatal(err)
		}
		checkPod(t, got.Pod)
		if got.Id != web || got.Name != "web" || got.Runtime != "containerd" || got.StartTime != 0 || got.Completeness != msg.Completeness_COMPLETENESS_COMPLETE {
			t.Errorf("got %v", got)
		}
		im := got.Image
		if im.Name != containerdtest.Image || im.Repository != "tripline.example/test/box" || im.Tag != "v1" || !strings.HasPrefix(im.Id, "sha256:") {
			t.Errorf("image %v", im)
		}
		if !got.HostNetwork || got.HostPid || got.HostIpc || got.Privileged || got.User != "0:0" {
			t.Errorf("what the host takes part in: %v", got)
		}
		if !slices.ContainsFunc(got.Mounts, func(m *msg.Mount) bool {
			return m.Source == dir && m.Destination == "/data" && !m.Writable && m.Propagation == "private"
		}) {
			t.Errorf("mounts %v", got.Mounts)
		}
		if h := got.HealthChecks; len(h) != 1 || h[0].Kind != msg.HealthCheckKind_HEALTH_CHECK_KIND_LIVENESS || !slices.Equal(h[0].Args, []string{"/bin/cat", "/etc/passwd"}) {
			t.Errorf("health checks %v", h)
		}
	})
	t.Run("its start", func(t *testing.T) {
		began := time.Now()
		engine.StartContainer(t, web)
		got, err := inspect(t, c, web)
		if err != nil {
			t.Fatal(err)
		}
		if d := time.Unix(0, got.StartTime).Sub(began); d < -5*time.Second || d > time.Minute {
			t.Errorf("started %s after it was told to", d)
		}
	})
	t.Run("the sandbox", func(t *testing.T) {
		got, err := inspect(t, c, sandbox)
		if err != nil {
			t.Fatal(err)
		}
		checkPod(t, got.Pod)
		if got.Name != "shop" || got.Image.Name != containerdtest.Image || got.StartTime == 0 || got.Completeness != msg.Completeness_COMPLETENESS_COMPLETE {
			t.Errorf("got %v", got)
		}
	})
	t.Run("a pod with a network of its own", func(t *testing.T) {
		if !containerdtest.CanNetwork() {
			t.Skip("needs network plugins (Debian: containernetworking-plugins)")
		}
		pod := containerdtest.Pod{Name: "own", Namespace: "prod", UID: "own", OwnNetwork: true}
		sandbox := engine.RunPod(t, pod)
		id := engine.CreateIn(t, pod, sandbox, "web", nil, "/bin/sleep", "1000")
		got, err := inspect(t, c, id)
		if err != nil {
			t.Fatal(err)
		}
		ip := got.Pod.Ip
		if !strings.HasPrefix(ip, "10.2") || got.Ip != ip || got.HostNetwork || !strings.Contains(got.Pod.CniJson, ip) {
			t.Errorf("address %q of the container, pod %v", got.Ip, got.Pod)
		}
	})
	t.Run("nobody's", func(t *testing.T) {
		for _, id := range []string{strings.Repeat("f", 64), web[:12], "plain/web"} {
			if _, err := inspect(t, c, id); !errors.Is(err, container.ErrNotFound) {
				t.Errorf("%s: %v", id, err)
			}
		}
	})
	t.Run("watched", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		news := make(chan container.Change, 100)
		end := make(chan error, 1)
		go func() { end <- c.Watch(ctx, func() {}, func(ch container.Change) { news <- ch }) }()
		heard := map[container.Change]bool{}
		await := func(id string, kind container.ChangeKind) {
			t.Helper()
			for !heard[container.Change{ID: id, Kind: kind}] {
				select {
				case ch := <-news:
					heard[ch] = true
				case err := <-end:
					t.Fatalf("the watch ended: %v", err)
				case <-time.After(time.Minute):
					t.Fatalf("no word of %s %d; heard %v", id, kind, heard)
				}
			}
		}
		await(sandbox, container.Appeared)
		await(web, container.Appeared)
		side := engine.CreateIn(t, pod, sandbox, "side", nil, "/bin/sleep", "1000")
		await(side, container.Appeared)
		engine.StartContainer(t, side)
		await(side, container.Changed)
		engine.RemoveContainer(t, side)
		await(side, container.Gone)
		engine.Kill()
		if err := <-end; err == nil {
			t.Error("the watch survives its runtime")
		}
		if _, err := inspect(t, c, web); err == nil || errors.Is(err, container.ErrNotFound) {
			t.Errorf("a runtime that is gone says %v", err)
		}
	})
}
