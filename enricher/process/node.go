package process

import (
	"github.com/tripline/tripline/enricher"
	"github.com/tripline/tripline/pkg/msg"
)

// node is one process of the table.
type node struct {
	pid   int32
	ticks uint64 // start time at the resolution of /proc
	start uint64 // start time in ns since boot, the best that is known

	// row is what is known, without ancestors and container. It is never
	// changed, only replaced: rows of batches are copies that share its lists.
	row *msg.Process

	ppid   int32
	parent *node
	// older is the process that had this pid before, while it is remembered.
	older *node

	seen    int64 // time of the last event, ns since the epoch
	exited  int64 // time of the exit, 0 while alive
	dead    bool
	evicted bool
	queued  bool // is in the queue of the dead
	// unread says that /proc was not asked for want of budget.
	unread bool
	// tried counts how often /proc was asked for a parent in place of a dead
	// one, next is the earliest batch to ask again.
	tried uint8
	next  uint64
	// asked is the table's when what is asked for of its environment was looked up.
	asked uint32

	// Where this node's row stands in the current batch.
	inBatch uint64
	inRow   *msg.Process
	at      uint32
}

// tick is the resolution of start times in /proc: USER_HZ is 100 on every
// architecture that Tripline runs on.
const tick = 10_000_000

// mark sets or clears a flag.
func (n *node) mark(flag msg.ProcessFlag, on bool) {
	if (n.row.Flags&uint32(flag) != 0) == on {
		return
	}
	row := enricher.ShallowCopy(n.row)
	if row.Flags |= uint32(flag); !on {
		row.Flags &^= uint32(flag)
	}
	n.row = row
}
