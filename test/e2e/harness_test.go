package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait; machines that run tests are slow and shared.
const patience = 2 * time.Minute

// binary returns the program under test, or skips.
func binary(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: the sensor loads programs into the kernel")
	}
	bin := os.Getenv("TRIPLINE_BIN")
	if bin == "" {
		t.Skip("needs TRIPLINE_BIN: run make test-e2e")
	}
	if _, err := os.Stat(bin); err != nil {
		t.Fatal(err)
	}
	return bin
}

// need skips when a program is not installed.
func need(t *testing.T, program string) string {
	t.Helper()
	p, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("needs %s: make deps-test installs it", program)
	}
	return p
}

// output collects what a process prints.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// process is one running tripline.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	out  output // standard output
	err  output // standard error
	done chan struct{}
}

// start runs the binary and ends it with the test.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(binary(t), args...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.err
	p.cmd.Env = append(os.Environ(), "NO_COLOR=1")
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = p.cmd.Wait(); close(p.done) }()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("tripline %s\n--- stdout\n%s\n--- stderr\n%s", strings.Join(args, " "), tail(p.out.String()), tail(p.err.String()))
		}
	})
	return p
}

func tail(s string) string {
	const most = 6000
	if len(s) > most {
		return "…" + s[len(s)-most:]
	}
	return s
}

// ready waits until the process says that all its stages are.
func (p *process) ready() *process {
	p.t.Helper()
	eventually(p.t, "ready: "+strings.Join(p.cmd.Args[1:], " "), func() bool {
		select {
		case <-p.done:
			p.t.Fatalf("ended at start: %s", p.err.String())
		default:
		}
		return strings.Contains(p.err.String(), `"msg":"ready"`)
	})
	return p
}

// stop asks the process to finish and waits.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		<-p.done
		p.t.Errorf("tripline %v did not stop on SIGTERM", p.cmd.Args[1:])
	}
}

// kill ends the process as a crash would.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// eventually waits until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("waited %v in vain for: %s", patience, what)
}

// bus returns the flags of an embedded server of this test's own, and the URL
// to reach it by.
func bus(t *testing.T) (serve []string, url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	return []string{"--listen", addr, "--store-dir", t.TempDir()}, "nats://" + addr
}

// ruleDir makes a rules directory with copies of these files of the repository.
func ruleDir(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range files {
		copyFile(t, filepath.Join("../..", f), filepath.Join(dir, filepath.Base(f)))
	}
	return dir
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// run runs a command to its end and returns what it printed.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// lines decodes JSON lines, passing over what is not JSON.
func lines[T any](s string) (all []T) {
	dec := strings.Split(s, "\n")
	for _, line := range dec {
		var v T
		if strings.HasPrefix(line, "{") && json.Unmarshal([]byte(line), &v) == nil {
			all = append(all, v)
		}
	}
	return all
}

// follow runs a command in the background and collects its output.
func follow(t *testing.T, name string, args ...string) *output {
	t.Helper()
	o := &output{}
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = o, o
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s\n%s", fmt.Sprint(cmd.Args), tail(o.String()))
		}
	})
	return o
}
