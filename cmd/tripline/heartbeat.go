package main

import (
	"context"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

// beatInterval is how often every stage says that it lives.
const beatInterval = time.Second

// beat publishes the heartbeats of the stages of this process, and logs once
// when all of them are ready.
func (p *pipeline) beat(ctx context.Context, notReady func() []string) error {
	const whileStarting = 20 * time.Millisecond
	started := time.Now()
	ticker := time.NewTicker(whileStarting)
	defer ticker.Stop()
	var last time.Time
	sys := newSupervisor(p.log)
	defer sys.stopping()
	for {
		reasons := notReady()
		if len(reasons) == 0 && !p.isReady.Swap(true) {
			p.log.Info("ready", "stages", strings.Join(p.stages(), " "))
			sys.ready()
			ticker.Reset(beatInterval)
		}
		if now := time.Now(); now.Sub(last) >= beatInterval-whileStarting {
			last = now
			sys.alive()
			for _, s := range p.parts {
				p.publishBeat(ctx, s, started, len(reasons) == 0)
			}
		}
		select {
		case <-ctx.Done():
			p.sayEnded(ctx, started)
			return nil
		case <-ticker.C:
		}
	}
}

// sayEnded tells that the stages of this process end in order, unlike those
// that are killed.
func (p *pipeline) sayEnded(ctx context.Context, started time.Time) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	for _, s := range p.parts {
		p.publishBeat(ctx, s, started, false, msg.DetailEnded)
	}
}

// publishBeat publishes a heartbeat; marks are true in its detail.
func (p *pipeline) publishBeat(ctx context.Context, s part, started time.Time, ready bool, marks ...string) {
	counters, detail := s.health()
	for _, mark := range marks {
		if detail == nil {
			detail = map[string]any{}
		}
		detail[mark] = true
	}
	h := msg.Heartbeat{
		Stage: s.stage, Instance: p.cfg.Host + "-" + strconv.Itoa(os.Getpid()), Host: p.cfg.Host, PID: os.Getpid(),
		Version: version, Started: started.UTC(), Time: time.Now().UTC(), Ready: ready,
		Counters: counters, Detail: detail,
	}
	if err := p.bus.PublishHeartbeat(ctx, h); err != nil {
		p.log.Debug("heartbeat", "stage", s.stage, "error", err)
	}
}

func (p *pipeline) stages() (names []string) {
	if p.server != nil {
		names = append(names, stageNATS)
	}
	for _, s := range p.parts {
		names = append(names, s.stage)
	}
	return names
}
