package exec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/pkg/msg"
)

const (
	// exitData is EX_DATAERR of sysexits.h: the input was incorrect.
	exitData = 65
	// maxKept is how much of what the program prints is kept, in bytes.
	maxKept = 4 << 10
	// maxQuote is how much of it is quoted.
	maxQuote = 300
	// grace is how long the pipes of a program that was killed may stay open.
	grace = time.Second
)

// Config is a sink of type exec.
type Config struct {
	// Command is the program, by its whole path, and its arguments.
	Command []string `yaml:"command"`
	// Environment is what the program finds in its environment, beside PATH.
	Environment map[string]string `yaml:"environment"`
	// Directory is where it runs.
	Directory string `yaml:"directory"`
	// Timeout is how long one run may take.
	Timeout time.Duration `yaml:"timeout"`
}

// DefaultConfig has everything but the command.
func DefaultConfig() Config { return Config{Directory: "/", Timeout: 10 * time.Second} }

// Validate reports everything that is wrong.
func (c Config) Validate() error {
	var errs []error
	switch {
	case len(c.Command) == 0:
		errs = append(errs, errors.New("command is not given"))
	case !filepath.IsAbs(c.Command[0]):
		errs = append(errs, fmt.Errorf("command: %q is not a whole path, as /usr/local/bin/x; there is no shell that would look for it", c.Command[0]))
	}
	for _, a := range c.Command {
		if strings.ContainsRune(a, 0) {
			errs = append(errs, errors.New("command: holds a zero byte"))
		}
	}
	for name, value := range c.Environment {
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.ContainsRune(value, 0) {
			errs = append(errs, fmt.Errorf("environment: %q is not a name, or its value holds a zero byte", name))
		}
	}
	if c.Timeout <= 0 {
		errs = append(errs, fmt.Errorf("timeout: %v is not a positive duration", c.Timeout))
	}
	return errors.Join(errs...)
}

// Sink runs the program.
type Sink struct {
	cfg Config
	env []string
}

var _ notifier.Sink = (*Sink)(nil)

// New looks whether the program is there.
func New(cfg Config) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if _, err := osexec.LookPath(cfg.Command[0]); err != nil {
		return nil, fmt.Errorf("command: %w", err)
	}
	env := []string{"PATH=" + path()}
	for _, name := range slices.Sorted(maps.Keys(cfg.Environment)) {
		env = append(env, name+"="+cfg.Environment[name])
	}
	return &Sink{cfg, env}, nil
}

// path is that of this process, or the usual one.
func path() string {
	if p := os.Getenv("PATH"); p != "" {
		return p
	}
	return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
}

// Deliver runs the program once.
func (s *Sink) Deliver(ctx context.Context, d *msg.Detection) error {
	line, err := render.JSONLine(d)
	if err != nil {
		return notifier.FailForGood(notifier.ReasonTemplate, err)
	}
	limited, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	cmd := osexec.CommandContext(limited, s.cfg.Command[0], s.cfg.Command[1:]...)
	cmd.Env, cmd.Dir = s.env, s.cfg.Directory
	cmd.Stdin = bytes.NewReader(line)
	said := &tail{}
	cmd.Stderr = said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = grace
	err = cmd.Run()
	var exit *osexec.ExitError
	switch {
	case err == nil, cmd.ProcessState != nil && cmd.ProcessState.Success() && !errors.As(err, &exit):
		// It has it, though it may not have read all of it, or left its
		// pipes to others.
		return nil
	case ctx.Err() != nil:
		return notifier.Fail(notifier.ReasonTimeout, fmt.Errorf("stopped: %w", ctx.Err()))
	case limited.Err() != nil:
		return notifier.Fail(notifier.ReasonTimeout, fmt.Errorf("the program took longer than %v and was killed%s", s.cfg.Timeout, said.quote()))
	case errors.As(err, &exit) && exit.ExitCode() == exitData:
		return notifier.FailForGood(notifier.ReasonClient, fmt.Errorf("the program refuses the detection (exit code %d)%s", exitData, said.quote()))
	case errors.As(err, &exit):
		return notifier.Fail(notifier.ReasonServer, fmt.Errorf("the program failed (%s)%s", exit.ProcessState, said.quote()))
	}
	return notifier.Fail(notifier.ReasonIO, fmt.Errorf("the program cannot be run: %w", err))
}

// tail keeps the end of what is written.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p[max(0, len(p)-maxKept):]...)
	if len(t.b) > maxKept {
		t.b = append([]byte(nil), t.b[len(t.b)-maxKept:]...)
	}
	return len(p), nil
}

func (t *tail) quote() string {
	text := strings.TrimSpace(string(t.b))
	if text == "" {
		return ""
	}
	if len(text) > maxQuote {
		text = "…" + text[len(text)-maxQuote:]
	}
	return ": " + render.Terminal(text)
}
