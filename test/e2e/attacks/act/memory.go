package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// unpack does what a packer does when it is done: memory that was written and
// could be executed is closed to writing.
func unpack([]string) error {
	mem, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return err
	}
	mem[0] = 0xc3 // ret
	return unix.Mprotect(mem, unix.PROT_READ|unix.PROT_EXEC)
}

// secret is what the others read and write in a victim.
var secret = [8]byte{'t', 'r', 'i', 'p', 'l', 'i', 'n', 'e'}

func victim([]string) error {
	fmt.Println(uintptr(unsafe.Pointer(&secret)))
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// onVictim starts a child and does something to it.
func onVictim(do func(pid int, address uintptr) error) error {
	cmd := exec.Command("/proc/self/exe", "victim")
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() { in.Close(); _ = cmd.Wait() }()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return err
	}
	address, err := strconv.ParseUint(line[:len(line)-1], 10, 64)
	if err != nil {
		return err
	}
	return do(cmd.Process.Pid, uintptr(address))
}

// traced attaches to a child for as long as something is done to it.
func traced(do func(pid int, address uintptr) error) error {
	return onVictim(func(pid int, address uintptr) error {
		if err := unix.PtraceAttach(pid); err != nil {
			return err
		}
		var status unix.WaitStatus
		if _, err := unix.Wait4(pid, &status, unix.WALL, nil); err != nil {
			return err
		}
		if err := do(pid, address); err != nil {
			return err
		}
		return unix.PtraceDetach(pid)
	})
}

func poke([]string) error {
	return traced(func(pid int, address uintptr) error {
		_, err := unix.PtracePokeText(pid, address, secret[:])
		return err
	})
}

func vmWrite([]string) error {
	return onVictim(func(pid int, address uintptr) error {
		local := []unix.Iovec{{Base: &secret[0], Len: uint64(len(secret))}}
		_, err := unix.ProcessVMWritev(pid, local, []unix.RemoteIovec{{Base: address, Len: len(secret)}}, 0)
		return err
	})
}

func openMemory(args []string) error {
	return onVictim(func(pid int, _ uintptr) error {
		return open([]string{args[0], fmt.Sprintf("/proc/%d/mem", pid)})
	})
}

func traceMe([]string) error {
	if _, _, errno := unix.RawSyscall(unix.SYS_PTRACE, unix.PTRACE_TRACEME, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// registers sets the general registers to what they are.
func registers([]string) error {
	return traced(func(pid int, _ uintptr) error {
		var regs [512]byte
		const generalRegisters = 1 // NT_PRSTATUS
		for _, request := range []uintptr{unix.PTRACE_GETREGSET, unix.PTRACE_SETREGSET} {
			iov := unix.Iovec{Base: &regs[0]}
			iov.SetLen(generalSize)
			if _, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, request, uintptr(pid), generalRegisters, uintptr(unsafe.Pointer(&iov)), 0, 0); errno != 0 {
				return errno
			}
		}
		return nil
	})
}

// generalSize is how many bytes the general registers take.
const generalSize = int(unsafe.Sizeof(unix.PtraceRegs{}))
