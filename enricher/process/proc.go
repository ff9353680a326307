package process

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/pkg/msg"
)

// reader reads processes from a mounted procfs; see proc(5).
type reader struct {
	root string
	// cgroup picks the path to show from the text of /proc/PID/cgroup.
	cgroup func([]byte) string
	// env is what to keep of an environment.
	env *msg.Environment
	buf []byte
	// stuck counts reads of processes' memory that have not come back.
	stuck atomic.Int32
}

const (
	// maxArgs bounds how much of a command line is read, in bytes.
	maxArgs = 32 << 10
	// pfKThread is PF_KTHREAD of linux/sched.h, as the ninth field of stat shows it.
	pfKThread = 0x00200000
)

// errGone says that there is no such process, or another one with its pid.
var errGone = errors.New("process is gone")

// stat is what /proc/PID/stat says.
type stat struct {
	comm       string
	ppid       int32
	pgid, sid  int32
	tty        uint32
	flags      uint64
	startTicks uint64
}

func (r *reader) path(pid int32, name string) string {
	return r.root + "/" + strconv.Itoa(int(pid)) + "/" + name
}

// file returns the start of a file, at most limit bytes. The memory is used
// again by the next call.
func (r *reader) file(path string, limit int) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	if cap(r.buf) < limit {
		r.buf = make([]byte, limit)
	}
	buf := r.buf[:limit]
	n := 0
	for n < limit {
		m, err := unix.Read(fd, buf[n:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, err
		}
		if m == 0 {
			break
		}
		n += m
	}
	return buf[:n], nil
}

func (r *reader) stat(pid int32) (stat, error) {
	b, err := r.file(r.path(pid, "stat"), 4096)
	if err != nil {
		return stat{}, errGone
	}
	return parseStat(b)
}

// parseStat reads the line of /proc/PID/stat. The name in it may hold anything,
// also spaces and parentheses, so fields are counted from the last one.
func parseStat(b []byte) (stat, error) {
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 0 || end < open {
		return stat{}, io.ErrUnexpectedEOF
	}
	f := bytes.Fields(b[end+1:])
	// f[0] is field 3 of proc(5), the state.
	if len(f) < 20 {
		return stat{}, io.ErrUnexpectedEOF
	}
	num := func(field int) int64 {
		n, _ := strconv.ParseInt(string(f[field-3]), 10, 64)
		return n
	}
	return stat{
		comm: string(b[open+1 : end]),
		ppid: int32(num(4)), pgid: int32(num(5)), sid: int32(num(6)),
		tty: uint32(num(7)), flags: uint64(num(9)), startTicks: uint64(num(22)),
	}, nil
}

// read returns all that /proc knows of a process. With wantTicks other than 0
// it returns errGone when the pid belongs to a process with another start time.
func (r *reader) read(pid int32, wantTicks uint64) (*msg.Process, error) {
	st, err := r.stat(pid)
	if err != nil {
		return nil, err
	}
	if wantTicks != 0 && st.startTicks != wantTicks {
		return nil, errGone
	}
	p := &msg.Process{
		Pid: pid, Ppid: st.ppid, StartTime: st.startTicks * tick, Comm: st.comm,
		Pgid: st.pgid, Sid: st.sid, Tty: st.tty,
		Knowledge: msg.Knowledge_KNOWLEDGE_PROC,
	}
	if st.flags&pfKThread != 0 {
		p.Flags |= uint32(msg.ProcessFlag_PROCESS_FLAG_KTHREAD)
	}
	if b, err := r.file(r.path(pid, "status"), 8192); err == nil {
		parseStatus(b, p)
	}
	p.Args = r.cmdline(pid)
	if p.Flags&uint32(msg.ProcessFlag_PROCESS_FLAG_KTHREAD) == 0 {
		if len(r.env.Names()) > 0 {
			p.Env = r.env.Keep(splitArgs(r.memory(r.path(pid, "environ"), maxEnviron)))
		}
		p.Exe = r.exe(pid)
		p.Cwd, _ = os.Readlink(r.path(pid, "cwd"))
	}
	p.Ns = r.namespaces(pid)
	p.LoginUid = r.number(pid, "loginuid", noLogin)
	p.AuditSession = r.number(pid, "sessionid", noLogin)
	if b, err := r.file(r.path(pid, "cgroup"), 8192); err == nil && r.cgroup != nil {
		p.Cgroup = r.cgroup(b)
	}
	if st, ok := cachedStat(r.path(pid, "fd/0")); ok {
		p.StdinMode = uint32(st.Mode)
	}
	// Another process may have taken the pid while this was read.
	if again, err := r.stat(pid); err != nil || again.startTicks != st.startTicks {
		return nil, errGone
	}
	return p, nil
}

