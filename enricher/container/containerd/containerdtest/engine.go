package containerdtest

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/tripline/tripline/enricher/container/boximage"
	"github.com/tripline/tripline/enricher/container/unixgrpc"
)

// Engine is a running containerd.
type Engine struct {
	// Socket is where it listens.
	Socket string

	dir    string
	daemon *exec.Cmd
	ended  chan struct{}
	conn   *grpc.ClientConn
	cri    runtimeapi.RuntimeServiceClient
}

// Image is the image that every engine has, in the namespaces k8s.io and
// [Namespace].
const Image = "tripline.example/test/box:v1"

// Namespace is where [Engine.Run] makes containers.
const Namespace = "plain"

// Start runs an engine until the test ends.
func Start(t testing.TB) *Engine {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: runs containerd")
	}
	for program, from := range map[string]string{"containerd": "containerd", "ctr": "containerd", "runc": "runc", "busybox": "busybox-static"} {
		if boximage.Find(program) == "" {
			t.Skipf("needs %s (Debian: %s)", program, from)
		}
	}
	// Not t.TempDir: socket paths must be short.
	dir, err := os.MkdirTemp("", "ctd")
	if err != nil {
		t.Fatal(err)
	}
	e := &Engine{dir: dir, Socket: filepath.Join(dir, "s")}
	if err := os.WriteFile(filepath.Join(dir, "c.toml"), []byte(config(dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "cni.d"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "cni.d", "10-test.conflist"), []byte(network(dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	if e.conn, err = unixgrpc.New(e.Socket); err != nil {
		t.Fatal(err)
	}
	e.cri = runtimeapi.NewRuntimeServiceClient(e.conn)
	t.Cleanup(func() { e.clean(t) })
	if err := e.start(); err != nil {
		t.Fatal(err)
	}
	e.load(t)
	return e
}

// config is that of containerd 1.6 and 1.7 (version 2 of the format, which 2.x
// still takes).
func config(dir string) string {
	return fmt.Sprintf(`version = 2
root = "%[1]s/root"
state = "%[1]s/state"
[grpc]
  address = "%[1]s/s"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "%[2]s"
  disable_apparmor = true
  restrict_oom_score_adj = true
  disable_tcp_service = true
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "%[1]s/cni.d"
`, dir, Image)
}

// network is a configuration of CNI for pods with a network of their own: a
// pair of virtual devices each, and addresses of a small net that is ours alone.
func network(dir string) string {
	return fmt.Sprintf(`{"cniVersion": "0.4.0", "name": "test", "plugins": [{"type": "ptp", "ipam": {
  "type": "host-local", "subnet": "10.%d.%d.0/24", "dataDir": "%s/ipam"}}]}`, 240+rand.IntN(10), rand.IntN(256), dir)
}

func (e *Engine) start() error {
	log, err := os.OpenFile(filepath.Join(e.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(boximage.Find("containerd"), "--config", filepath.Join(e.dir, "c.toml"))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	if err := cmd.Start(); err != nil {
		return err
	}
	e.daemon, e.ended = cmd, make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(e.ended)
	}()
	for range 600 {
		select {
		case <-e.ended:
			return fmt.Errorf("containerd ended: %s", e.log())
		case <-time.After(50 * time.Millisecond):
		}
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		_, err := e.cri.Version(ctx, &runtimeapi.VersionRequest{})
		cancel()
		if err == nil {
			return nil
		}
	}
	return fmt.Errorf("containerd does not answer: %s", e.log())
}

func (e *Engine) log() string {
	text, _ := os.ReadFile(filepath.Join(e.dir, "log"))
	return string(text[max(0, len(text)-4096):])
}

// load imports the image.
func (e *Engine) load(t testing.TB) {
	t.Helper()
	layout, err := boximage.Layout(Image)
	if err != nil {
		t.Fatal(err)
	}
	for _, ns := range []string{Namespace, "k8s.io"} {
		cmd := e.ctr("-n", ns, "images", "import", "-")
		cmd.Stdin = bytes.NewReader(layout)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("ctr images import: %v\n%s", err, out)
		}
	}
	images := runtimeapi.NewImageServiceClient(e.conn)
	for range 200 {
		got, err := images.ImageStatus(context.Background(), &runtimeapi.ImageStatusRequest{Image: &runtimeapi.ImageSpec{Image: Image}})
		if err == nil && got.Image != nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("CRI does not see the imported image")
}

func (e *Engine) ctr(args ...string) *exec.Cmd {
	cmd := exec.Command(boximage.Find("ctr"), append([]string{"-a", e.Socket}, args...)...)
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	return cmd
}

// Ctr runs the ctr command in [Namespace] and returns what it printed.
func (e *Engine) Ctr(t testing.TB, args ...string) string {
	t.Helper()
	out, err := e.ctr(append([]string{"-n", Namespace}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("ctr %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Create makes a container outside of Kubernetes. Flags are those of ctr containers create.
func (e *Engine) Create(t testing.TB, id string, flags []string, cmd ...string) {
	t.Helper()
	args := append([]string{"containers", "create"}, flags...)
	e.Ctr(t, append(append(args, Image, id), cmd...)...)
}

// StartTask starts the first process of a container made by [Engine.Create].
func (e *Engine) StartTask(t testing.TB, id string) {
	t.Helper()
	e.Ctr(t, "tasks", "start", "--detach", id)
}

// TaskPid returns the first process of a container made by [Engine.Create].
func (e *Engine) TaskPid(t testing.TB, id string) int32 {
	t.Helper()
	for line := range strings.Lines(e.Ctr(t, "tasks", "ls")) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == id {
			n, _ := strconv.ParseInt(f[1], 10, 32)
			return int32(n)
		}
	}
	t.Fatalf("no task of %s", id)
	return 0
}

// Kill ends the daemon at once. The containers go on.
func (e *Engine) Kill() {
	if e.daemon != nil {
		_ = e.daemon.Process.Kill()
		<-e.ended
		e.daemon = nil
	}
}

// Freeze stops the daemon where it is, and lets it go on.
func (e *Engine) Freeze(on bool) {
	sig := syscall.SIGCONT
	if on {
		sig = syscall.SIGSTOP
	}
	_ = e.daemon.Process.Signal(sig)
}

// Restart starts the daemon again after [Engine.Kill].
func (e *Engine) Restart(t testing.TB) {
	t.Helper()
	if err := e.start(); err != nil {
		t.Fatal(err)
	}
}

// clean removes what was made and ends the daemon.
func (e *Engine) clean(t testing.TB) {
	if e.daemon == nil {
		// Only another daemon gets rid of what the killed one left.
		if err := e.start(); err != nil {
			t.Logf("left running below %s: %v", e.dir, err)
			return
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if pods, err := e.cri.ListPodSandbox(ctx, &runtimeapi.ListPodSandboxRequest{}); err == nil {
		for _, p := range pods.Items {
			e.RemovePod(t, p.Id)
		}
	}
	if out, err := e.ctr("-n", Namespace, "tasks", "ls", "-q").Output(); err == nil {
		for _, id := range strings.Fields(string(out)) {
			_ = e.ctr("-n", Namespace, "tasks", "rm", "-f", id).Run()
		}
	}
	if out, err := e.ctr("-n", Namespace, "containers", "ls", "-q").Output(); err == nil {
		for _, id := range strings.Fields(string(out)) {
			_ = e.ctr("-n", Namespace, "containers", "rm", id).Run()
		}
	}
	_ = e.conn.Close()
	_ = e.daemon.Process.Signal(syscall.SIGTERM)
	select {
	case <-e.ended:
	case <-time.After(30 * time.Second):
		e.Kill()
	}
	if t.Failed() {
		t.Logf("end of containerd's log:\n%s", e.log())
	}
	unmount(e.dir)
	if err := os.RemoveAll(e.dir); err != nil {
		t.Logf("left behind: %v", err)
	}
}

// unmount takes away what is left mounted below dir.
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
