package sensor

import "github.com/tripline/tripline/pkg/msg"

// kind is what one process did of one type: what the queue drops together.
type kind struct {
	pid   int32
	start uint64
	typ   uint32
}

// kindOf returns the kind of an event.
func kindOf(b *msg.Batch, e *msg.Event) kind {
	k := kind{typ: e.Type}
	if i := e.Process; uint64(i) < uint64(len(b.Processes)) {
		k.pid, k.start = b.Processes[i].Pid, b.Processes[i].StartTime
	}
	return k
}

// kindCount is how many events of a kind, and how much happened that they
// stand for.
type kindCount struct {
	kind
	events int
	weight uint64
}

// kindsOf counts the events of a batch. Batches hold few kinds, so a slice
// serves.
func kindsOf(b *msg.Batch) []kindCount {
	var out []kindCount
	// By the index of the process: that is quicker to compare than its key.
	var processes []uint32
next:
	for _, e := range b.Events {
		for i := range out {
			if out[i].typ == e.Type && processes[i] == e.Process {
				out[i].events++
				out[i].weight += weight(e)
				continue next
			}
		}
		out = append(out, kindCount{kindOf(b, e), 1, weight(e)})
		processes = append(processes, e.Process)
	}
	return out
}
