package container

import (
	"slices"
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

// checking is a process that runs a health check.
type checking struct {
	pid   int32
	start uint64
}

// maxChecking bounds the processes of one container that are remembered to run
// health checks, and checkingFor for how long: checks run every few seconds and
// end soon.
const (
	maxChecking = 64
	checkingFor = 10 * time.Minute
)

// check is what is remembered of such a process.
type check struct {
	flag uint32
	at   time.Time
}

func flagOf(k msg.HealthCheckKind) uint32 {
	switch k {
	case msg.HealthCheckKind_HEALTH_CHECK_KIND_LIVENESS:
		return uint32(msg.ProcessFlag_PROCESS_FLAG_LIVENESS)
	case msg.HealthCheckKind_HEALTH_CHECK_KIND_READINESS:
		return uint32(msg.ProcessFlag_PROCESS_FLAG_READINESS)
	case msg.HealthCheckKind_HEALTH_CHECK_KIND_STARTUP:
		return uint32(msg.ProcessFlag_PROCESS_FLAG_STARTUP)
	default:
		return uint32(msg.ProcessFlag_PROCESS_FLAG_HEALTHCHECK)
	}
}

// checks marks a process of a container that runs one of its health checks: it
// has the command line of the check and was put into the container from
// outside, so that nobody inside passes for a check by imitating one. What it
// executes next, and what it starts, belongs to the check too.
func (s *Step) checks(b *msg.Batch, p *msg.Process, e *entry) {
	flag := uint32(0)
	if c, ok := e.checking[checking{p.Pid, p.StartTime}]; ok {
		flag = c.flag
	}
	if flag == 0 && outside(p) {
		for _, h := range e.meta.HealthChecks {
			if slices.Equal(p.Args, h.Args) {
				flag |= flagOf(h.Kind)
			}
		}
		if flag != 0 {
			e.remember(p, flag)
		}
	}
	for _, a := range p.Ancestors {
		if flag != 0 {
			break
		}
		x := b.Processes[a]
		if c, ok := e.checking[checking{x.Pid, x.StartTime}]; ok {
			flag = c.flag
		}
	}
	p.Flags |= flag
}

// outside says whether a process was put into its pid namespace rather than
// born in it: its parent has no number there, and it is not the first.
func outside(p *msg.Process) bool {
	return p.NsPpid == 0 && p.NsPid > 1 && p.NsPid != p.Pid
}

func (e *entry) remember(p *msg.Process, flag uint32) {
	now := time.Now()
	if len(e.checking) >= maxChecking {
		for k, c := range e.checking {
			if now.Sub(c.at) > checkingFor {
				delete(e.checking, k)
			}
		}
		if len(e.checking) >= maxChecking {
			clear(e.checking)
		}
	}
	if e.checking == nil {
		e.checking = make(map[checking]check)
	}
	e.checking[checking{p.Pid, p.StartTime}] = check{flag: flag, at: now}
}
