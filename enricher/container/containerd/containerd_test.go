package containerd_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tripline/tripline/enricher/container"
	"github.com/tripline/tripline/enricher/container/containerd"
	"github.com/tripline/tripline/enricher/container/containerd/containerdtest"
	"github.com/tripline/tripline/enricher/container/cri"
	"github.com/tripline/tripline/pkg/msg"
)

func TestNew(t *testing.T) {
	for socket, want := range map[string]string{"/run/x.sock": "", "unix:///run/x.sock": "", "x.sock": "absolute path", "": "absolute path", "tcp://1.2.3.4:5": "absolute path"} {
		c, err := containerd.New(socket)
		if want != "" {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v", socket, err)
			}
		} else if err != nil || c.Endpoint() != "/run/x.sock" || c.Name() != "containerd" {
			t.Errorf("%q: %v", socket, err)
		}
	}
}

func client(t *testing.T, socket string) *containerd.Client {
	t.Helper()
	c, err := containerd.New(socket)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func inspect(t *testing.T, c container.Runtime, id string) (*msg.Container, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return c.Inspect(ctx, id)
}

func TestInspect(t *testing.T) {
	engine := containerdtest.Start(t)
	c := client(t, engine.Socket)
	dir := t.TempDir()
	engine.Create(t, "web", []string{"--label", "tier=front", "--mount", "type=bind,src=" + dir + ",dst=/data,options=rbind:ro"}, "/bin/sleep", "1000")
	got, err := inspect(t, c, containerdtest.Namespace+"/web")
	if err != nil {
		t.Fatal(err)
	}
	if got.Name != "web" || got.Runtime != "containerd" || got.Labels["tier"] != "front" || got.StartTime != 0 ||
		got.Completeness != msg.Completeness_COMPLETENESS_COMPLETE {
		t.Errorf("before its start: %v", got)
	}
	im := got.Image
	if im.Name != containerdtest.Image || im.Repository != "tripline.example/test/box" || im.Tag != "v1" ||
		!strings.HasPrefix(im.Digest, "sha256:") || !strings.HasPrefix(im.Id, "sha256:") || im.Id == im.Digest {
		t.Errorf("image %v", im)
	}
	if got.Privileged || got.HostPid || got.HostIpc || got.HostNetwork || got.User != "0:0" {
		t.Errorf("what the host takes part in: %v", got)
	}
	if !slices.ContainsFunc(got.Mounts, func(m *msg.Mount) bool {
		return m.Source == dir && m.Destination == "/data" && !m.Writable
	}) {
		t.Errorf("mounts %v", got.Mounts)
	}
	began := time.Now()
	engine.StartTask(t, "web")
	if got, err = inspect(t, c, containerdtest.Namespace+"/web"); err != nil {
		t.Fatal(err)
	}
	if d := time.Unix(0, got.StartTime).Sub(began); d < -5*time.Second || d > time.Minute {
		t.Errorf("started %s after it was told to", d)
	}

	// What nerdctl makes has an id and a name apart.
	id := strings.Repeat("0123456789abcdef", 4)
	engine.Create(t, id, []string{"--label", "nerdctl/name=db", "--net-host", "--privileged"}, "/bin/true")
	if got, err = inspect(t, c, id); err != nil {
		t.Fatal(err)
	}
	if got.Id != id || got.Name != "db" || !got.HostNetwork || !got.Privileged || got.HostPid {
		t.Errorf("privileged, on the host's network: %v", got)
	}

	for _, id := range []string{"nowhere/web", containerdtest.Namespace + "/nobody", strings.Repeat("f", 64)} {
		if _, err := inspect(t, c, id); !errors.Is(err, container.ErrNotFound) {
			t.Errorf("%s: %v", id, err)
		}
	}
	engine.Kill()
	if _, err := inspect(t, c, id); err == nil || errors.Is(err, container.ErrNotFound) {
		t.Errorf("a daemon that is gone says %v", err)
	}
}

func TestSandbox(t *testing.T) {
	engine := containerdtest.Start(t)
	c := client(t, engine.Socket)
	pod := containerdtest.Pod{Name: "shop", Namespace: "prod", UID: "u-1", Labels: map[string]string{"app": "shop"}, OwnNetwork: containerdtest.CanNetwork()}
	id := engine.RunPod(t, pod)
	got, err := inspect(t, c, id)
	if err != nil {
		t.Fatal(err)
	}
	if p := got.Pod; p.GetName() != "shop" || p.GetNamespace() != "prod" || p.GetUid() != "u-1" || p.GetLabels()["app"] != "shop" || p.GetSandboxId() != id {
		t.Errorf("pod %v", p)
	}
	if got.Id != id || got.Name != "shop" || got.Image.Name != containerdtest.Image || got.StartTime == 0 || got.HostNetwork == pod.OwnNetwork {
		t.Errorf("got %v", got)
	}
	// The same as CRI says, once it does.
	r, err := cri.New("containerd", engine.Socket)
	if err != nil {
		t.Fatal(err)
	}
	want, err := inspect(t, r, id)
	if err != nil {
		t.Fatal(err)
	}
	if want.Ip != got.Ip || want.Name != got.Name || want.Image.Name != got.Image.Name || want.Pod.CniJson != got.Pod.CniJson || (got.Ip == "") == pod.OwnNetwork {
		t.Errorf("containerd says\n%v\nand CRI\n%v", got, want)
	}
}

func TestWatch(t *testing.T) {
	engine := containerdtest.Start(t)
	c := client(t, engine.Socket)
	engine.Create(t, "before", nil, "/bin/true")
	news := make(chan container.Change, 100)
	connected, end := make(chan struct{}), make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		end <- c.Watch(ctx, func() { close(connected) }, func(ch container.Change) { news <- ch })
	}()
	<-connected
	engine.Create(t, "after", nil, "/bin/true")
	engine.StartTask(t, "after")
	pod := containerdtest.Pod{Name: "p", Namespace: "n", UID: "u"}
	sandbox := engine.RunPod(t, pod)
	engine.Ctr(t, "containers", "rm", "before")

	at := func(name string) string { return containerdtest.Namespace + "/" + name }
	want := []string{
		fmt.Sprint(at("before"), container.Appeared), fmt.Sprint(at("after"), container.Appeared),
		fmt.Sprint(at("after"), container.Changed), fmt.Sprint(sandbox, container.Appeared), fmt.Sprint(at("before"), container.Gone),
	}
	var got []string
	for !slices.Contains(got, want[len(want)-1]) {
		select {
		case ch := <-news:
			got = append(got, fmt.Sprint(ch.ID, ch.Kind))
		case err := <-end:
			t.Fatalf("the watch ended: %v", err)
		case <-time.After(time.Minute):
			t.Fatalf("no word of the removal; heard %q", got)
		}
	}
	for _, w := range want {
		if !slices.Contains(got, w) {
			t.Errorf("no word of %s; heard %q", w, got)
		}
	}
	// Of the containers in a pod CRI tells.
	inPod := engine.CreateIn(t, pod, sandbox, "web", nil, "/bin/true")
	if _, err := inspect(t, c, inPod); !errors.Is(err, container.ErrNotFound) {
		t.Errorf("of a container in a pod: %v", err)
	}
	engine.Kill()
	if err := <-end; err == nil {
		t.Error("the watch survives its daemon")
	}
}
