package process

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// Step is the enricher's step that knows processes.
type Step struct {
	cfg     Config
	log     *slog.Logger
	metrics *metrics
	reader  *reader
	budget  *budget
	intern  interner
	events  lifecycle

	// tables by boot id, in order of last use; more than one only when
	// recorded batches are mixed with live ones.
	tables []*bootTable
	boot   string // of this machine

	replayed bool
	rows     []rowState
	line     []uint32
	listed   atomic.Pointer[listing]
	sizes    struct{ live, dead atomic.Int64 }
}

type bootTable struct {
	boot string
	*table
}

// listing is what /proc listed at a time.
type listing struct {
	at   time.Time
	pids map[int32]struct{}
}

// rowState is what the step knows of a row of the batch at hand.
type rowState struct {
	node *node
	at   uint32 // where the row to name stands now
	// epoch is the table's when the ancestors were set, 0 before.
	epoch uint64
	comm  uint32 // index of the last leader's name that was compared, plus one
}

// lifecycle holds what the step needs of the catalogue.
type lifecycle struct {
	fork, exec, exit     uint32
	childPID, groupExits int // positions of arguments, -1 where there is none
}

// maxTables bounds how many boots are remembered at a time.
const maxTables = 4

// New makes the step. Cgroup picks the path to show from the text of
// /proc/PID/cgroup; it may be nil.
func New(cfg Config, cgroup func([]byte) string, log *slog.Logger, reg prometheus.Registerer) (*Step, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("process: %w", err)
	}
	s := &Step{
		cfg: cfg, log: log,
		reader: &reader{root: strings.TrimRight(cfg.Proc, "/"), cgroup: cgroup},
		budget: &budget{rate: cfg.ReadsPerSecond},
	}
	var err error
	if s.metrics, err = newMetrics(reg, s); err != nil {
		return nil, fmt.Errorf("process: %w", err)
	}
	if s.events, err = lookup(); err != nil {
		return nil, fmt.Errorf("process: %w", err)
	}
	if b, err := os.ReadFile(s.reader.root + "/sys/kernel/random/boot_id"); err == nil {
		s.boot = strings.TrimSpace(string(b))
	} else {
		log.Warn("no boot id, so /proc cannot be trusted to be that of the events", "error", err)
	}
	return s, nil
}

func lookup() (lifecycle, error) {
	var l lifecycle
	for _, x := range []struct {
		name string
		to   *uint32
	}{{"sched_process_fork", &l.fork}, {"sched_process_exec", &l.exec}, {"sched_process_exit", &l.exit}} {
		e, ok := catalogue.Lookup(x.name)
		if !ok {
			return l, fmt.Errorf("the catalogue has no event %s", x.name)
		}
		*x.to = uint32(e.ID)
	}
	l.childPID = catalogue.ByID(catalogue.ID(l.fork)).Param("child_pid")
	l.groupExits = catalogue.ByID(catalogue.ID(l.exit)).Param("process_group_exit")
	return l, nil
}

// Name is "process".
func (s *Step) Name() string { return "process" }

// tableOf returns the table of the batch's boot.
func (s *Step) tableOf(b *msg.Batch) *table {
	for i, t := range s.tables {
		if t.boot == b.BootId {
			if i > 0 {
				copy(s.tables[1:i+1], s.tables[:i])
				s.tables[0] = t
			}
			return t.table
		}
	}
	t := &bootTable{boot: b.BootId, table: newTable(s.cfg, b.BootId != "" && b.BootId == s.boot && b.Source != "replay")}
	s.tables = append([]*bootTable{t}, s.tables...)
	if len(s.tables) > maxTables {
		s.tables = s.tables[:maxTables]
	}
	return t.table
}

