//go:build cgo && linux

package ebpf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"

	bpf "github.com/aquasecurity/libbpfgo"

	"github.com/tripline/tripline/pkg/msg"
)

// existing emits the processes that were there before. The facts come from the
// kernel's own list of tasks, with exact start times; the command line, which
// an iterator cannot read on all kernels, from /proc.
//
// The host's first process comes a second time, at the end, to begin: it is the
// one that what existed before is told of.
func (s *Source) existing(b *batcher, c *clock, flush func(), begin func(first *msg.Process)) error {
	raw, err := s.list()
	if err != nil {
		return err
	}
	// Within a pid namespace of its own, the sensor's /proc has other pids.
	proc := int(s.shared.m.self) == os.Getpid()
	if !proc {
		s.log.Warn("the sensor runs in a pid namespace: command lines of processes that exist already are unknown; run it in the host's")
	}
	count := 0
	var first *msg.Process
	for len(raw) >= 8 {
		n := int(binary.NativeEndian.Uint64(raw))
		if n > len(raw)-8 {
			break
		}
		// The buffer is aligned to 8 bytes and so is each record.
		t, tail := cast[rawTask](raw[8 : 8+n])
		raw = raw[8+n:]
		var parts parts
		if t == nil || !parts.read(tail) {
			s.metrics.malformed.Inc()
			continue
		}
		m := process(&t.process, &parts)
		m.Knowledge = msg.Knowledge_KNOWLEDGE_PROC
		if m.Pid == 1 {
			first = m
		}
		if proc {
			s.fromProc(m)
		}
		b.full(m)
		b.grow(n)
		count++
		if b.isFull() {
			flush()
		}
	}
	flush()
	if first != nil {
		begin(first)
	}
	s.log.Debug("listed the processes that exist", "processes", count)
	return nil
}

// list returns the kernel's list of processes: records, with the size in front
// of each.
func (s *Source) list() ([]byte, error) {
	s.shared.m.init_told = 0
	return s.iterate(progSnapshot)
}

// iterate runs a program for each task there is, and returns what it writes.
func (s *Source) iterate(program string) ([]byte, error) {
	p, err := s.module.GetProgram(program)
	if err != nil {
		return nil, err
	}
	link, err := p.AttachIter(bpf.IterOpts{})
	if err != nil {
		return nil, explain(err, "starting the list of processes")
	}
	defer func() { _ = link.Destroy() }()
	r, err := link.Reader()
	if err != nil {
		return nil, explain(err, "reading the list of processes")
	}
	defer r.Close()
	raw, err := readAll(r)
	if err != nil {
		return nil, fmt.Errorf("reading the list of processes: %w", err)
	}
	return raw, nil
}

// tasks returns the processes that exist, and the path of each's executable.
func (s *Source) tasks() (all []*rawTask, exes []string, err error) {
	raw, err := s.list()
	if err != nil {
		return nil, nil, err
	}
	for len(raw) >= 8 {
		n := int(binary.NativeEndian.Uint64(raw))
		if n > len(raw)-8 {
			break
		}
		t, tail := cast[rawTask](raw[8 : 8+n])
		raw = raw[8+n:]
		var parts parts
		if t == nil || !parts.read(tail) {
			continue
		}
		all = append(all, t)
		exes = append(exes, parts.str(partExe))
	}
	return all, exes, nil
}

// readAll is io.ReadAll for a reader that answers 0, nil at the end.
func readAll(r io.Reader) ([]byte, error) {
	var out []byte
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		switch {
		case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EINTR):
			continue
		case err != nil:
			return nil, err
		case n == 0:
			return out, nil
		}
		out = append(out, buf[:n]...)
	}
}

// listLimit is how many bytes of a command line or an environment are kept, as
// for those that the programs read.
const listLimit = 4096

// fromProc adds what only the memory of the process tells. It may be gone, or
// its pid may be another's already within these milliseconds; then exec and
// exit events follow and correct it.
func (s *Source) fromProc(p *msg.Process) {
	if p.Flags&uint32(msg.ProcessFlag_PROCESS_FLAG_KTHREAD) != 0 {
		return
	}
	dir := "/proc/" + strconv.Itoa(int(p.Pid))
	if b, err := os.ReadFile(dir + "/cmdline"); err == nil {
		if len(b) > listLimit {
			p.ArgsOmitted = uint32(len(b) - listLimit)
			b = b[:listLimit]
		}
		p.Args = list(b)
	}
	if !s.cfg.Environment {
		return
	}
	if b, err := os.ReadFile(dir + "/environ"); err == nil {
		p.Env = list(bytes.TrimRight(b[:min(len(b), listLimit)], "\x00"))
	}
}
