package parser

import (
	"strconv"
	"strings"
)

func blank(c byte) bool  { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\b' }
func space(c byte) bool  { return c == ' ' || c >= '\t' && c <= '\r' }
func digit(c byte) bool  { return c >= '0' && c <= '9' }
func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// blank skips blanks and says whether there were any.
func (p *parser) blank() bool {
	i := p.i
	for p.i < len(p.s) && blank(p.s[p.i]) {
		p.i++
	}
	return p.i > i
}

// lit reads exactly t.
func (p *parser) lit(t string) bool {
	if !strings.HasPrefix(p.s[p.i:], t) {
		return false
	}
	p.last = p.i
	p.i += len(t)
	return true
}

// oneOf reads the first of several texts that is there.
func (p *parser) oneOf(got *string, texts ...string) bool {
	for _, t := range texts {
		if p.lit(t) {
			*got = t
			return true
		}
	}
	return false
}

// identLen is the length of the name at the start of s.
func identLen(s string) int {
	if s == "" || !letter(s[0]) {
		return 0
	}
	i := 1
	for i < len(s) && (letter(s[i]) || digit(s[i]) || s[i] == '_') {
		i++
	}
	return i
}

func (p *parser) ident() (string, bool) {
	n := identLen(p.s[p.i:])
	if n == 0 {
		return "", false
	}
	p.last = p.i
	p.i += n
	return p.s[p.last:p.i], true
}

// num reads a number: hex digits after 0x, or a sign, digits, a point and an
// exponent, whose sign must be there.
func (p *parser) num() (string, bool) {
	s := p.s[p.i:]
	n := 0
	if len(s) > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') {
		for n = 2; n < len(s) && strings.IndexByte("0123456789abcdefABCDEF", s[n]) >= 0; n++ {
		}
	}
	if n <= 2 {
		n = decimalLen(s)
	}
	if n == 0 {
		return "", false
	}
	p.last = p.i
	p.i += n
	return s[:n], true
}

func decimalLen(s string) int {
	i := 0
	if i < len(s) && (s[i] == '+' || s[i] == '-') {
		i++
	}
	first := i
	for i < len(s) && digit(s[i]) {
		i++
	}
	if i == first {
		return 0
	}
	if i < len(s) && s[i] == '.' {
		i++
	}
	for i < len(s) && digit(s[i]) {
		i++
	}
	if i+2 < len(s) && (s[i] == 'e' || s[i] == 'E') && (s[i+1] == '+' || s[i+1] == '-') && digit(s[i+2]) {
		i += 3
		for i < len(s) && digit(s[i]) {
			i++
		}
	}
	return i
}

// text reads a quoted or an unquoted value.
func (p *parser) text() (string, bool) {
	if t, ok := p.quoted(); ok {
		return t, true
	}
	i := p.i
	for i < len(p.s) && strings.IndexByte("()\"'=,", p.s[i]) < 0 && !space(p.s[i]) {
		i++
	}
	if i == p.i {
		return "", false
	}
	p.last = p.i
	p.i = i
	return p.s[p.last:i], true
}

// quoted reads a text in quotes. A quote after a backslash never ends it.
func (p *parser) quoted() (string, bool) {
	if p.i >= len(p.s) || p.s[p.i] != '"' && p.s[p.i] != '\'' {
		return "", false
	}
	q := p.s[p.i]
	for i := p.i + 1; i < len(p.s); i++ {
		if p.s[i] == q && p.s[i-1] != '\\' {
			t := p.unescape(p.i+1, i, q)
			p.last = p.i
			p.i = i + 1
			return t, true
		}
	}
	p.fail("this quote is never closed")
	return "", false
}

// unescape resolves the escapes between lo and hi.
func (p *parser) unescape(lo, hi int, quote byte) string {
	raw := p.s[lo:hi]
	if strings.IndexByte(raw, '\\') < 0 {
		return raw
	}
	var b strings.Builder
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			b.WriteByte(raw[i])
			continue
		}
		i++
		if i == len(raw) {
			p.failAt(lo+i-1, "nothing follows this backslash")
		}
		switch c := raw[i]; c {
		case 'b':
			b.WriteByte('\b')
		case 'f':
			b.WriteByte('\f')
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 't':
			b.WriteByte('\t')
		case ' ', '\\':
			// Old rule files write a backslash before a blank and mean a backslash.
			b.WriteByte('\\')
		case '/':
			b.WriteByte('/')
		case '"', '\'':
			if c != quote {
				p.failAt(lo+i-1, "only the quote in use may be escaped: here it is %c", quote)
			}
			b.WriteByte(c)
		case 'x':
			n, err := strconv.ParseUint(raw[i+1:min(i+3, len(raw))], 16, 8)
			if err != nil || i+3 > len(raw) {
				p.failAt(lo+i-1, "expected two hex digits after \\x")
			}
			b.WriteByte(byte(n))
			i += 2
		default:
			p.failAt(lo+i-1, "unknown escape \\%c; a backslash itself is written \\\\", c)
		}
	}
	return b.String()
}