const (
	// memoryWait is how long a process's memory is waited for, and maxStuck how
	// many reads may hang before no more are tried.
	memoryWait = 100 * time.Millisecond
	maxStuck   = 4
)

// cmdline returns the arguments of a process.
func (r *reader) cmdline(pid int32) []string {
	return splitArgs(r.memory(r.path(pid, "cmdline"), maxArgs))
}

// memory returns the start of a file whose contents are in the memory of a
// process, which can back that with a file system that never answers: so
// nothing waits for it without limit.
func (r *reader) memory(path string, limit int) []byte {
	if r.stuck.Load() >= maxStuck {
		return nil
	}
	answer := make(chan []byte, 1)
	r.stuck.Add(1)
	go func() {
		own := reader{}
		b, err := own.file(path, 4096)
		if err == nil && len(b) == 4096 && limit > 4096 {
			b, err = own.file(path, limit)
		}
		r.stuck.Add(-1)
		if err != nil {
			b = nil
		}
		answer <- b
	}()
	timer := time.NewTimer(memoryWait)
	defer timer.Stop()
	select {
	case b := <-answer:
		return b
	case <-timer.C:
		return nil
	}
}

// noLogin is (uid_t)-1: the process belongs to no login.
const noLogin = 1<<32 - 1

// ppid returns the parent of a process now.
func (r *reader) ppid(pid int32, wantTicks uint64) (int32, error) {
	st, err := r.stat(pid)
	if err != nil {
		return 0, err
	}
	if st.startTicks != wantTicks {
		return 0, errGone
	}
	return st.ppid, nil
}

// cleanExe removes the mark that procfs puts on the path of a deleted file.
func cleanExe(path string) string { return strings.TrimSuffix(path, " (deleted)") }

func (r *reader) exe(pid int32) *msg.Executable {
	link := r.path(pid, "exe")
	path, err := os.Readlink(link)
	if err != nil {
		return nil
	}
	e := &msg.Executable{Path: cleanExe(path), Memfd: strings.HasPrefix(path, "/memfd:")}
	if s, ok := cachedStat(link); ok {
		e.Inode, e.Device = s.Ino, s.Dev_major<<20|s.Dev_minor
		e.Mode, e.Uid, e.Nlink = uint32(s.Mode), s.Uid, s.Nlink
		e.Ctime, e.Mtime = nanos(s.Ctime), nanos(s.Mtime)
	}
	return e
}

// cachedStat follows a link and returns what the kernel has at hand. Asking
// for more could wait for ever on a file system that belongs to the process
// looked at (FUSE) or to a server that is gone.
func cachedStat(path string) (st unix.Statx_t, ok bool) {
	err := unix.Statx(unix.AT_FDCWD, path, unix.AT_STATX_DONT_SYNC, unix.STATX_BASIC_STATS, &st)
	return st, err == nil
}

func nanos(t unix.StatxTimestamp) int64 { return t.Sec*1e9 + int64(t.Nsec) }

func (r *reader) namespaces(pid int32) *msg.Namespaces {
	n := &msg.Namespaces{}
	dir := r.path(pid, "ns/")
	for _, x := range []struct {
		name string
		to   *uint32
	}{
		{"mnt", &n.Mnt},
		{"pid", &n.Pid},
		{"net", &n.Net},
		{"user", &n.User},
		{"uts", &n.Uts},
		{"ipc", &n.Ipc},
		{"cgroup", &n.Cgroup},
		{"time", &n.Time},
	} {
		link, err := os.Readlink(dir + x.name)
		if err != nil {
			continue
		}
		// "mnt:[4026531841]"
		if i := strings.IndexByte(link, '['); i >= 0 {
			id, _ := strconv.ParseUint(strings.TrimSuffix(link[i+1:], "]"), 10, 32)
			*x.to = uint32(id)
		}
	}
	return n
}

func (r *reader) number(pid int32, name string, otherwise uint32) uint32 {
	b, err := r.file(r.path(pid, name), 32)
	if err != nil {
		return otherwise
	}
	n, err := strconv.ParseUint(string(bytes.TrimSpace(b)), 10, 32)
	if err != nil {
		return otherwise
	}
	return uint32(n)
}

// pids lists the processes that there are.
func (r *reader) pids() ([]int32, error) {
	dir, err := os.Open(filepath.Clean(r.root))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	out := make([]int32, 0, len(names))
	for _, name := range names {
		if name == "" || name[0] < '1' || name[0] > '9' {
			continue
		}
		if n, err := strconv.ParseInt(name, 10, 32); err == nil {
			out = append(out, int32(n))
		}
	}
	return out, nil
}

func splitArgs(b []byte) []string {
	b = bytes.TrimSuffix(b, []byte{0})
	if len(b) == 0 {
		return nil
	}
	return strings.Split(string(b), "\x00")
}