// Enrich completes the rows of the batch and updates the table.
func (s *Step) Enrich(_ context.Context, b *msg.Batch, replayed bool) {
	t := s.tableOf(b)
	s.replayed = replayed
	t.batch++
	t.epoch++
	if l := s.listed.Load(); l != nil && t.local && !replayed {
		s.listed.Store(nil)
		t.sweep(l.pids, l.at)
	}
	// A batch that comes again must not turn the table back.
	again := b.LastSeq != 0 && b.LastSeq <= t.lastSeq
	s.ask(t, b, again)
	t.lastSeq = max(t.lastSeq, b.LastSeq)

	n := len(b.Processes)
	s.rows = append(s.rows[:0], make([]rowState, n)...)
	applied := 0
	for _, e := range b.Events {
		t.now = max(t.now, e.Time)
		if int(e.Process) >= n {
			continue // leads nowhere; msg.Unmarshal lets no such batch through
		}
		for ; applied <= int(e.Process); applied++ {
			s.apply(t, b, applied, nil, again)
		}
		st := &s.rows[e.Process]
		t.touch(st.node, e.Time)
		if e.Tid == st.node.pid && st.comm != e.Comm+1 {
			st.comm = e.Comm + 1
			if s.renamed(t, st.node, b.Strings[e.Comm], again) {
				st.at, st.epoch = t.place(b, st.node), 0
			}
		}
		if e.Type == s.events.fork {
			applied = s.forked(t, b, e, applied, n, st.node, again)
		}
		if st.epoch != t.epoch {
			s.lineage(t, b, st)
		}
		e.Process = st.at
		if e.Type == s.events.exit && !again && s.groupExits(e) {
			t.exit(st.node, e.Time)
			t.epoch++
		}
	}
	for ; applied < n; applied++ {
		s.apply(t, b, applied, nil, again)
	}
	t.expire(false)
	s.sizes.live.Store(int64(t.count - t.nDead))
	s.sizes.dead.Store(int64(t.nDead))
}

// forked applies the row of the child of a fork, which follows the parent's,
// while the parent is still what it was.
func (s *Step) forked(t *table, b *msg.Batch, e *msg.Event, applied, n int, parent *node, again bool) int {
	i := s.events.childPID
	if i < 0 || i >= len(e.Args) || e.Absent&(1<<uint(i)) != 0 {
		return applied
	}
	pid := int32(e.Args[i])
	if pid == parent.pid {
		return applied // a thread
	}
	for j := applied; j < n; j++ {
		if b.Processes[j].Pid == pid {
			for ; applied < j; applied++ {
				s.apply(t, b, applied, nil, again)
			}
			s.apply(t, b, j, parent, again)
			return j + 1
		}
	}
	return applied
}

// groupExits says whether with this exit the whole process is gone.
func (s *Step) groupExits(e *msg.Event) bool {
	if i := s.events.groupExits; i >= 0 && i < len(e.Args) && e.Absent&(1<<uint(i)) == 0 {
		return e.Args[i] != 0
	}
	return true
}

// apply takes what a row says into the table, and completes the row from it.
func (s *Step) apply(t *table, b *msg.Batch, i int, forker *node, again bool) {
	p := b.Processes[i]
	n := t.find(p.Pid, p.StartTime)
	switch {
	case n == nil:
		n = s.meet(t, p, forker)
	case full(p):
		s.update(t, n, p, again)
	default:
		s.thin(t, n, p)
	}
	s.environment(t, n)
	if n.row.Comm != "" && !again {
		p.Comm = n.row.Comm // the process's name; a thin row has its thread's
	}
	complete(p, n.row, true)
	self(p, n.row)
	s.rows[i] = rowState{node: n, at: uint32(i)}
	n.inBatch, n.inRow, n.at = t.batch, n.row, uint32(i)
}

