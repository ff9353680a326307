package podmantest

import (
	"bytes"
	"net"
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

// Engine is a Podman with its own storage.
type Engine struct {
	// Socket is where the API service listens while it runs.
	Socket string
	// Storage is where containers are kept.
	Storage string

	dir     string
	uid     uint32
	service *exec.Cmd
}

// nobody is the user of [StartRootless].
const nobody = 65534

// Image is the image that every engine has.
const Image = "tripline.example/test/box:v1"

// Start makes the storage with the image, and removes both when the test ends.
func Start(t testing.TB) *Engine {
	t.Helper()
	return start(t, 0)
}

// StartRootless is as [Start], for a Podman of a user without privileges. Where
// version 1 of cgroups rules, its containers have no cgroups.
func StartRootless(t testing.TB) *Engine {
	t.Helper()
	return start(t, nobody)
}

func start(t testing.TB, uid uint32) *Engine {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: runs Podman")
	}
	for program, from := range map[string]string{"podman": "podman", "conmon": "podman", "busybox": "busybox-static"} {
		if boximage.Find(program) == "" {
			t.Skipf("needs %s (Debian: %s)", program, from)
		}
	}
	// Not t.TempDir: socket paths must be short.
	dir, err := os.MkdirTemp("", "pod")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, int(uid), int(uid)); err != nil {
		t.Fatal(err)
	}
	e := &Engine{dir: dir, uid: uid, Socket: filepath.Join(dir, "s"), Storage: filepath.Join(dir, "root")}
	t.Cleanup(func() {
		e.StopService()
		if out, err := e.command("rm", "--all", "--force", "--time", "0").CombinedOutput(); err != nil {
			t.Logf("podman rm: %v\n%s", err, out)
		}
		if e.uid != 0 {
			// Without privileges a process stays behind that keeps the user
			// namespace; this ends it.
			if out, err := e.command("system", "migrate").CombinedOutput(); err != nil {
				t.Logf("podman system migrate: %v\n%s", err, out)
			}
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Logf("left behind: %v", err)
		}
	})
	layer, err := boximage.Layer()
	if err != nil {
		t.Fatal(err)
	}
	cmd := e.command("import", "-", Image)
	cmd.Stdin = bytes.NewReader(layer)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("podman import: %v\n%s", err, out)
	}
	return e
}

func (e *Engine) command(args ...string) *exec.Cmd {
	cmd := exec.Command(boximage.Find("podman"), append([]string{
		"--root", e.Storage, "--runroot", filepath.Join(e.dir, "run"), "--tmpdir", filepath.Join(e.dir, "tmp"),
		"--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "file",
	}, args...)...)
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	if e.uid != 0 {
		cmd.Env = append(cmd.Env, "HOME="+e.dir, "XDG_RUNTIME_DIR="+e.dir)
		cmd.Dir = e.dir
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: e.uid, Gid: e.uid}}
	}
	return cmd
}

// Podman runs the podman command and returns what it printed on standard output.
func (e *Engine) Podman(t testing.TB, args ...string) string {
	t.Helper()
	cmd := e.command(args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("podman %s: %v\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return string(out)
}

// Create makes a container and returns its id. Flags are those of podman create.
func (e *Engine) Create(t testing.TB, name string, flags []string, cmd ...string) string {
	t.Helper()
	// Podman asks for more open files than a root without CAP_SYS_RESOURCE may have.
	args := append([]string{"create", "--network", "none", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", "--name", name}, flags...)
	return strings.TrimSpace(e.Podman(t, append(append(args, Image), cmd...)...))
}

// StartContainer starts a container.
func (e *Engine) StartContainer(t testing.TB, id string) {
	t.Helper()
	e.Podman(t, "start", id)
}

// Pid returns the first process of a running container.
func (e *Engine) Pid(t testing.TB, id string) int32 {
	t.Helper()
	n, _ := strconv.ParseInt(strings.TrimSpace(e.Podman(t, "inspect", "--format", "{{.State.Pid}}", id)), 10, 32)
	return int32(n)
}

// StartService starts the API service, which listens on the engine's socket.
func (e *Engine) StartService(t testing.TB) {
	t.Helper()
	_ = os.Remove(e.Socket)
	e.service = e.command("system", "service", "--time", "0", "unix://"+e.Socket)
	if err := e.service.Start(); err != nil {
		t.Fatal(err)
	}
	for range 600 {
		if c, err := net.Dial("unix", e.Socket); err == nil {
			_ = c.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("podman system service does not listen")
}

// StopService ends the API service; its socket stays. Containers go on.
func (e *Engine) StopService() {
	if e.service != nil {
		_ = e.service.Process.Signal(syscall.SIGKILL)
		_ = e.service.Wait()
		e.service = nil
	}
}
