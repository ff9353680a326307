package storm

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/pkg/msg"
)

// Shadow is the file that attacks are after.
const Shadow = "/etc/shadow"

// kind is a kind of attack: how it is done by a process of its own, and by what
// event of that process it is known.
type kind struct {
	name string
	do   func(dir string) error
	// events are the names of the event; one is enough.
	events []string
	shows  func(msg.Record) bool
}

func kinds() []kind {
	text := func(name, want string) func(msg.Record) bool {
		return func(r msg.Record) bool { a, ok := r.Arg(name); return ok && a.Str() == want }
	}
	image := func(is func(*msg.Executable) bool) func(msg.Record) bool {
		return func(r msg.Record) bool {
			e := r.Process().GetExe()
			return e != nil && is(e)
		}
	}
	executed := []string{"sched_process_exec"}
	return []kind{
		{"execution from shared memory", execShared, executed, image(func(e *msg.Executable) bool { return filepath.Dir(e.Path) == "/dev/shm" })},
		{"sensitive file read", readShadow, []string{"openat", "open"}, text("pathname", Shadow)},
		{"process traced", traceVictim, []string{"ptrace"}, number("request", unix.PTRACE_ATTACH)},
		{"program from memory", execMemory, executed, image(func(e *msg.Executable) bool { return e.Memfd })},
		{"symbolic link to a secret", symlink, []string{"symlinkat"}, text("target", Shadow)},
		{"hard link to a secret", hardLink, []string{"linkat"}, text("oldpath", Shadow)},
		{"connection", connect, []string{"connect"}, func(r msg.Record) bool {
			a, ok := r.Arg("addr")
			return ok && a.Addr().GetPort() == connectPort
		}},
		{"namespace entered", enterNamespace, []string{"setns"}, number("nstype", unix.CLONE_NEWUTS)},
		{"history removed", removeHistory, []string{"unlinkat", "unlink"}, func(r msg.Record) bool {
			a, ok := r.Arg("pathname")
			return ok && filepath.Base(a.Str()) == ".bash_history"
		}},
		{"set-uid bit", setUID, []string{"fchmodat", "chmod"}, number("mode", 0o4755)},
		{"standard input from the network", stdinFromNetwork, []string{"socket_dup"}, number("newfd", 0)},
	}
}

func number(name string, want int64) func(msg.Record) bool {
	return func(r msg.Record) bool { a, ok := r.Arg(name); return ok && a.Word == want }
}

// Events lists the events to enable in a storm: all that the rules which come
// with Tripline select, more than 90 of them, and close, the other half of what
// the flood does.
func Events() []string {
	return []string{
		"accept", "accept4", "bpf", "chmod", "close", "connect", "creat", "execve", "fchmod", "fchmodat", "finit_module", "init_module",
		"link", "linkat", "magic_write", "mem_prot_alert", "mkdir", "mkdirat", "mount", "open", "openat", "openat2",
		"process_vm_writev", "ptrace", "rename", "renameat", "renameat2", "sched_process_exec", "sched_process_exit",
		"sched_process_fork", "security_bprm_check",
		"security_file_open", "security_inode_link", "security_inode_rename", "security_inode_symlink",
		"security_kernel_read_file", "security_sb_mount", "security_socket_connect", "sendto", "setns", "setresuid",
		"setreuid", "setuid", "socket", "socket_dup", "symlink", "symlinkat", "truncate", "unlink", "unlinkat",
		"unshare", "userfaultfd",
	}
}

// Kinds names the kinds of attack.
func Kinds() []string {
	var out []string
	for _, k := range kinds() {
		out = append(out, k.name)
	}
	return out
}

// Shows says whether an event is what the attack is known by.
func Shows(a Attack, r msg.Record) bool {
	if int(r.Process().GetPid()) != a.Pid {
		return false
	}
	for _, k := range kinds() {
		if k.name == a.Kind {
			return slices.Contains(k.events, r.Name()) && k.shows(r)
		}
	}
	return false
}