// meet enters a process that the table does not have.
func (s *Step) meet(t *table, p *msg.Process, forker *node) *node {
	if full(p) {
		row := s.intern.keep(p)
		parent, asked := forker, t.asked
		if parent == nil && p.Ppid > 0 {
			parent = t.find(p.Ppid, p.ParentStartTime)
		}
		if parent != nil && !parent.evicted {
			switch {
			case p.Flags&uint32(msg.ProcessFlag_PROCESS_FLAG_EXITED) != 0:
				complete(row, parent.row, false) // the last word of one never heard of
			case p.Knowledge == msg.Knowledge_KNOWLEDGE_KERNEL:
				if child(row, parent.row) && len(p.Env) == 0 {
					asked = parent.asked
				}
			}
			share(row, parent.row)
		}
		n := s.insert(t, row)
		n.asked = asked
		if parent != nil && parent.pid == p.Ppid && !parent.evicted && parent != n {
			n.parent = parent
		}
		p.Knowledge = n.row.Knowledge
		return n
	}
	if p.Pid != 0 && t.local && !s.replayed && s.budget.take() {
		if row, err := s.reader.read(p.Pid, p.StartTime/tick); err == nil {
			s.count(read)
			row.CgroupId, row.CgroupV1Id = p.CgroupId, p.CgroupV1Id
			n := s.insert(t, row)
			if p.StartTime%tick != 0 {
				n.start = p.StartTime
			}
			return n
		}
	}
	row := s.intern.keep(p)
	parent, asked := forker, t.asked
	if parent == nil && p.Ppid > 0 {
		parent = t.find(p.Ppid, p.ParentStartTime)
	}
	if parent != nil && !parent.evicted && (p.Comm == "" || p.Comm == parent.row.Comm) {
		child(row, parent.row)
		asked = parent.asked
		s.count(inherited)
	} else {
		s.count(unknown)
	}
	n := s.insert(t, row)
	n.asked = asked
	n.unread = t.local && s.replayed
	return n
}

func (s *Step) insert(t *table, row *msg.Process) *node {
	return t.add(row.Pid, row.StartTime, row)
}

// update takes a full row of a known process: an exec, other credentials, or
// what a starting sensor found.
func (s *Step) update(t *table, n *node, p *msg.Process, again bool) {
	if again {
		return
	}
	old := n.row
	row := s.intern.keep(p)
	// A full row without an image is news of something else: of other
	// credentials, or of an exit, when the memory is gone already.
	replaced := image(p) && (!sameImage(p, old) || p.ExecTime > old.ExecTime)
	complete(row, old, !replaced)
	self(row, old)
	if !replaced && (!image(p) && full(old) || old.Knowledge == msg.Knowledge_KNOWLEDGE_KERNEL) {
		row.Knowledge, p.Knowledge = old.Knowledge, old.Knowledge
	}
	share(row, old)
	n.row, n.unread = row, false
	if replaced {
		n.asked = t.asked
	}
	if p.Ppid > 0 && p.Ppid != n.ppid {
		s.reparent(t, n, p)
	}
	t.epoch++
}

// sameImage says whether two rows show the same executable and command line.
func sameImage(a, b *msg.Process) bool {
	if a.Exe == nil || b.Exe == nil {
		return a.Exe == b.Exe
	}
	if a.Exe.Path != b.Exe.Path || a.Exe.Inode != 0 && b.Exe.Inode != 0 && a.Exe.Inode != b.Exe.Inode {
		return false
	}
	if len(a.Args) != len(b.Args) {
		return len(a.Args) == 0
	}
	for i := range a.Args {
		if a.Args[i] != b.Args[i] {
			return false
		}
	}
	return true
}

// thin takes the little that a thin row says of a known process.
func (s *Step) thin(t *table, n *node, p *msg.Process) {
	if p.Ppid > 0 && p.Ppid != n.ppid {
		s.reparent(t, n, p)
	}
	moved := (p.CgroupId != 0 || p.CgroupV1Id != 0) && (p.CgroupId != n.row.CgroupId || p.CgroupV1Id != n.row.CgroupV1Id)
	if !moved && !n.unread {
		return
	}
	if n.unread && t.local && !s.replayed && s.budget.take() {
		n.unread = false
		s.reread(t, n)
	}
	if moved {
		row := copyRow(n.row)
		row.CgroupId, row.CgroupV1Id, row.Cgroup = p.CgroupId, p.CgroupV1Id, s.intern.str(p.Cgroup)
		n.row = row
	}
}
