package dockertest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tripline/tripline/enricher/container/boximage"
)

// Engine is a running Docker Engine.
type Engine struct {
	// Socket is where it listens.
	Socket string

	dir     string
	path    string
	storage string
	daemon  *exec.Cmd
	http    *http.Client
}

// Image is the image that every engine has: a static busybox and no more.
const Image = "tripline.example/test/box:v1"

// Start runs an engine until the test ends.
func Start(t testing.TB) *Engine {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: runs a Docker Engine")
	}
	path := boximage.Find("dockerd")
	if path == "" {
		t.Skip("needs dockerd (Debian: docker.io)")
	}
	if boximage.Find("busybox") == "" {
		t.Skip("needs a static busybox (Debian: busybox-static)")
	}
	// Not t.TempDir: socket paths must be short.
	dir, err := os.MkdirTemp("", "dkr")
	if err != nil {
		t.Fatal(err)
	}
	e := &Engine{dir: dir, path: path, Socket: filepath.Join(dir, "s")}
	e.http = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", e.Socket)
	}}}
	t.Cleanup(func() {
		if e.daemon == nil {
			// Killed, and its containers and containerd live on: only another
			// daemon gets rid of them.
			if err := e.start(e.storage); err != nil {
				t.Logf("left running below %s: %v", dir, err)
				return
			}
		}
		e.removeContainers()
		e.stop(syscall.SIGTERM)
		if t.Failed() {
			if log, err := os.ReadFile(filepath.Join(dir, "log")); err == nil {
				t.Logf("end of dockerd's log:\n%s", log[max(0, len(log)-4096):])
			}
		}
		unmount(dir)
		if err := os.RemoveAll(dir); err != nil {
			t.Logf("left behind: %v", err)
		}
	})
	if err := e.start("overlay2"); err != nil {
		t.Logf("with overlay2: %v; trying vfs", err)
		if err := e.start("vfs"); err != nil {
			t.Skipf("needs a dockerd that runs here: %v", err)
		}
	}
	if err := e.load(); err != nil {
		t.Fatal(err)
	}
	return e
}

// unmount takes away what a killed daemon left mounted below dir.
func unmount(dir string) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); len(f) > 4 && strings.HasPrefix(f[4], dir+"/") {
			_ = syscall.Unmount(f[4], syscall.MNT_DETACH)
		}
	}
}

