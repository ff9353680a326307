package process

import "github.com/tripline/tripline/pkg/msg"

// reparent notes that a process has another parent.
func (s *Step) reparent(t *table, n *node, p *msg.Process) {
	if parent := s.link(t, n, p.Ppid, p.ParentStartTime); parent != nil {
		t.adopt(n, parent)
		return
	}
	row := copyRow(n.row)
	row.Ppid, row.ParentStartTime = p.Ppid, p.ParentStartTime
	n.row, n.ppid, n.parent = row, p.Ppid, nil
	t.epoch++
}

// renamed notes the name of a thread group's leader, and says whether that was
// news. A new one comes from prctl(2), or from an exec that was lost: then the
// process runs another file.
func (s *Step) renamed(t *table, n *node, comm string, again bool) bool {
	if comm == n.row.Comm || comm == "" || again {
		return false
	}
	if t.local && !s.replayed && !n.dead && n.row.Exe != nil && s.budget.take() {
		if now := s.reader.exe(n.pid); now != nil && otherFile(now, n.row.Exe) && s.reread(t, n) {
			s.count(repaired)
			return true
		}
	}
	row := copyRow(n.row)
	row.Comm = s.intern.str(comm)
	n.row = row
	t.epoch++
	return true
}

// otherFile says whether two descriptions are of different files. Kernel and
// /proc spell some paths differently (a memfd's, one in another mount
// namespace) and some file systems show two inode numbers for one file, so
// both must differ.
func otherFile(a, b *msg.Executable) bool {
	return a.Path != b.Path && a.Inode != b.Inode
}

// reread replaces what is known of a live process by what /proc says.
func (s *Step) reread(t *table, n *node) bool {
	row, err := s.reader.read(n.pid, n.ticks)
	if err != nil {
		return false
	}
	s.count(read)
	row.StartTime, row.CgroupId, row.CgroupV1Id = n.start, n.row.CgroupId, n.row.CgroupV1Id
	ppid := row.Ppid
	row.Ppid, row.ParentStartTime, row.NsPpid = n.row.Ppid, n.row.ParentStartTime, n.row.NsPpid
	share(row, n.row)
	n.row, n.unread, n.asked = row, false, t.asked
	if ppid != n.ppid {
		s.reparent(t, n, &msg.Process{Ppid: ppid})
	}
	t.epoch++
	return true
}
