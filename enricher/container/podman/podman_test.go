package podman_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tripline/tripline/enricher/container"
	"github.com/tripline/tripline/enricher/container/podman"
	"github.com/tripline/tripline/enricher/container/podman/podmantest"
	"github.com/tripline/tripline/pkg/msg"
)

func TestNew(t *testing.T) {
	for _, c := range []struct{ socket, storage, want string }{
		{"/run/podman/podman.sock", "/var/lib/containers/storage", ""},
		{"unix:///run/user/*/podman/podman.sock", "/home/*/s", ""},
		{"x", "/s", `socket "x"`},
		{"/x", "s", `storage "s"`},
		{"/x[", "/s", "pattern"},
	} {
		r, err := podman.New([]string{c.socket}, []string{c.storage})
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q %q: %v", c.socket, c.storage, err)
			}
		} else if err != nil || r.Name() != "podman" || !strings.HasPrefix(r.Endpoint(), "/run/") {
			t.Errorf("%q %q: %v", c.socket, c.storage, err)
		}
	}
}

func inspect(t *testing.T, c container.Runtime, id string) (*msg.Container, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return c.Inspect(ctx, id)
}

func client(t *testing.T, sockets, storages []string) *podman.Client {
	t.Helper()
	c, err := podman.New(sockets, storages)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestInspect(t *testing.T) {
	engine := podmantest.Start(t)
	c := client(t, []string{engine.Socket}, []string{engine.Storage})
	dir := t.TempDir()
	id := engine.Create(t, "web", []string{"--label", "tier=front", "--volume", dir + ":/data:ro", "--pid", "host", "--health-cmd", "true"}, "/bin/sleep", "1000")
	engine.StartContainer(t, id)
	check := func(t *testing.T, got *msg.Container) {
		t.Helper()
		im := got.Image
		if got.Id != id || got.Name != "web" || got.Runtime != "podman" || im.Name != podmantest.Image ||
			im.Repository != "tripline.example/test/box" || im.Tag != "v1" || !strings.HasPrefix(im.Id, "sha256:") {
			t.Errorf("got %v", got)
		}
		if !got.HostPid || got.HostNetwork || got.Privileged || got.StartTime == 0 {
			t.Errorf("what the host takes part in: %v", got)
		}
		for _, m := range got.Mounts {
			if m.Source == dir && m.Destination == "/data" && !m.Writable {
				return
			}
		}
		t.Errorf("mounts %v", got.Mounts)
	}
	t.Run("without a service", func(t *testing.T) {
		got, err := inspect(t, c, id)
		if !errors.Is(err, container.ErrAll) {
			t.Fatalf("got %v, want all there is", err)
		}
		check(t, got)
		if got.Completeness != msg.Completeness_COMPLETENESS_PARTIAL {
			t.Errorf("is called %v", got.Completeness)
		}
	})
	t.Run("of a service", func(t *testing.T) {
		engine.StartService(t)
		got, err := inspect(t, c, id)
		if err != nil {
			t.Fatal(err)
		}
		check(t, got)
		if got.Completeness != msg.Completeness_COMPLETENESS_COMPLETE || got.Labels["tier"] != "front" || got.Image.Digest == "" {
			t.Errorf("got %v", got)
		}
		if h := got.HealthChecks; len(h) != 1 || strings.Join(h[0].Args, " ") != "/bin/sh -c true" {
			t.Errorf("health checks %v", h)
		}
	})
	t.Run("when the service is gone and its socket is not", func(t *testing.T) {
		engine.StopService()
		got, err := inspect(t, c, id)
		if err != nil {
			t.Fatal(err)
		}
		check(t, got)
	})
	t.Run("nobody's", func(t *testing.T) {
		if _, err := inspect(t, client(t, nil, []string{engine.Storage}), strings.Repeat("f", 64)); !errors.Is(err, container.ErrNotFound) {
			t.Errorf("got %v", err)
		}
	})
}

// TestRootless asks for a user's container where patterns lead.
func TestRootless(t *testing.T) {
	engine := podmantest.StartRootless(t)
	id := engine.Create(t, "mine", []string{"--label", "tier=front"}, "/bin/sleep", "1000")
	engine.StartContainer(t, id)
	dir := filepath.Dir(engine.Socket)
	pattern := filepath.Join(filepath.Dir(dir), "*"+filepath.Base(dir)[3:])
	c := client(t, []string{pattern + "/s"}, []string{pattern + "/root"})
	got, err := inspect(t, c, id)
	if !errors.Is(err, container.ErrAll) || got.Name != "mine" || got.Image.Name != podmantest.Image {
		t.Errorf("without a service: %v, %v", got, err)
	}
	engine.StartService(t)
	got, err = inspect(t, c, id)
	if err != nil || got.Name != "mine" || got.Labels["tier"] != "front" || got.Completeness != msg.Completeness_COMPLETENESS_COMPLETE {
		t.Errorf("of its service: %v, %v", got, err)
	}
}

func TestWatch(t *testing.T) {
	engine := podmantest.Start(t)
	for _, service := range []bool{false, true} {
		name := map[bool]string{false: "storage", true: "service"}[service]
		t.Run(name, func(t *testing.T) {
			c := client(t, nil, []string{engine.Storage})
			if service {
				engine.StartService(t)
				c = client(t, []string{engine.Socket}, nil)
			}
			before := engine.Create(t, "before-"+name, nil, "/bin/true")
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			news, connected, end := make(chan container.Change, 100), make(chan struct{}), make(chan error, 1)
			go func() { end <- c.Watch(ctx, func() { close(connected) }, func(ch container.Change) { news <- ch }) }()
			<-connected
			after := engine.Create(t, "after-"+name, nil, "/bin/sleep", "1000")
			engine.StartContainer(t, after)
			heard := map[container.Change]bool{}
			await := func(id string, kind container.ChangeKind) {
				t.Helper()
				for !heard[container.Change{ID: id, Kind: kind}] {
					select {
					case ch := <-news:
						heard[ch] = true
					case <-time.After(time.Minute):
						t.Fatalf("no word of %s %d; heard %v", id, kind, heard)
					}
				}
			}
			if !service { // which lists those that run
				await(before, container.Appeared)
			}
			await(after, container.Appeared)
			engine.Podman(t, "rm", "--force", "--time", "0", after)
			await(after, container.Gone)
			if service {
				engine.StopService()
				select {
				case err := <-end:
					if err == nil {
						t.Error("the watch survives its only service")
					}
				case <-time.After(time.Minute):
					t.Error("the end of the only service goes unnoticed")
				}
				return
			}
			cancel()
			<-end
		})
	}
}

// TestStorageOfAnother is what a user may put where a storage is looked for.
func TestStorageOfAnother(t *testing.T) {
	id := strings.Repeat("ab", 32)
	dir := t.TempDir()
	list := filepath.Join(dir, "overlay-containers", "containers.json")
	if err := os.MkdirAll(filepath.Dir(list), 0o755); err != nil {
		t.Fatal(err)
	}
	c := client(t, nil, []string{dir})
	put := func(text string) {
		t.Helper()
		_ = os.Remove(list)
		if err := os.WriteFile(list, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range []string{"", "{", `{"a":1}`, `[1]`, "\x00"} {
		put(text)
		if got, err := inspect(t, c, id); err == nil || errors.Is(err, container.ErrNotFound) || got != nil {
			t.Errorf("%q: %v %v", text, got, err)
		}
	}
	put(`[{"id":"` + id + `","names":["n"],"metadata":"no JSON"}]`)
	if got, err := inspect(t, c, id); !errors.Is(err, container.ErrAll) || got.Name != "n" {
		t.Errorf("got %v %v", got, err)
	}
	_ = os.Remove(list)
	if err := os.Symlink("/etc/passwd", list); err != nil {
		t.Fatal(err)
	}
	if _, err := inspect(t, c, id); err == nil || errors.Is(err, container.ErrNotFound) {
		t.Errorf("follows a link: %v", err)
	}
}
