package bus

import (
	"fmt"
	"testing"
)

// TestShares: everybody has as many partitions as everybody else, or one more;
// when a member goes, most of what the others have stays with them.
func TestShares(t *testing.T) {
	for _, partitions := range []uint32{1, 16, 64} {
		for n := 1; n <= 20; n++ {
			var members []string
			for i := range n {
				members = append(members, fmt.Sprintf("member-%d-%d", partitions, i))
			}
			all := shares(partitions, members)
			count := map[string]int{}
			for _, m := range all {
				count[m]++
			}
			for _, m := range members {
				if least := int(partitions) / n; count[m] < least || count[m] > least+1 {
					t.Errorf("%s of %d has %d of %d partitions", m, n, count[m], partitions)
				}
			}
			if n == 1 {
				continue
			}
			gone := members[n/2]
			without := append(append([]string{}, members[:n/2]...), members[n/2+1:]...)
			moved := 0
			for p, m := range shares(partitions, without) {
				if m == gone {
					t.Errorf("partition %d belongs to one who is gone", p)
				}
				if all[p] != gone && all[p] != m {
					moved++
				}
			}
			if rest := int(partitions) - count[gone]; moved > rest/2 {
				t.Errorf("%d of %d partitions of others moved when one of %d went", moved, rest, n)
			}
		}
	}
}