func (e *Engine) start(storage string) error {
	log, err := os.OpenFile(filepath.Join(e.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(e.path, "--host=unix://"+e.Socket, "--data-root="+e.dir+"/data", "--exec-root="+e.dir+"/exec",
		"--pidfile="+e.dir+"/pid", "--iptables=false", "--ip-forward=false", "--bridge=none", "--live-restore=true", "--storage-driver="+storage)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for range 600 {
		select {
		case err := <-ended:
			return fmt.Errorf("dockerd ended: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
		if e.call(http.MethodGet, "/_ping", nil, nil) == nil {
			e.daemon, e.storage = cmd, storage
			return nil
		}
	}
	_ = cmd.Process.Kill()
	return fmt.Errorf("dockerd does not answer")
}

// stop ends the daemon; its containers' processes may live on.
func (e *Engine) stop(sig syscall.Signal) {
	if e.daemon == nil {
		return
	}
	_ = e.daemon.Process.Signal(sig)
	for range 600 {
		if e.daemon.Process.Signal(syscall.Signal(0)) != nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	e.daemon = nil
}

// Kill ends the daemon at once, and its containerd with it. The containers go
// on.
func (e *Engine) Kill() {
	file := filepath.Join(e.dir, "exec/containerd/containerd.pid")
	text, _ := os.ReadFile(file)
	e.stop(syscall.SIGKILL)
	if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && pid > 1 {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		for range 600 {
			// A zombie has no executable any more.
			if _, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe"); err != nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	// The next daemon would take a zombie for alive by these files.
	_ = os.Remove(file)
	_ = os.Remove(filepath.Join(e.dir, "pid"))
}

// Restart starts the daemon again after [Engine.Kill].
func (e *Engine) Restart(t testing.TB) {
	t.Helper()
	if err := e.start(e.storage); err != nil {
		t.Fatal(err)
	}
}

// load makes the image, as docker import does.
func (e *Engine) load() error {
	layer, err := boximage.Layer()
	if err != nil {
		return err
	}
	repo, tag, _ := strings.Cut(Image, ":")
	return e.call(http.MethodPost, "/images/create?fromSrc=-&repo="+url.QueryEscape(repo)+"&tag="+tag, bytes.NewBuffer(layer), nil)
}

// Spec is what a container is made of; see the Engine API's ContainerCreate.
type Spec struct {
	Image       string
	Cmd         []string
	User        string            `json:",omitempty"`
	Labels      map[string]string `json:",omitempty"`
	HostConfig  HostConfig
	Healthcheck *Healthcheck `json:",omitempty"`
}

// Healthcheck is a command that the engine runs in the container every
// interval, in ns.
type Healthcheck struct {
	Test     []string
	Interval int64
}

// HostConfig is the part of [Spec] that the host takes part in.
type HostConfig struct {
	Privileged  bool     `json:",omitempty"`
	PidMode     string   `json:",omitempty"`
	IpcMode     string   `json:",omitempty"`
	NetworkMode string   `json:",omitempty"`
	Binds       []string `json:",omitempty"`
}

// Create makes a container and returns its id.
func (e *Engine) Create(t testing.TB, name string, s Spec) string {
	t.Helper()
	if s.Image == "" {
		s.Image = Image
	}
	body, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var made struct{ ID string }
	if err := e.call(http.MethodPost, "/containers/create?name="+url.QueryEscape(name), bytes.NewReader(body), &made); err != nil {
		t.Fatal(err)
	}
	return made.ID
}

// StartContainer starts a container.
func (e *Engine) StartContainer(t testing.TB, id string) {
	t.Helper()
	if err := e.call(http.MethodPost, "/containers/"+id+"/start", nil, nil); err != nil {
		t.Fatal(err)
	}
}

// Pid returns the first process of a running container.
func (e *Engine) Pid(t testing.TB, id string) int32 {
	t.Helper()
	var in struct{ State struct{ Pid int32 } }
	if err := e.call(http.MethodGet, "/containers/"+id+"/json", nil, &in); err != nil {
		t.Fatal(err)
	}
	return in.State.Pid
}

// Wait waits until a container has ended.
func (e *Engine) Wait(t testing.TB, id string) {
	t.Helper()
	if err := e.call(http.MethodPost, "/containers/"+id+"/wait", nil, nil); err != nil {
		t.Fatal(err)
	}
}

// Remove ends and removes a container.
func (e *Engine) Remove(t testing.TB, id string) {
	t.Helper()
	if err := e.call(http.MethodDelete, "/containers/"+id+"?force=1", nil, nil); err != nil {
		t.Fatal(err)
	}
}

// Rename gives a container another name.
func (e *Engine) Rename(t testing.TB, id, name string) {
	t.Helper()
	if err := e.call(http.MethodPost, "/containers/"+id+"/rename?name="+url.QueryEscape(name), nil, nil); err != nil {
		t.Fatal(err)
	}
}

func (e *Engine) removeContainers() {
	var all []struct{ ID string }
	_ = e.call(http.MethodGet, "/containers/json?all=1", nil, &all)
	for _, c := range all {
		_ = e.call(http.MethodDelete, "/containers/"+c.ID+"?force=1", nil, nil)
	}
}

// call speaks to the engine.
func (e *Engine) call(method, path string, body io.Reader, to any) error {
	req, err := http.NewRequest(method, "http://docker"+path, body)
	if err != nil {
		return err
	}
	switch body.(type) {
	case *bytes.Buffer:
		req.Header.Set("Content-Type", "application/x-tar")
	case *bytes.Reader:
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := e.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, text)
	}
	if to == nil {
		return nil
	}
	return json.Unmarshal(text, to)
}
