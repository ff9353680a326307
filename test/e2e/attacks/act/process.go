package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// as becomes a program of another user, without any rights of root.
func as(args []string) error {
	uid, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(uid), syscall.Setuid(uid)); err != nil {
		return err
	}
	return become(args[1:])
}

// becomeRoot makes root the user of a program that has the rights of root only
// for its owner's sake.
func becomeRoot([]string) error { return syscall.Setuid(0) }

// spawn starts a program and waits for it, whatever becomes of it.
func spawn(args []string) error {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		return err
	}
	return nil
}

// pty starts a program in a session and a terminal of its own.
func pty(args []string) error {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	defer master.Close()
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		return err
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		return err
	}
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	terminal.Close()
	_, _ = io.Copy(io.Discard, master) // ends when nobody has the terminal
	return cmd.Wait()
}

// later does something when this process has lived for some seconds.
func later(args []string) error {
	seconds, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	time.Sleep(time.Duration(seconds) * time.Second)
	return run(args[1:])
}

// userfault asks for the right to handle its own page faults.
func userfault([]string) error {
	const userModeOnly = 1
	fd, _, errno := unix.Syscall(unix.SYS_USERFAULTFD, unix.O_CLOEXEC|userModeOnly, 0, 0)
	if errno != 0 {
		return errno
	}
	return unix.Close(int(fd))
}

// bpf loads a program of two instructions: r0 = 0, exit.
func bpf([]string) error {
	code := [2]uint64{0xb7, 0x95}
	license := []byte("GPL\x00")
	attr := struct {
		kind, count   uint32
		code, license uint64
		rest          [104]byte
	}{kind: unix.BPF_PROG_TYPE_SOCKET_FILTER, count: uint32(len(code))}
	attr.code, attr.license = uint64(uintptr(unsafe.Pointer(&code[0]))), uint64(uintptr(unsafe.Pointer(&license[0])))
	fd, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_LOAD, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	runtime.KeepAlive(&code)
	runtime.KeepAlive(&license)
	if errno != 0 {
		return errno
	}
	return unix.Close(int(fd))
}

// renames makes files in a directory and gives each a second ending.
func renames(args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	for i := range n {
		name := fmt.Sprintf("%s/%d.txt", args[1], i)
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			return err
		}
		if err := os.Rename(name, name+".locked"); err != nil {
			return err
		}
	}
	return nil
}
