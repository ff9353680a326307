package render

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Terminal makes a text safe to show on one line of a terminal or a log:
// control characters (C0, DEL, C1), invisible and direction-changing
// characters, line separators and bytes that are no UTF-8 are written as \n,
// \t, \r, \xNN or \uNNNN. Everything else stays as it is.
func Terminal(s string) string {
	i := indexUnsafe(s)
	if i < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	b.WriteString(s[:i])
	for i < len(s) {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case !active(r):
			b.WriteString(s[i : i+size])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		i += size
	}
	return b.String()
}

// indexUnsafe returns where the first byte is that Terminal changes, or -1.
func indexUnsafe(s string) int {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if c < ' ' || c == 0x7f {
				return i
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 || active(r) {
			return i
		}
		i += size
	}
	return -1
}

// active says whether a character does something other than being seen: the
// categories control, format (which holds the bidirectional controls of
// UAX #9, zero-width characters and tags), line and paragraph separator,
// surrogates and private use.
func active(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Cs, unicode.Co)
}

// JSONForTerminal escapes, in valid JSON, what encoding/json leaves and a
// terminal obeys. The result is JSON of the same value.
func JSONForTerminal(j []byte) []byte {
	s := string(j)
	i := indexUnsafe(s)
	if i < 0 {
		return j
	}
	out := make([]byte, 0, len(j)+16)
	out = append(out, j[:i]...)
	for i < len(s) {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r < ' ' || r == utf8.RuneError && size == 1 || !active(r):
			// Below space, valid JSON holds only its own white space.
			out = append(out, s[i:i+size]...)
		case r < 0x10000:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			hi, lo := utf16Pair(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, hi, lo)
		}
		i += size
	}
	return out
}

// utf16Pair splits a character beyond the basic plane.
func utf16Pair(r rune) (hi, lo rune) {
	r -= 0x10000
	return 0xd800 + r>>10, 0xdc00 + r&0x3ff
}

// Truncate shortens a text to at most n bytes, at a character's border, and
// says how much is missing. It returns short texts as they are.
func Truncate(n int, s string) string {
	short := cut(n, s)
	if len(short) == len(s) {
		return s
	}
	return fmt.Sprintf("%s… (%d bytes more)", short, len(s)-len(short))
}

// cut returns the first n bytes, or less so as not to halve a character.
func cut(n int, s string) string {
	if n < 0 || len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
