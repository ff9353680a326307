package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tripline/tripline/internal/bus"
)

// share is what one matcher reads.
type share struct {
	owner      string
	partitions []string
	waiting    uint64 // batches
	answered   uint64 // batches, within the time looked at
}

// showPartitions lists who reads which partitions, how many batches wait there
// and how many are dealt with in a second.
func showPartitions(w io.Writer, all []*instance, before, now bus.Pending, took time.Duration) {
	owner := make([]string, len(now.Partitions))
	for _, i := range all {
		// A program of rules of one's own reads for itself; the numbers here are
		// those of the matchers.
		if i.last.Stage != stageMatcher || i.last.Detail["group"] != nil {
			continue
		}
		for _, p := range partitionNumbers(i.last.Detail["partitions"]) {
			if p < len(owner) {
				owner[p] = strings.TrimPrefix(owner[p]+", "+i.last.Instance, ", ")
			}
		}
	}
	shares := map[string]*share{}
	for p, o := range owner {
		s := shares[o]
		if s == nil {
			s = &share{owner: o}
			shares[o] = s
		}
		s.partitions = append(s.partitions, fmt.Sprint(p))
		s.waiting += now.Partitions[p]
		if now.Answered[p] > before.Answered[p] {
			s.answered += now.Answered[p] - before.Answered[p]
		}
	}
	list := make([]*share, 0, len(shares))
	for _, s := range shares {
		if s.owner == "" {
			s.owner = "(nobody)"
		}
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b *share) int { return cmp.Compare(a.owner, b.owner) })
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "PARTITIONS OF\tNUMBER\tBATCHES WAITING\tPER SECOND\tWHICH")
	for _, s := range list {
		fmt.Fprintf(t, "%s\t%d\t%d\t%.0f\t%s\n", s.owner, len(s.partitions), s.waiting, float64(s.answered)/took.Seconds(), strings.Join(s.partitions, " "))
	}
	t.Flush()
}

// partitionNumbers reads a list of numbers out of a heartbeat's detail.
func partitionNumbers(v any) (out []int) {
	list, _ := v.([]any)
	for _, x := range list {
		if n, ok := x.(float64); ok && n >= 0 {
			out = append(out, int(n))
		}
	}
	return out
}