// Do has a process do what the kind does, and waits for it.
func Do(kind, dir string) (pid int, err error) {
	c, err := again("attack", kind, dir)
	if err != nil {
		return 0, err
	}
	if err := c.Run(); err != nil {
		return 0, fmt.Errorf("%s: %w", kind, err)
	}
	_ = os.Remove(sharedProgram(c.Process.Pid))
	return c.Process.Pid, nil
}

func attack(name, dir string) error {
	for _, k := range kinds() {
		if k.name == name {
			return k.do(dir)
		}
	}
	return errors.New("no such attack")
}

// become replaces this process by the program at path, which is this one and
// does nothing.
func become(path string) error {
	return syscall.Exec(path, []string{path}, []string{variable + "=nothing"})
}

func unique(dir, name string) string { return filepath.Join(dir, name+strconv.Itoa(os.Getpid())) }

// sharedProgram is where the program lies that the process executes; [Do]
// removes it.
func sharedProgram(pid int) string { return filepath.Join("/dev/shm", "storm"+strconv.Itoa(pid)) }

func self() ([]byte, error) { return os.ReadFile("/proc/self/exe") }

func execShared(string) error {
	b, err := self()
	if err != nil {
		return err
	}
	path := sharedProgram(os.Getpid())
	if err := os.WriteFile(path, b, 0o700); err != nil {
		return err
	}
	return become(path)
}

func execMemory(string) error {
	b, err := self()
	if err != nil {
		return err
	}
	fd, err := unix.MemfdCreate("storm", unix.MFD_CLOEXEC)
	if err != nil {
		return err
	}
	if _, err := os.NewFile(uintptr(fd), "memfd").Write(b); err != nil {
		return err
	}
	return become("/proc/self/fd/" + strconv.Itoa(fd))
}

func readShadow(string) error {
	fd, err := unix.Open(Shadow, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

func traceVictim(string) error {
	c, err := again("victim")
	if err != nil {
		return err
	}
	in, err := c.StdinPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	defer func() { _, _ = c.Process.Wait() }()
	defer in.Close()
	pid := c.Process.Pid
	if err := unix.PtraceAttach(pid); err != nil {
		return err
	}
	if _, err := unix.Wait4(pid, nil, 0, nil); err != nil {
		return err
	}
	if err := unix.PtraceDetach(pid); err != nil {
		return err
	}
	// The stop that attaching began may have reached it only now.
	return unix.Kill(pid, unix.SIGCONT)
}

func symlink(dir string) error {
	path := unique(dir, "symlink")
	if err := os.Symlink(Shadow, path); err != nil {
		return err
	}
	return os.Remove(path)
}

// hardLink makes a second name of the file, or tries to: it may lie elsewhere.
func hardLink(dir string) error {
	path := unique(dir, "link")
	switch err := unix.Linkat(unix.AT_FDCWD, Shadow, unix.AT_FDCWD, path, 0); {
	case errors.Is(err, unix.EXDEV):
		return nil
	case err != nil:
		return err
	}
	return os.Remove(path)
}

// connectPort is the discard service's. A datagram socket sends nothing by
// being connected.
const connectPort = 9

func dial() (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	return fd, unix.Connect(fd, &unix.SockaddrInet4{Port: connectPort, Addr: [4]byte{127, 0, 0, 1}})
}

func connect(string) error {
	_, err := dial()
	return err
}

func stdinFromNetwork(string) error {
	fd, err := dial()
	if err != nil {
		return err
	}
	return unix.Dup3(fd, 0, 0)
}

func enterNamespace(string) error {
	fd, err := unix.Open("/proc/self/ns/uts", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return unix.Setns(fd, unix.CLONE_NEWUTS)
}

func removeHistory(dir string) error {
	home := unique(dir, "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		return err
	}
	defer os.Remove(home)
	path := filepath.Join(home, ".bash_history")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return err
	}
	return unix.Unlinkat(unix.AT_FDCWD, path, 0)
}

func setUID(dir string) error {
	path := unique(dir, "setuid")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return err
	}
	defer os.Remove(path)
	return unix.Fchmodat(unix.AT_FDCWD, path, 0o4755, 0)
}
