package faults

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tripline/tripline/internal/bus/bustest"
)

// patience bounds every wait; machines that run tests are slow and shared.
const patience = 3 * time.Minute

// stage is one process of the pipeline, which is started again when it ends, as
// an init system would.
type stage struct {
	t    *testing.T
	name string
	args []string
	// program goes before the command, "ip netns exec x" for instance.
	program []string
	dir     string         // of its logs, one file for each life
	proxy   *bustest.Proxy // to the server; nil for the server itself

	mu      sync.Mutex
	cmd     *exec.Cmd
	lives   int
	wanted  bool // to be started again
	killed  bool // by us
	strange []string
	downs   []span // when it was not there, from its end until it was ready
	ended   chan struct{}
}

// span is a stretch of time; to is zero while it lasts.
type span struct{ from, to time.Time }

func (s span) around(t time.Time, before, after time.Duration) bool {
	return t.After(s.from.Add(-before)) && (s.to.IsZero() || t.Before(s.to.Add(after)))
}

// begin starts the process and keeps it running until the test ends.
func (s *stage) begin() {
	s.t.Helper()
	s.mu.Lock()
	s.wanted = true
	err := s.start()
	s.mu.Unlock()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(s.finish)
	s.ready()
}

// start needs the lock.
func (s *stage) start() error {
	s.lives++
	f, err := os.Create(s.logFile())
	if err != nil {
		return err
	}
	defer f.Close()
	command := append(append(append([]string{}, s.program...), os.Getenv("TRIPLINE_BIN")), s.args...)
	c := exec.Command(command[0], command[1:]...)
	c.Env = append(os.Environ(), "NO_COLOR=1")
	c.Stdout, c.Stderr = f, f
	// A test that is killed takes its processes along.
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		return err
	}
	s.cmd, s.killed, s.ended = c, false, make(chan struct{})
	go s.watch(c, s.ended)
	return nil
}

func (s *stage) logFile() string {
	return filepath.Join(s.dir, fmt.Sprintf("%s.%d.log", s.name, s.lives))
}

// watch starts the process again when it has ended.
func (s *stage) watch(c *exec.Cmd, ended chan struct{}) {
	err := c.Wait()
	close(ended)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.wanted {
		return
	}
	if !s.killed {
		s.strange = append(s.strange, fmt.Sprintf("%s ended by itself: %v\n%s", s.name, err, tail(s.logFile())))
	}
	s.downs = append(s.downs, span{from: time.Now()})
	for s.wanted {
		if err := s.start(); err == nil {
			break
		}
		s.mu.Unlock()
		time.Sleep(100 * time.Millisecond)
		s.mu.Lock()
	}
	go s.up(len(s.downs) - 1)
}

// up notes when the new process is ready.
func (s *stage) up(down int) {
	for {
		s.mu.Lock()
		if !s.wanted || down != len(s.downs)-1 {
			s.mu.Unlock()
			return
		}
		if s.isReady() {
			s.downs[down].to = time.Now()
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		time.Sleep(20 * time.Millisecond)
	}
}

func (s *stage) isReady() bool {
	b, err := os.ReadFile(s.logFile())
	return err == nil && bytes.Contains(b, []byte(`"msg":"ready"`))
}

func (s *stage) ready() {
	s.t.Helper()
	eventually(s.t, s.name+" to be ready", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.isReady()
	})
}

// signal sends a signal to the process that runs now.
func (s *stage) signal(sig syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.killed = s.killed || sig == syscall.SIGKILL
	// It may be ending at this moment.
	_ = s.cmd.Process.Signal(sig)
}

// finish ends the process as an operator would, and checks that it obeys.
func (s *stage) finish() {
	s.mu.Lock()
	s.wanted = false
	c, ended := s.cmd, s.ended
	s.mu.Unlock()
	_ = c.Process.Signal(syscall.SIGCONT)
	_ = c.Process.Signal(syscall.SIGTERM)
	select {
	case <-ended:
	case <-time.After(patience):
		_ = c.Process.Kill()
		<-ended
		s.t.Errorf("%s did not end on SIGTERM\n%s", s.name, tail(s.logFile()))
	}
}

func (s *stage) wasDown(t time.Time, before, after time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.downs {
		if d.around(t, before, after) {
			return true
		}
	}
	return false
}

func tail(file string) string {
	const most = 3000
	b, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	return strings.ToValidUTF8(string(b[max(0, len(b)-most):]), "?")
}

// eventually waits until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("waited %v in vain for %s", patience, what)
}
