package enricher

import (
	"encoding/binary"

	"github.com/tripline/tripline/pkg/msg"
)

// FNV-1a, 64 bit (draft-eastlake-fnv). Partitions outlive the process that
// chose them, so the hash must never change.
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

func fnv(h uint64, s string) uint64 {
	for i := 0; i < len(s); i++ {
		h = (h ^ uint64(s[i])) * fnvPrime
	}
	return h
}

// Partition returns the partition of the events of a process: by its container
// if it is in one, by its cgroup's path else, and by the number of its cgroup
// when even the path is unknown.
func Partition(p *msg.Process, c *msg.Container, partitions uint32) uint32 {
	var h uint64
	switch {
	case c != nil:
		h = fnv(fnv(fnvOffset, "container:"), c.Id)
	case p.Cgroup != "":
		h = fnv(fnv(fnvOffset, "cgroup:"), p.Cgroup)
	default:
		var id [16]byte
		binary.BigEndian.PutUint64(id[:8], p.CgroupId)
		binary.BigEndian.PutUint64(id[8:], p.CgroupV1Id)
		h = fnv(fnv(fnvOffset, "id:"), string(id[:]))
	}
	// The low bits of FNV mix poorly for short inputs; fold the high ones in.
	return uint32((h ^ h>>32) % uint64(partitions))
}
