package process

import (
	"slices"

	"github.com/tripline/tripline/enricher"
	"github.com/tripline/tripline/pkg/msg"
)

// askAgain is how often /proc is asked for the new parent of an orphan. The
// kernel hands orphans over a moment after the exit is reported, so the first
// answer may still name the dead.
const askAgain = 4

// parent returns the parent of n as it is now, nil when it is not known.
func (s *Step) parent(t *table, n *node) *node {
	p := n.parent
	if p != nil && !p.evicted && (!p.dead || n.dead) {
		return p
	}
	if p == nil {
		if p = s.link(t, n, n.ppid, n.row.ParentStartTime); p != nil && (!p.dead || n.dead) {
			return p
		}
	}
	// An orphan: the kernel has given it another parent.
	if !n.dead && t.local && !s.replayed && n.tried < askAgain && t.batch >= n.next && s.budget.take() {
		n.tried++
		n.next = t.batch + 1<<n.tried
		ppid, err := s.reader.ppid(n.pid, n.ticks)
		switch {
		case err != nil:
			n.tried = askAgain
		case ppid != n.ppid || p == nil || p.evicted:
			if np := s.link(t, n, ppid, 0); np != nil {
				t.adopt(n, np)
				return np
			}
		}
	}
	if p != nil && p.evicted {
		return nil
	}
	return p
}

// adopt gives n another parent.
func (t *table) adopt(n, parent *node) {
	n.parent, n.tried = parent, 0
	t.epoch++
	if n.ppid == parent.pid && n.row.ParentStartTime == parent.start {
		return
	}
	n.ppid = parent.pid
	row := enricher.ShallowCopy(n.row)
	row.Ppid, row.ParentStartTime, row.NsPpid = parent.pid, parent.start, 0
	if parent.row.Ns != nil && row.Ns != nil && parent.row.Ns.Pid == row.Ns.Pid {
		row.NsPpid = parent.row.NsPid
	}
	n.row = row
}

// link finds the process with the pid of n's parent and ties n to it.
func (s *Step) link(t *table, n *node, ppid int32, start uint64) *node {
	if ppid <= 0 || ppid == n.pid {
		return nil
	}
	p := t.find(ppid, start)
	// A parent is never younger than its child.
	for p != nil && p.ticks > n.ticks {
		p = p.older
	}
	if p == nil && t.local && !s.replayed && !n.dead && s.budget.take() {
		if row, err := s.reader.read(ppid, start/tick); err == nil && row.StartTime/tick <= n.ticks {
			p = s.insert(t, row)
			s.count(read)
		}
	}
	if p != nil {
		n.parent = p
	}
	return p
}

// ancestors returns the places of n's ancestors in the batch, parent first,
// entering those that are not there yet.
func (s *Step) ancestors(t *table, b *msg.Batch, n *node) []uint32 {
	s.line = s.line[:0]
	for p := s.parent(t, n); p != nil && len(s.line) < s.cfg.MaxAncestors; p = s.parent(t, p) {
		p.seen = max(p.seen, t.now) // what others descend from stays
		s.environment(t, p)
		s.line = append(s.line, t.place(b, p))
	}
	return s.line
}

// place returns where the row of n stands in the batch.
func (t *table) place(b *msg.Batch, n *node) uint32 {
	if n.inBatch == t.batch && n.inRow == n.row {
		return n.at
	}
	row := enricher.ShallowCopy(n.row)
	row.StartTime = n.start
	b.Processes = append(b.Processes, row)
	n.inBatch, n.inRow, n.at = t.batch, n.row, uint32(len(b.Processes)-1)
	return n.at
}

// lineage sets the ancestors of a row that an event names, and returns the
// place of the row to name: the row itself, or a copy when earlier events
// name it with other ancestors.
func (s *Step) lineage(t *table, b *msg.Batch, st *rowState) {
	n := st.node
	line := s.ancestors(t, b, n)
	row := b.Processes[st.at]
	if st.epoch != 0 {
		if slices.Equal(line, row.Ancestors) {
			st.epoch = t.epoch
			return
		}
		row = enricher.ShallowCopy(row)
		b.Processes = append(b.Processes, row)
		st.at = uint32(len(b.Processes) - 1)
	}
	st.epoch = t.epoch
	row.Ancestors = slices.Clone(line)
	row.Ppid, row.ParentStartTime, row.NsPpid = n.ppid, 0, n.row.NsPpid
	if n.parent != nil {
		row.ParentStartTime = n.parent.start
	}
}
