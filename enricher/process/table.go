package process

import (
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

// table holds the processes of one boot of one host.
type table struct {
	cfg Config
	// local tables are of this machine as it is now, so /proc may be asked.
	local  bool
	byPID  map[int32]*node
	count  int
	dead   []*node // in order of exit; from deadAt on
	deadAt int
	nDead  int

	now     int64  // time of the newest event, ns since the epoch
	lastSeq uint64 // of the newest batch
	batch   uint64 // serial number of the batch at hand
	// env is what is asked for of environments; asked grows with it.
	env   *msg.Environment
	asked uint32
	// epoch grows when what was said of ancestors may no longer hold.
	epoch uint64
}

func newTable(cfg Config, local bool) *table {
	return &table{cfg: cfg, local: local, byPID: make(map[int32]*node), env: msg.NewEnvironment()}
}

// find returns the process with this pid and start time. A start time of 0
// finds the one that has the pid now.
func (t *table) find(pid int32, start uint64) *node {
	n := t.byPID[pid]
	if start == 0 {
		return n
	}
	for ticks := start / tick; n != nil; n = n.older {
		if n.ticks == ticks {
			if start%tick != 0 {
				n.start = start
			}
			return n
		}
	}
	return nil
}

// add makes a node. What had the pid before is dead, if it is older.
func (t *table) add(pid int32, start uint64, row *msg.Process) *node {
	n := &node{pid: pid, ticks: start / tick, start: start, row: row, ppid: row.Ppid, seen: t.now, asked: t.asked}
	top := t.byPID[pid]
	if top == nil || top.ticks <= n.ticks {
		if top != nil {
			t.exit(top, t.now)
		}
		n.older, t.byPID[pid] = top, n
	} else {
		// A late word of one that had the pid before.
		at := top
		for at.older != nil && at.older.ticks > n.ticks {
			at = at.older
		}
		n.older, at.older = at.older, n
		t.exit(n, t.now)
	}
	t.count++
	t.bound()
	return n
}

// exit marks a process dead.
func (t *table) exit(n *node, at int64) {
	if n.dead {
		return
	}
	n.dead, n.exited = true, at
	n.mark(msg.ProcessFlag_PROCESS_FLAG_EXITED, true)
	t.nDead++
	if !n.queued {
		n.queued = true
		t.dead = append(t.dead, n)
	}
}

// touch notes a sign of life.
func (t *table) touch(n *node, at int64) {
	n.seen = at
	if n.dead && at > n.exited && t.byPID[n.pid] == n {
		n.dead = false
		n.mark(msg.ProcessFlag_PROCESS_FLAG_EXITED, false)
		t.nDead--
	}
}

// expire forgets the dead whose time is over, and more when there are too many.
// Within a batch it leaves those that the batch names.
func (t *table) expire(within bool) {
	keep := int64(t.cfg.KeepDead)
	for t.deadAt < len(t.dead) {
		n := t.dead[t.deadAt]
		if n.dead && !n.evicted && t.now-n.exited < keep && t.nDead <= t.cfg.MaxDead && t.count <= t.cfg.MaxProcesses {
			break
		}
		if within && n.inBatch == t.batch {
			break
		}
		t.dead[t.deadAt] = nil
		t.deadAt++
		n.queued = false
		if n.dead && !n.evicted {
			t.evict(n)
		}
	}
	if t.deadAt > 1024 && t.deadAt > len(t.dead)/2 {
		t.dead = append(t.dead[:0], t.dead[t.deadAt:]...)
		t.deadAt = 0
	}
}

// evict takes a node out. Children may go on pointing at it, so it lets go of
// what is heavy and of its own parent: no chain of the forgotten grows.
func (t *table) evict(n *node) {
	if n.evicted {
		return
	}
	if top := t.byPID[n.pid]; top == n {
		if n.older != nil {
			t.byPID[n.pid] = n.older
		} else {
			delete(t.byPID, n.pid)
		}
	} else {
		for at := top; at != nil; at = at.older {
			if at.older == n {
				at.older = n.older
				break
			}
		}
	}
	if n.dead {
		t.nDead--
	}
	n.evicted, n.dead = true, true
	n.row, n.parent, n.older, n.inRow = nil, nil, nil, nil
	t.count--
}

// bound keeps the table within its size: the dead go first, then, among a few
// taken at random, the one not seen for longest.
func (t *table) bound() {
	if t.count <= t.cfg.MaxProcesses {
		return
	}
	t.expire(true)
	for t.count > t.cfg.MaxProcesses {
		var oldest *node
		tried := 0
		for _, n := range t.byPID { // the order of a map is random enough
			if n.inBatch != t.batch && (oldest == nil || n.seen < oldest.seen) {
				oldest = n
			}
			if tried++; tried == 16 {
				break
			}
		}
		if oldest == nil {
			return // all are in use; the next batch makes room
		}
		t.evict(oldest)
	}
}

// sweep marks those dead that /proc did not list at the given time, unless
// they were seen since.
func (t *table) sweep(alive map[int32]struct{}, at time.Time) {
	limit := at.UnixNano()
	for pid, n := range t.byPID {
		if _, ok := alive[pid]; ok || n.dead || n.seen >= limit {
			continue
		}
		t.exit(n, n.seen)
		t.epoch++
	}
}
