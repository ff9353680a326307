package docker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tripline/tripline/enricher/container"
	"github.com/tripline/tripline/enricher/container/docker/dockertest"
	"github.com/tripline/tripline/pkg/msg"
)

func TestNew(t *testing.T) {
	for _, c := range []struct{ name, socket, want string }{
		{"docker", "/run/x.sock", ""},
		{"podman", "unix:///run/x.sock", ""},
		{"docker", "tcp://1.2.3.4:2375", "absolute path"},
		{"docker", "", "absolute path"},
		{"rkt", "/run/x.sock", "docker or podman"},
	} {
		d, err := New(c.name, c.socket)
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q %q: %v", c.name, c.socket, err)
			}
		} else if err != nil || d.Endpoint() != "/run/x.sock" || d.Name() != c.name {
			t.Errorf("%q %q: %v", c.name, c.socket, err)
		}
	}
}

func TestImageNames(t *testing.T) {
	const id = "sha256:42cd9a5abcfdb311c02de21735b9042e34c6286baf05ef83f815cf6c85185504"
	for _, c := range []struct {
		name, written string
		im            image
		want          [4]string // name, repository, tag, digest
	}{
		{"a name and a tag", "a/b:v1", image{RepoDigests: []string{"x@sha256:9", "a/b@sha256:1"}}, [4]string{"a/b:v1", "a/b", "v1", "sha256:1"}},
		{"a name alone", "a/b", image{}, [4]string{"a/b", "a/b", "latest", ""}},
		{"a digest", "a/b@sha256:7", image{}, [4]string{"a/b@sha256:7", "a/b", "", "sha256:7"}},
		{"an id", id, image{RepoTags: []string{"a/b:v2"}, RepoDigests: []string{"a/b@sha256:1"}}, [4]string{"a/b:v2", "a/b", "v2", "sha256:1"}},
		{"the start of an id", "42cd9a5abcfd", image{RepoTags: []string{"a/b:v2"}}, [4]string{"a/b:v2", "a/b", "v2", ""}},
		{"an id without a name", id, image{}, [4]string{id, "", "", ""}},
		{"a name like an id", "42cd9a5f", image{}, [4]string{"42cd9a5f", "42cd9a5f", "latest", ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			im := container.ParseImage(c.written)
			im.Id = id
			container.CompleteImage(im, c.im.RepoTags, c.im.RepoDigests)
			if got := [4]string{im.Name, im.Repository, im.Tag, im.Digest}; got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestEvents(t *testing.T) {
	for _, c := range []struct {
		ev   event
		want container.Change
		ok   bool
	}{
		{event{Action: "create", Actor: struct{ ID string }{"x"}}, container.Change{ID: "x", Kind: container.Appeared}, true},
		{event{Action: "rename", Actor: struct{ ID string }{"x"}}, container.Change{ID: "x", Kind: container.Changed}, true},
		{event{Action: "destroy", Actor: struct{ ID string }{"x"}}, container.Change{ID: "x", Kind: container.Gone}, true},
		{event{Status: "start", ID: "x"}, container.Change{ID: "x", Kind: container.Changed}, true},
		{event{Status: "remove", ID: "x"}, container.Change{ID: "x", Kind: container.Gone}, true},
		{event{Action: "exec_start: sh", Actor: struct{ ID string }{"x"}}, container.Change{}, false},
		{event{Action: "create"}, container.Change{}, false},
	} {
		if got, ok := c.ev.change(); got != c.want || ok != c.ok {
			t.Errorf("%+v: got %+v %v", c.ev, got, ok)
		}
	}
}

func TestInspectRealEngine(t *testing.T) {
	engine := dockertest.Start(t)
	d, err := New("docker", engine.Socket)
	if err != nil {
		t.Fatal(err)
	}
	plain := engine.Create(t, "plain", dockertest.Spec{Cmd: []string{"/bin/sleep", "1000"}})
	loud := engine.Create(t, "loud", dockertest.Spec{
		Cmd: []string{"/bin/sleep", "1000"}, User: "1000", Labels: map[string]string{"team": "red"},
		HostConfig: dockertest.HostConfig{Privileged: true, PidMode: "host", NetworkMode: "host", IpcMode: "host", Binds: []string{"/etc:/mnt/etc:ro"}},
	})

	c, err := d.Inspect(t.Context(), plain)
	if err != nil {
		t.Fatal(err)
	}
	if c.Id != plain || c.Name != "plain" || c.Runtime != "docker" || c.Completeness != msg.Completeness_COMPLETENESS_COMPLETE {
		t.Errorf("got %v", c)
	}
	if im := c.Image; im.Name != dockertest.Image || im.Repository != "tripline.example/test/box" || im.Tag != "v1" || !strings.HasPrefix(im.Id, "sha256:") {
		t.Errorf("image %v", im)
	}
	if c.Privileged || c.HostPid || c.HostNetwork || c.HostIpc || c.StartTime != 0 || len(c.Mounts) != 0 {
		t.Errorf("a plain container that never started: %v", c)
	}
	engine.StartContainer(t, loud)
	if c, err = d.Inspect(t.Context(), loud); err != nil {
		t.Fatal(err)
	}
	if !c.Privileged || !c.HostPid || !c.HostNetwork || !c.HostIpc || c.StartTime == 0 || c.Labels["team"] != "red" || c.User != "1000" {
		t.Errorf("got %v", c)
	}
	if len(c.Mounts) != 1 || c.Mounts[0].Source != "/etc" || c.Mounts[0].Destination != "/mnt/etc" || c.Mounts[0].Writable {
		t.Errorf("mounts %v", c.Mounts)
	}
	if _, err := d.Inspect(t.Context(), strings.Repeat("0", 64)); !errors.Is(err, container.ErrNotFound) {
		t.Errorf("a container that is not there: %v", err)
	}
	engine.Kill()
	if _, err := d.Inspect(t.Context(), plain); err == nil || errors.Is(err, container.ErrNotFound) {
		t.Errorf("an engine that is not there: %v", err)
	}
}

func TestWatchRealEngine(t *testing.T) {
	engine := dockertest.Start(t)
	d, _ := New("docker", engine.Socket)
	before := engine.Create(t, "before", dockertest.Spec{Cmd: []string{"/bin/sleep", "1000"}})
	engine.StartContainer(t, before)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	connected, news, end := make(chan bool, 1), make(chan container.Change, 64), make(chan error, 1)
	go func() {
		end <- d.Watch(ctx, func() { connected <- true }, func(c container.Change) { news <- c })
	}()
	<-connected
	after := engine.Create(t, "after", dockertest.Spec{Cmd: []string{"/bin/true"}})
	engine.Rename(t, after, "later")
	engine.StartContainer(t, after)
	engine.Remove(t, after)

	var got []string
	for !slices.Contains(got, fmt.Sprint(after, container.Gone)) {
		select {
		case c := <-news:
			got = append(got, fmt.Sprint(c.ID, c.Kind))
		case err := <-end:
			t.Fatalf("the watch ended: %v", err)
		case <-time.After(time.Minute):
			t.Fatalf("no word of the removal; heard %q", got)
		}
	}
	for _, want := range []string{fmt.Sprint(before, container.Appeared), fmt.Sprint(after, container.Appeared), fmt.Sprint(after, container.Changed)} {
		if !slices.Contains(got, want) {
			t.Errorf("no word of %s; heard %q", want, got)
		}
	}
	engine.Kill()
	if err := <-end; err == nil {
		t.Error("the watch survives its engine")
	}
}

// TestEngineThatStarts: while an engine starts a container, which here lasts
// for ever, the list tells of it.
func TestEngineThatStarts(t *testing.T) {
	engine := dockertest.Start(t)
	id := engine.Create(t, "busy", dockertest.Spec{Cmd: []string{"/bin/true"}, Labels: map[string]string{"a": "b"}, HostConfig: dockertest.HostConfig{NetworkMode: "host"}})
	dir, err := os.MkdirTemp("", "prx")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "docker"})
	proxy.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", engine.Socket)
	}}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/containers/"+id+"/json" {
			<-r.Context().Done()
			return
		}
		proxy.ServeHTTP(w, r)
	})}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	c, err := New("docker", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 12*time.Second)
	defer cancel()
	got, err := c.Inspect(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	if got.Completeness != msg.Completeness_COMPLETENESS_PARTIAL || got.Name != "busy" || got.Image.GetName() != dockertest.Image ||
		got.Image.GetTag() != "v1" || got.Labels["a"] != "b" || !got.HostNetwork || got.Id != id {
		t.Errorf("got %v", got)
	}
}
