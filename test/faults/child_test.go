package faults

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/test/storm"
)

// childVariable tells this program, started again, what it is for: the words
// are its work and that work's arguments.
const childVariable = "TRIPLINE_FAULTS_CHILD"

func TestMain(m *testing.M) {
	storm.Main()
	if words := strings.Fields(os.Getenv(childVariable)); len(words) > 0 {
		var err error
		switch words[0] {
		case "mark":
			err = mark(words[1], os.Stdin, os.Stdout)
		case "load":
			err = load(words[2], func() error { return openAndClose(words[3]) })
		case "calls":
			err = makeCalls(words[1], words[2])
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child starts this program again, in a control group.
func child(t *testing.T, group string, words ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// A shell joins the group and becomes the program, so that all of its
	// threads are in it.
	c := exec.Command("/bin/sh", "-c", `echo $$ > "$0/cgroup.procs" && exec "$1"`, group, exe)
	c.Env = append(os.Environ(), childVariable+"="+strings.Join(words, " "))
	c.Stderr = os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return c
}

// controlGroup makes a control group that ends with the test. Groups of the pids
// controller are what the sensor goes by where it has a hierarchy of its own.
func controlGroup(t *testing.T, name string) string {
	t.Helper()
	root := "/sys/fs/cgroup"
	if _, err := os.Stat(root + "/pids"); err == nil {
		root += "/pids"
	}
	dir := filepath.Join(root, fmt.Sprintf("tripline-faults-%d-%s", os.Getpid(), name))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeGroup(t, dir) })
	return dir
}

func removeGroup(t *testing.T, dir string) {
	t.Helper()
	for range 100 {
		if err := os.Remove(dir); err == nil || os.IsNotExist(err) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("control group %s cannot be removed", dir)
}

// mark starts a program with each word that it reads as its argument, one after
// the other, and says which process that was and when.
func mark(program string, in io.Reader, out io.Writer) error {
	for lines := bufio.NewScanner(in); lines.Scan(); {
		c := exec.Command(program, lines.Text())
		began := time.Now()
		if err := c.Run(); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(out, lines.Text(), c.Process.Pid, began.UnixNano(), time.Now().UnixNano()); err != nil {
			return err
		}
	}
	return nil
}

func openAndClose(file string) error {
	fd, err := unix.Open(file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// load does something so many times a second, as often as it can for 0, until it
// is told to stop, and then says how often it was.
func load(perSecond string, do func() error) error {
	rate, err := strconv.ParseFloat(perSecond, 64)
	if err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	made := 0
	defer func() { fmt.Println(made) }()
	began := time.Now()
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		due := made + 200
		if rate > 0 {
			due = min(due, int(time.Since(began).Seconds()*rate))
		}
		for ; made < due; made++ {
			if err := do(); err != nil {
				return err
			}
		}
		if rate > 0 && float64(made) >= time.Since(began).Seconds()*rate-1 {
			time.Sleep(time.Millisecond)
		}
	}
}

// loader is a running load.
type loader struct {
	cmd  *exec.Cmd
	out  *bufio.Scanner
	done bool
}

// startLoad opens and closes a file at a rate.
func startLoad(t *testing.T, group, file string, rate float64) *loader {
	t.Helper()
	return startChild(t, child(t, group, "load", "files", strconv.FormatFloat(rate, 'f', 0, 64), file))
}

func startChild(t *testing.T, c *exec.Cmd) *loader {
	t.Helper()
	pipe, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	l := &loader{cmd: c, out: bufio.NewScanner(pipe)}
	t.Cleanup(func() { l.stop() })
	return l
}

// stop ends it and returns what it says of what it did.
func (l *loader) stop() (said string) {
	if l.done {
		return ""
	}
	l.done = true
	_ = l.cmd.Process.Signal(syscall.SIGTERM)
	if l.out.Scan() {
		said = l.out.Text()
	}
	_ = l.cmd.Wait()
	return said
}
