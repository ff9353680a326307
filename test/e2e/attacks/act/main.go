// Act does what a rule looks for, once and harmlessly: files are opened and not
// written to, memory is overwritten with what it held, modules that are loaded
// are none. The script attack calls it; it is linked statically, so that it runs
// in any container. Under another name it stands in for the program of that
// name and does nothing, unless told what.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// act is one thing to do.
type act struct {
	usage string
	args  int // at least
	do    func(args []string) error
}

func acts() map[string]act {
	return map[string]act{
		"open":      {"open r|w|x|rw PATH: open a file, w makes it, x as a program, and close it", 2, open},
		"exec":      {"exec PROGRAM ARGUMENT...: become another program", 1, become},
		"memfd":     {"memfd: become a program that is in memory only", 0, memfd},
		"elf":       {"elf PATH: write a program to a file and remove it", 1, elf},
		"module":    {"module [FILE]: load a kernel module and unload it, or one that is none", 0, module},
		"mount":     {"mount DEVICE DIRECTORY: mount it, by its name alone, and unmount it", 2, mount},
		"stdio":     {"stdio: make a connection the standard input", 0, stdio},
		"dial":      {"dial tcp|unix ADDRESS: listen there and connect", 2, dial},
		"unpack":    {"unpack: write memory, then make it executable", 0, unpack},
		"traceme":   {"traceme: ask to be traced", 0, traceMe},
		"poke":      {"poke: write into the memory of a child by ptrace", 0, poke},
		"registers": {"registers: set the registers of a child by ptrace", 0, registers},
		"vmwrite":   {"vmwrite: write into the memory of a child by process_vm_writev", 0, vmWrite},
		"mem":       {"mem r|rw: open the memory of a child as a file", 1, openMemory},
		"victim":    {"victim: tell an address and wait (used by the others)", 0, victim},
		"as":        {"as UID PROGRAM ARGUMENT...: become a program of another user", 2, as},
		"root":      {"root: become root, as a program that has root's rights for its owner's sake", 0, becomeRoot},
		"spawn":     {"spawn PROGRAM ARGUMENT...: start a program and wait for it", 1, spawn},
		"pty":       {"pty PROGRAM ARGUMENT...: start a program in a terminal", 1, pty},
		"later":     {"later SECONDS ACT...: do something after some time", 2, later},
		"userfault": {"userfault: ask to handle page faults", 0, userfault},
		"bpf":       {"bpf: load a BPF program", 0, bpf},
		"renames":   {"renames COUNT DIRECTORY: make files and rename them", 2, renames},
		"shell":     {"shell ADDRESS: listen there, connect and start a shell on the connection", 1, shell},
		"packet":    {"packet: open a packet socket", 0, packet},
		"udp":       {"udp ADDRESS: send a packet there", 1, udp},
		"true":      {"true: do nothing", 0, func([]string) error { return nil }},
	}
}

func main() {
	runtime.LockOSThread() // ptrace belongs to a thread
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "act %s: %v\n", strings.Join(os.Args[1:], " "), err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) > 0 {
		if a, ok := acts()[args[0]]; ok && len(args)-1 >= a.args {
			return a.do(args[1:])
		}
	}
	if filepath.Base(os.Args[0]) != "act" {
		return nil
	}
	return errors.New("expected " + usages())
}

func usages() string {
	var all []string
	for _, a := range acts() {
		all = append(all, "\n  act "+a.usage)
	}
	slices.Sort(all)
	return "one of" + strings.Join(all, "")
}
