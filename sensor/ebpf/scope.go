//go:build cgo && linux

package ebpf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	bpf "github.com/aquasecurity/libbpfgo"
	"golang.org/x/sys/unix"
)

// scope fills the tables by which the programs tell who is looked at; see
// bpf/include/scope.h.
type scope struct {
	conditions []condition
	m          *bpf.Module
	shared     shared
	// What processes are marked with by their executable.
	paths map[string]uint8
	// named containers, by the digits that are compared.
	containers map[string]uint8
}

func newScope(s Scope, m *bpf.Module, sh shared) (*scope, error) {
	conditions, err := s.read()
	if err != nil {
		return nil, err
	}
	sc := &scope{conditions: conditions, m: m, shared: sh, paths: map[string]uint8{}, containers: map[string]uint8{}}
	if len(conditions) == 0 {
		return sc, nil
	}
	for _, c := range conditions {
		if err := sc.enter(c); err != nil {
			return nil, fmt.Errorf("scope: %w", err)
		}
	}
	sh.m.scope.on = 1
	return sc, nil
}

// Bits of a value: it speaks for or against.
const (
	scopeYes = 1
	scopeNo  = 2
)

// enter enters one condition.
func (s *scope) enter(c condition) error {
	t := &s.shared.m.scope
	bit := uint8(scopeYes)
	if c.not {
		bit = scopeNo
	}
	asks := func(kind uint32) {
		if c.not {
			t.unwanted |= cUint(1 << kind)
		} else {
			t.wanted |= cUint(1 << kind)
		}
	}
	numbers := map[string]uint32{"pid": scopePID, "uid": scopeUID, "mntns": scopeMntNS, "pidns": scopePidNS}
	switch c.kind {
	case "host":
		t.containers = 1
		t.container_unwanted |= inContainer
	case "container":
		return s.enterContainer(c, bit)
	case "process":
		var now unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
			return err
		}
		t.since = cULong(now.Nano())
	case "follow":
		t.follow, t.tasks = 1, 1
	case "tree":
		asks(scopeTree)
		t.tasks = 1
		for _, v := range c.values {
			pid, _ := strconv.ParseUint(v, 10, 32)
			if err := s.mark(uint32(pid), taskTree<<(bit-1)); err != nil {
				return err
			}
		}
	case "exe":
		asks(scopeExe)
		t.tasks = 1
		for _, v := range c.values {
			s.paths[v] |= taskExe << (bit - 1)
			key := make([]byte, scopePathMax)
			copy(key, v)
			if err := s.put("scope_paths", key, s.paths[v]); err != nil {
				return err
			}
		}
	case "comm":
		asks(scopeComm)
		for _, v := range c.values {
			if err := s.value(scopeComm, []byte(v), bit); err != nil {
				return err
			}
		}
	default:
		asks(numbers[c.kind])
		for _, v := range c.values {
			n, _ := strconv.ParseUint(v, 10, 32)
			if err := s.value(numbers[c.kind], binary.NativeEndian.AppendUint64(nil, n), bit); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *scope) enterContainer(c condition, bit uint8) error {
	t := &s.shared.m.scope
	t.containers = 1
	if !c.not {
		t.container_wanted |= inContainer
	}
	for _, v := range c.values {
		switch {
		case v == "new":
			t.container_wanted |= containerNew
			continue
		case c.not:
			t.container_unwanted |= containerRefused
		default:
			t.container_wanted |= containerNamed
		}
		s.containers[v[:idDigits]] |= bit
		if err := s.value(scopeContainer, []byte(v[:idDigits]), s.containers[v[:idDigits]]); err != nil {
			return err
		}
	}
	return nil
}

// value enters a value of a kind; it speaks for and against if both are entered.
func (s *scope) value(kind uint32, value []byte, bit uint8) error {
	key := make([]byte, unsafe.Sizeof(scopeKey{}))
	binary.NativeEndian.PutUint32(key, kind)
	copy(key[8:], value)
	t, err := s.m.GetMap("scope_values")
	if err != nil {
		return err
	}
	if old, err := t.GetValue(unsafe.Pointer(&key[0])); err == nil {
		bit |= old[0]
	}
	return s.put("scope_values", key, bit)
}

// scopeKey has the layout of struct scope_key.
type scopeKey struct {
	_ [2]uint32
	_ [2]uint64
}

// mark notes something of a process.
func (s *scope) mark(pid uint32, bit uint8) error {
	t, err := s.m.GetMap("scope_tasks")
	if err != nil {
		return err
	}
	if old, err := t.GetValue(unsafe.Pointer(&pid)); err == nil {
		bit |= old[0]
	}
	return t.Update(unsafe.Pointer(&pid), unsafe.Pointer(&bit))
}

func (s *scope) put(table string, key []byte, value uint8) error {
	t, err := s.m.GetMap(table)
	if err != nil {
		return err
	}
	if err := t.Update(unsafe.Pointer(&key[0]), unsafe.Pointer(&value)); err != nil {
		return fmt.Errorf("entering into %s: %w", table, err)
	}
	return nil
}

// begin marks what exists already. The programs on processes and cgroups are
// attached, so what comes meanwhile is marked by them.
func (s *scope) begin(existing func() ([]*rawTask, []string, error)) error {
	if s.shared.m.scope.containers != 0 {
		if err := s.walkCgroups(); err != nil {
			return fmt.Errorf("scope: finding the cgroups of containers: %w", err)
		}
	}
	if s.shared.m.scope.tasks == 0 {
		return nil
	}
	// Twice: a child that was made while its parent was looked at.
	for range 2 {
		tasks, exes, err := existing()
		if err != nil {
			return err
		}
		if err := s.markExisting(tasks, exes); err != nil {
			return err
		}
	}
	return nil
}

func (s *scope) markExisting(tasks []*rawTask, exes []string) error {
	parent := make(map[uint32]uint32, len(tasks))
	for i, t := range tasks {
		pid := uint32(t.process.pid)
		parent[pid] = uint32(t.process.ppid)
		if bit := s.paths[exes[i]]; bit != 0 {
			if err := s.mark(pid, bit); err != nil {
				return err
			}
		}
	}
	for _, c := range s.conditions {
		if c.kind != "tree" {
			continue
		}
		bit := uint8(taskTree)
		if c.not {
			bit = taskNotTree
		}
		roots := make(map[uint32]bool)
		for _, v := range c.values {
			pid, _ := strconv.ParseUint(v, 10, 32)
			roots[uint32(pid)] = true
		}
		for pid := range parent {
			// A chain is no longer than there are processes.
			for p, n := pid, 0; p != 0 && n < len(parent); p, n = parent[p], n+1 {
				if roots[p] {
					if err := s.mark(pid, bit); err != nil {
						return err
					}
					break
				}
			}
		}
	}
	return s.markFollowed(parent)
}

// markFollowed marks the descendants of existing processes that are in scope
// by their pid; others are followed from their next child on.
func (s *scope) markFollowed(parent map[uint32]uint32) error {
	if s.shared.m.scope.follow == 0 {
		return nil
	}
	roots := make(map[uint32]bool)
	for _, c := range s.conditions {
		if c.kind == "pid" && !c.not {
			for _, v := range c.values {
				pid, _ := strconv.ParseUint(v, 10, 32)
				roots[uint32(pid)] = true
			}
		}
	}
	for pid := range parent {
		for p, n := parent[pid], 0; p != 0 && n < len(parent); p, n = parent[p], n+1 {
			if roots[p] {
				if err := s.mark(pid, taskFollowed); err != nil {
					return err
				}
				break
			}
		}
	}
	return nil
}

// walkCgroups enters the cgroups of the containers that exist.
func (s *scope) walkCgroups() error {
	mounts, err := mountedHierarchies()
	if err != nil {
		return err
	}
	t, err := s.m.GetMap("scope_cgroups")
	if err != nil {
		return err
	}
	for mount, number := range mounts {
		err := filepath.WalkDir(mount, func(p string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return nil // it went while we walked
			}
			id, ok := containerOf(strings.TrimPrefix(p, mount))
			var st syscall.Stat_t
			if !ok || syscall.Lstat(p, &st) != nil {
				return nil
			}
			flags := uint8(inContainer)
			if len(id) >= idDigits {
				if bit := s.containers[id[:idDigits]]; bit != 0 {
					flags |= containerNamed * (bit & scopeYes) // in the first bit
					if bit&scopeNo != 0 {
						flags |= containerRefused
					}
				}
			}
			key := [2]uint64{st.Ino, number}
			// What was made meanwhile is known, and new.
			if err := t.UpdateValueFlags(unsafe.Pointer(&key), unsafe.Pointer(&flags), bpf.MapFlagUpdateNoExist); err != nil && !errors.Is(err, syscall.EEXIST) {
				return err
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// mountedHierarchies returns where the hierarchies are mounted that containers are
// found in: version 2, number 0, and that of the pids controller in version 1.
func mountedHierarchies() (map[string]uint64, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	controllers, err := os.ReadFile("/proc/cgroups")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	pids := uint64(0)
	for line := range bytes.Lines(controllers) {
		// name, hierarchy, number of cgroups, enabled: cgroups(7)
		if f := strings.Fields(string(line)); len(f) > 1 && f[0] == "pids" {
			pids, _ = strconv.ParseUint(f[1], 10, 64)
		}
	}
	out := make(map[string]uint64)
	for line := range strings.Lines(string(mounts)) {
		// …, root, mount point, … - type, source, options: proc_pid_mountinfo(5)
		before, after, ok := strings.Cut(line, " - ")
		f, g := strings.Fields(before), strings.Fields(after)
		if !ok || len(f) < 5 || len(g) < 3 || f[3] != "/" {
			continue
		}
		switch {
		case g[0] == "cgroup2":
			out[f[4]] = 0
		case g[0] == "cgroup" && pids != 0 && strings.Contains(","+g[2]+",", ",pids,"):
			out[f[4]] = pids
		}
	}
	if len(out) == 0 {
		return nil, errors.New("no hierarchy is mounted as a whole; run the sensor in the host's mount and cgroup namespaces")
	}
	return out, nil
}
