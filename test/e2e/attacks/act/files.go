package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

func open(args []string) error {
	flags, ok := map[string]int{"r": unix.O_RDONLY, "w": unix.O_WRONLY | unix.O_CREAT, "rw": unix.O_RDWR, "x": unix.O_WRONLY | unix.O_CREAT}[args[0]]
	if !ok {
		return fmt.Errorf("how? %s is none of r, w, x and rw", args[0])
	}
	mode := uint32(0o600)
	if args[0] == "x" {
		mode = 0o755
	}
	fd, err := unix.Open(args[1], flags|unix.O_CLOEXEC, mode)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

func become(args []string) error { return syscall.Exec(args[0], args, os.Environ()) }

// memfd puts this program into memory and runs it from there.
func memfd([]string) error {
	fd, err := unix.MemfdCreate("act", unix.MFD_CLOEXEC)
	if err != nil {
		return err
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), "memfd")
	if _, err := f.Write(self); err != nil {
		return err
	}
	return become([]string{fmt.Sprintf("/proc/self/fd/%d", fd), "true"})
}

func elf(args []string) error {
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return err
	}
	if err := os.WriteFile(args[0], self[:4096], 0o600); err != nil {
		return err
	}
	return os.Remove(args[0])
}

// module has the kernel take a module and let go of it; without a file it gives
// the kernel something that is none, which it refuses.
func module(args []string) error {
	if len(args) > 0 {
		return loadModule(args[0])
	}
	if err := unix.InitModule([]byte("no module at all"), ""); err == nil {
		return fmt.Errorf("the kernel has taken it")
	}
	return nil
}

func loadModule(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.FinitModule(int(f.Fd()), "", 0); err != nil {
		return err
	}
	return unix.DeleteModule(strings.TrimSuffix(filepath.Base(file), ".ko"), 0)
}

// mount mounts an empty file system that bears the device's name.
func mount(args []string) error {
	if err := unix.Mount(args[0], args[1], "tmpfs", 0, "size=4k"); err != nil {
		return err
	}
	return unix.Unmount(args[1], 0)
}
