package render

import (
	"fmt"
	"strings"
)

// Fit makes a text safe as [Terminal] does, escapes it for its destination,
// and cuts it so that at most limit bytes come out, never within an escape
// sequence; what is missing is said. Escape may be nil. Limits that receivers
// give in characters or UTF-16 units are met, too: neither is ever more than
// the bytes. Below 40 bytes a limit leaves no room to say what is missing.
func Fit(limit int, s string, escape *strings.Replacer) string {
	// No escaping makes a text shorter, so more than this is never needed.
	head := Terminal(cut(limit+1, s))
	whole := head
	if escape != nil {
		whole = escape.Replace(head)
	}
	if len(whole) <= limit && len(s) <= limit {
		return whole
	}
	const room = 40 // for the note
	var b strings.Builder
	taken := 0
	for i := range s {
		if i == 0 {
			continue
		}
		part := fitPart(s[taken:i], escape)
		if b.Len()+len(part) > limit-room {
			break
		}
		b.WriteString(part)
		taken = i
	}
	if limit > room {
		fmt.Fprintf(&b, "… (%d bytes more)", len(s)-taken)
	}
	return b.String()
}

func fitPart(s string, escape *strings.Replacer) string {
	s = Terminal(s)
	if escape == nil {
		return s
	}
	return escape.Replace(s)
}
