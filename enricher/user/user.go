package user

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/pkg/msg"
)

// Step is the enricher's step that names users and groups.
type Step struct {
	cfg  Config
	log  *slog.Logger
	boot string // of this machine

	host       *names
	containers map[string]*names
	known      atomic.Int64
	failed     prometheus.Counter
}

// noID is (uid_t)-1, which is nobody's.
const noID = 1<<32 - 1

// New makes the step.
func New(cfg Config, log *slog.Logger, reg prometheus.Registerer) (*Step, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("user: %w", err)
	}
	cfg.Proc = strings.TrimRight(cfg.Proc, "/")
	s := &Step{
		cfg: cfg, log: log, host: &names{}, containers: make(map[string]*names),
		failed: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "tripline", Subsystem: "enricher", Name: "user_files_failed_total",
			Help: "Attempts to read a container's passwd or group file that failed.",
		}),
	}
	for _, c := range []prometheus.Collector{s.failed, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "tripline", Subsystem: "enricher", Name: "user_files_containers", Help: "Containers whose users are known.",
	}, func() float64 { return float64(s.known.Load()) })} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("user: %w", err)
		}
	}
	if b, err := os.ReadFile(cfg.Proc + "/sys/kernel/random/boot_id"); err == nil {
		s.boot = strings.TrimSpace(string(b))
	}
	if err := s.host.load(cfg.Root, time.Now()); err != nil {
		log.Warn("users of the host cannot be read, so their ids stay without names", "root", cfg.Root, "error", err)
	}
	return s, nil
}

// Name is "user".
func (s *Step) Name() string { return "user" }

// Enrich names the users and groups of the batch's processes.
func (s *Step) Enrich(_ context.Context, b *msg.Batch, replayed bool) {
	if replayed || b.BootId != s.boot || s.boot == "" || b.Source == "replay" {
		return
	}
	now := time.Now()
	if now.Sub(s.host.checked) > s.cfg.Check {
		if err := s.host.load(s.cfg.Root, now); err != nil {
			s.log.Debug("users of the host cannot be read", "error", err)
		}
	}
	for _, p := range b.Processes {
		if p.Cred == nil {
			continue
		}
		n := s.host
		if p.Container != 0 {
			n = s.in(b.Containers[p.Container-1].Id, p, now)
		}
		if p.User == "" {
			p.User = n.user(p.Cred.Uid)
		}
		if p.Group == "" {
			p.Group = n.group(p.Cred.Gid)
		}
		if p.LoginUser == "" && p.LoginUid != noID {
			// People log in on the host, whatever they start there.
			p.LoginUser = s.host.users[p.LoginUid]
		}
	}
}

// in returns the names of a container, read through one of its processes.
func (s *Step) in(id string, p *msg.Process, now time.Time) *names {
	n := s.containers[id]
	if n == nil {
		if len(s.containers) >= s.cfg.MaxContainers {
			s.evict()
		}
		n = &names{}
		s.containers[strings.Clone(id)] = n
		s.known.Store(int64(len(s.containers)))
	}
	n.seen = now
	if !n.checked.IsZero() && now.Sub(n.checked) < s.cfg.Check || p.Pid <= 0 || p.Flags&uint32(msg.ProcessFlag_PROCESS_FLAG_EXITED) != 0 {
		return n
	}
	dir := s.cfg.Proc + "/" + strconv.Itoa(int(p.Pid))
	if !s.inside(dir, p) {
		return n
	}
	if err := n.load(dir+"/root", now); err != nil {
		s.failed.Inc()
		if n.users == nil {
			n.checked = time.Time{} // the next process may be there still
		}
		return n
	}
	if !n.mapped {
		n.mapped = true
		n.uids = readIDMap(dir + "/uid_map")
		n.gids = readIDMap(dir + "/gid_map")
	}
	return n
}

// inside says whether the directory in /proc is that of this process, and the
// process has a root of its own: one that is about to become a container's
// first still has the host's.
func (s *Step) inside(dir string, p *msg.Process) bool {
	if p.StartTime != 0 && startTicks(dir) != p.StartTime/tick {
		return false
	}
	var host, own unix.Stat_t
	if unix.Stat(s.cfg.Root, &host) != nil || unix.Stat(dir+"/root", &own) != nil {
		return false
	}
	return host.Dev != own.Dev || host.Ino != own.Ino
}

// tick is the resolution of start times in /proc, in ns: USER_HZ is 100 on
// every architecture that Tripline runs on.
const tick = 10_000_000

// startTicks returns field 22 of /proc/PID/stat (proc(5)), 0 when there is none.
func startTicks(dir string) uint64 {
	b, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return 0
	}
	// The name in parentheses may hold anything: count from behind it.
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(f) < 20 {
		return 0
	}
	n, _ := strconv.ParseUint(f[19], 10, 64)
	return n
}

func readIDMap(path string) idMap {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return parseIDMap(string(b))
}

// evict forgets, of a few containers taken at random, the one not seen for longest.
func (s *Step) evict() {
	var oldest string
	var at time.Time
	tried := 0
	for id, n := range s.containers {
		if oldest == "" || n.seen.Before(at) {
			oldest, at = id, n.seen
		}
		if tried++; tried == 32 {
			break
		}
	}
	delete(s.containers, oldest)
}

func (n *names) user(id uint32) string {
	if in, ok := n.uids.inside(id); ok {
		return n.users[in]
	}
	return ""
}

func (n *names) group(id uint32) string {
	if in, ok := n.gids.inside(id); ok {
		return n.groups[in]
	}
	return ""
}
