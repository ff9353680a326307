package storm

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// variable tells a process what it was started for.
const variable = "TRIPLINE_STORM"

// nobody is the user that floods.
const nobody = 65534

// Main does what this process was started for and does not return, if it was
// this package that started it.
func Main() {
	what := strings.Split(os.Getenv(variable), "\n")
	if what[0] == "" {
		return
	}
	runtime.LockOSThread() // ptrace and namespaces belong to a thread
	var err error
	switch what[0] {
	case "flood":
		err = flood(what[1], what[2])
	case "attack":
		err = attack(what[1], what[2])
	case "victim":
		_, err = io.Copy(io.Discard, os.Stdin)
	case "nothing":
	default:
		err = fmt.Errorf("%q is nothing to do", what[0])
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "storm: %s: %v\n", strings.Join(what, " "), err)
		os.Exit(1)
	}
	os.Exit(0)
}

func again(what ...string) (*exec.Cmd, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := exec.Command(exe)
	c.Env = append(os.Environ(), variable+"="+strings.Join(what, "\n"))
	c.Stderr = os.Stderr
	return c, nil
}

// Flood is a process that opens and closes files.
type Flood struct {
	// Pid is the process.
	Pid int

	cmd    *exec.Cmd
	stdin  io.Closer
	stdout io.Reader
}

// StartFlood starts a process of the user nobody that opens and closes a file
// in dir as fast as it can; with files above 1 it takes so many in turn.
func StartFlood(dir string, files int) (*Flood, error) {
	c, err := again("flood", dir, strconv.Itoa(files))
	if err != nil {
		return nil, err
	}
	f := &Flood{cmd: c}
	if f.stdin, err = c.StdinPipe(); err != nil {
		return nil, err
	}
	if f.stdout, err = c.StdoutPipe(); err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	f.Pid = c.Process.Pid
	return f, nil
}

// Stop ends the flood and says how often a file was opened and closed.
func (f *Flood) Stop() (pairs uint64, err error) {
	f.stdin.Close()
	line, _ := bufio.NewReader(f.stdout).ReadString('\n')
	if err := f.cmd.Wait(); err != nil {
		return 0, fmt.Errorf("the flood: %w", err)
	}
	return strconv.ParseUint(strings.TrimSpace(line), 10, 64)
}

// flood opens and closes until its standard input ends.
func flood(dir, files string) error {
	n, err := strconv.Atoi(files)
	if err != nil {
		return err
	}
	// Whatever the directories above allow, this one is open to the user, who
	// is in it already.
	if dir, err = os.MkdirTemp(dir, "flood"); err != nil {
		return err
	}
	if err := errors.Join(os.Chmod(dir, 0o777), os.Chdir(dir)); err != nil {
		return err
	}
	names := make([][]byte, max(n, 1))
	for i := range names {
		name := "flood" + strconv.Itoa(i)
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			return err
		}
		names[i] = append([]byte(name), 0)
	}
	if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(nobody), syscall.Setuid(nobody)); err != nil {
		return err
	}
	var stop atomic.Bool
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop.Store(true)
	}()
	const cwd = ^uintptr(99)
	pairs := uint64(0)
	for i := 0; !stop.Load(); i = (i + 1) % len(names) {
		fd, _, errno := syscall.RawSyscall6(unix.SYS_OPENAT, cwd, uintptr(unsafe.Pointer(unsafe.SliceData(names[i]))), 0, 0, 0, 0)
		if errno != 0 {
			return errno
		}
		_, _, _ = syscall.RawSyscall(unix.SYS_CLOSE, fd, 0, 0)
		pairs++
	}
	fmt.Println(pairs)
	return nil
}

// Attack is one thing that was done during the storm.
type Attack struct {
	Kind string `json:"kind"`
	// Round counts from 0.
	Round int `json:"round"`
	// Pid is the process that did it.
	Pid  int       `json:"pid"`
	Time time.Time `json:"time"`
}

// Config says how long and how much.
type Config struct {
	// Dir is where files are made; it must exist.
	Dir string
	// Duration is how long the flood lasts; the attacks are spread over it.
	Duration time.Duration
	// Rounds is how often each kind of attack is done.
	Rounds int
	// Files is how many files the flood takes in turn, 1 for always the same.
	Files int
}

// Result is what was done.
type Result struct {
	Attacks []Attack
	// Flooder is the process that made the storm, Pairs how often it opened
	// and closed a file, in Took.
	Flooder int
	Pairs   uint64
	Took    time.Duration
}

// Run makes a storm with attacks in it. The first comes when the storm has
// lasted a little, the last a little before it ends.
func Run(ctx context.Context, c Config) (Result, error) {
	f, err := StartFlood(c.Dir, c.Files)
	if err != nil {
		return Result{}, err
	}
	began := time.Now()
	r := Result{Flooder: f.Pid}
	kinds := Kinds()
	total := c.Rounds * len(kinds)
	for i := range total {
		due := began.Add(c.Duration * time.Duration(i+1) / time.Duration(total+1))
		select {
		case <-ctx.Done():
			_, _ = f.Stop()
			return r, ctx.Err()
		case <-time.After(time.Until(due)):
		}
		kind := kinds[i%len(kinds)]
		a := Attack{Kind: kind, Round: i / len(kinds), Time: time.Now()}
		if a.Pid, err = Do(kind, c.Dir); err != nil {
			_, _ = f.Stop()
			return r, err
		}
		r.Attacks = append(r.Attacks, a)
	}
	select {
	case <-ctx.Done():
	case <-time.After(time.Until(began.Add(c.Duration))):
	}
	r.Pairs, err = f.Stop()
	r.Took = time.Since(began)
	return r, err
}
