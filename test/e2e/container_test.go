package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/matcher/expr/falco/fields"
	"github.com/tripline/tripline/pkg/msg"
)

// docker starts an engine of this test's own and returns a function that runs
// its client.
func docker(t *testing.T) (socket string, client func(args ...string) *exec.Cmd) {
	t.Helper()
	return dockerOn(t, "vfs")
}

// dockerOn is docker with a storage driver: vfs goes everywhere, overlay2 shows
// what is not of an image.
func dockerOn(t *testing.T, storage string) (socket string, client func(args ...string) *exec.Cmd) {
	t.Helper()
	binary(t)
	engine := need(t, "dockerd")
	cli := need(t, "docker")
	need(t, "busybox")
	dir, err := os.MkdirTemp("", "tl-docker")
	if err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(dir, "docker.sock")
	args := []string{
		"--host", "unix://" + socket, "--data-root", dir + "/data", "--exec-root", dir + "/exec", "--pidfile", dir + "/pid",
		"--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=" + storage,
	}
	if lacking := lackingCapabilities(t); len(lacking) > 0 {
		args = append(args, "--add-runtime=lesser="+lesserRuntime(t, dir, lacking), "--default-runtime=lesser")
	}
	d := exec.Command(engine, args...)
	var log output
	d.Stdout, d.Stderr = &log, &log
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = d.Process.Signal(os.Interrupt)
		_ = d.Wait()
		_ = os.RemoveAll(dir)
		if t.Failed() {
			t.Logf("dockerd\n%s", tail(log.String()))
		}
	})
	client = func(args ...string) *exec.Cmd {
		return exec.Command(cli, append([]string{"--host", "unix://" + socket}, args...)...)
	}
	eventually(t, "the Docker engine", func() bool { return client("version").Run() == nil })
	return socket, client
}

// lackingCapabilities are those that root itself does not have here, which makes
// an engine fail that gives all to a privileged container.
func lackingCapabilities(t *testing.T) []string {
	t.Helper()
	var lacking uint64
	for n := range 64 {
		on, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(n), 0, 0, 0)
		if err != nil {
			break // the kernel has no more
		}
		if on == 0 {
			lacking |= 1 << n
		}
	}
	return strings.Fields(fields.CapabilityNames(lacking))
}

// lesserRuntime is runc for containers that lack what root does.
func lesserRuntime(t *testing.T, dir string, lacking []string) string {
	t.Helper()
	var edits strings.Builder
	for _, name := range lacking {
		fmt.Fprintf(&edits, ` -e 's/"%s",//g' -e 's/,"%s"//g'`, name, name)
	}
	path := filepath.Join(dir, "lesser")
	script := "#!/bin/sh\nfor a; do [ \"${last:-}\" = --bundle ] && sed -i" + edits.String() + " \"$a/config.json\"; last=$a; done\nexec runc \"$@\"\n"
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// image builds an image from nothing but a static shell.
func image(t *testing.T, client func(args ...string) *exec.Cmd, tag string) {
	t.Helper()
	dir := t.TempDir()
	copyFile(t, need(t, "busybox"), filepath.Join(dir, "sh"))
	if err := os.Chmod(filepath.Join(dir, "sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	tar := exec.Command("tar", "-C", dir, "-c", "sh")
	imp := client("import", "--change", `CMD ["/sh"]`, "-", tag)
	pipe, err := tar.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	imp.Stdin = pipe
	if err := tar.Start(); err != nil {
		t.Fatal(err)
	}
	if out, err := imp.CombinedOutput(); err != nil {
		t.Fatalf("docker import: %v\n%s", err, out)
	}
	_ = tar.Wait()
}

// TestTerminalShellInContainer: docker run -t with a shell is told with the
// container's id, name and image.
func TestTerminalShellInContainer(t *testing.T) {
	socket, client := docker(t)
	image(t, client, "example/shell:1.0")
	serve, _ := bus(t)
	p := start(t, append([]string{
		"run", "--rules-dir", ruleDir(t, "rules/expr/00-macros.yaml", "rules/expr/terminal_shell_in_container.yaml"),
		"--docker-socket", socket, "--output", "json",
	}, serve...)...).ready()

	if out, err := client("run", "-t", "--rm", "--network=none", "--name", "suspicious_hare", "example/shell:1.0", "/sh", "-c", "echo hello").CombinedOutput(); err != nil {
		t.Fatalf("docker run: %v\n%s", err, out)
	}
	var found []msg.Detection
	eventually(t, "the detection", func() bool {
		found = lines[msg.Detection](p.out.String())
		return len(found) > 0
	})
	d := found[0]
	if d.Event.Container == nil {
		t.Fatalf("no container in %+v", d)
	}
	c := d.Event.Container
	if c.Name != "suspicious_hare" || c.Image != "example/shell:1.0" || len(c.ID) != 64 || c.Completeness != "complete" {
		t.Errorf("container %+v", c)
	}
	for _, want := range []string{"suspicious_hare", "example/shell", c.ID[:12]} {
		if !strings.Contains(d.Output, want) {
			t.Errorf("output lacks %q: %s", want, d.Output)
		}
	}
	if len(found) != 1 {
		t.Errorf("%d detections of one shell", len(found))
	}
}
