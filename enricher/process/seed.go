package process

import (
	"context"
	"time"

	"github.com/tripline/tripline/enricher"
	"github.com/tripline/tripline/pkg/msg"
)

func copyRow(p *msg.Process) *msg.Process { return enricher.ShallowCopy(p) }

// Start enters every process that /proc lists and the past did not tell of,
// and notes which of those it told of are gone.
func (s *Step) Start(ctx context.Context) error {
	if s.boot == "" {
		return nil
	}
	began := time.Now()
	pids, err := s.reader.pids()
	if err != nil {
		s.log.Warn("/proc cannot be listed, so processes that already run are known only as far as the sensor tells", "error", err)
		return nil
	}
	t := s.tableOf(&msg.Batch{BootId: s.boot})
	s.replayed, s.reader.env = false, t.env
	alive := make(map[int32]struct{}, len(pids))
	added := 0
	for _, pid := range pids {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		alive[pid] = struct{}{}
		st, err := s.reader.stat(pid)
		if err != nil {
			continue
		}
		if n := t.find(pid, st.startTicks*tick); n != nil && (full(n.row) && image(n.row)) {
			continue
		} else if n != nil {
			s.reread(t, n)
			continue
		}
		if row, err := s.reader.read(pid, 0); err == nil {
			s.insert(t, row)
			added++
		}
	}
	t.sweep(alive, began)
	s.log.Info("process table ready", "processes", t.count, "from_proc", added, "took", time.Since(began).Round(time.Millisecond))
	return nil
}

// Run lists /proc now and then, for exits that were lost.
func (s *Step) Run(ctx context.Context) error {
	if s.cfg.Sweep == 0 || s.boot == "" {
		<-ctx.Done()
		return nil
	}
	ticker := time.NewTicker(s.cfg.Sweep)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		l := &listing{at: time.Now()}
		pids, err := s.reader.pids()
		if err != nil {
			s.log.Warn("/proc cannot be listed", "error", err)
			continue
		}
		l.pids = make(map[int32]struct{}, len(pids))
		for _, pid := range pids {
			l.pids[pid] = struct{}{}
		}
		s.listed.Store(l)
	}
}

// budget bounds reads of /proc per second.
type budget struct {
	rate int
	left int
	from time.Time
}

func (b *budget) take() bool {
	if b.left == 0 {
		now := time.Now()
		if now.Sub(b.from) < time.Second {
			return false
		}
		b.from, b.left = now, b.rate
		if b.left == 0 {
			return false
		}
	}
	b.left--
	return true
}
