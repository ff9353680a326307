// Package glob matches texts with shell patterns as fnmatch(3) does without
// flags: * and ? match every byte, slashes and leading dots too; brackets hold
// a set, ! or ^ inverts it; a backslash takes the meaning from what follows.
// The pattern must match the whole text.
package glob

// Match says whether the pattern matches s.
func Match(pattern, s string) bool { return match(pattern, s, false) }

// MatchFold is Match without regard to the case of ASCII letters.
func MatchFold(pattern, s string) bool { return match(pattern, s, true) }

// Meta says whether p has a character that is special in a pattern.
func Meta(p string) bool {
	for i := 0; i < len(p); i++ {
		if p[i] == '*' || p[i] == '?' || p[i] == '[' {
			return true
		}
	}
	return false
}

// match backtracks to the last star only, so it takes len(p)*len(s) steps at
// most.
func match(p, s string, fold bool) bool {
	pi, si := 0, 0
	star, from := -1, 0
	for si < len(s) {
		if pi < len(p) && p[pi] == '*' {
			star, from = pi, si
			pi++
			continue
		}
		if n, ok := one(p[pi:], s[si], fold); ok {
			pi += n
			si++
			continue
		}
		if star < 0 {
			return false
		}
		from++
		pi, si = star+1, from
	}
	for pi < len(p) && p[pi] == '*' {
		pi++
	}
	return pi == len(p)
}

// one matches the first element of p, n bytes long, with the byte c.
func one(p string, c byte, fold bool) (n int, ok bool) {
	if p == "" {
		return 0, false
	}
	switch p[0] {
	case '?':
		return 1, true
	case '[':
		if n, in, valid := set(p, c, fold); valid {
			return n, in
		}
	case '\\':
		if len(p) == 1 {
			return 1, false // nothing follows that could match
		}
		return 2, same(p[1], c, fold)
	}
	return 1, same(p[0], c, fold)
}

// set matches a bracket expression; valid is false when it is never closed,
// and the bracket stands for itself.
func set(p string, c byte, fold bool) (n int, in, valid bool) {
	i := 1
	not := i < len(p) && (p[i] == '!' || p[i] == '^')
	if not {
		i++
	}
	for first := true; ; first = false {
		if i >= len(p) {
			return 0, false, false
		}
		if p[i] == ']' && !first {
			return i + 1, in != not, true
		}
		if p[i] == '[' && i+1 < len(p) && p[i+1] == ':' {
			if w, ok, valid := class(p[i:], c, fold); valid {
				in = in || ok
				i += w
				continue
			}
		}
		lo := p[i]
		if lo == '\\' && i+1 < len(p) {
			i++
			lo = p[i]
		}
		i++
		hi := lo
		if i+1 < len(p) && p[i] == '-' && p[i+1] != ']' {
			i++
			hi = p[i]
			if hi == '\\' && i+1 < len(p) {
				i++
				hi = p[i]
			}
			i++
		}
		if lo <= c && c <= hi {
			in = true
		} else if fold {
			l, u := lower(c), upper(c)
			in = in || lo <= l && l <= hi || lo <= u && u <= hi
		}
	}
}

// class matches [:name:].
func class(p string, c byte, fold bool) (n int, in, valid bool) {
	for end := 2; end+1 < len(p); end++ {
		if p[end] != ':' || p[end+1] != ']' {
			continue
		}
		alpha := lower(c) >= 'a' && lower(c) <= 'z'
		digit := c >= '0' && c <= '9'
		switch p[2:end] {
		case "alpha":
			in = alpha
		case "digit":
			in = digit
		case "alnum":
			in = alpha || digit
		case "upper":
			in = c >= 'A' && c <= 'Z' || fold && alpha
		case "lower":
			in = c >= 'a' && c <= 'z' || fold && alpha
		case "space":
			in = c == ' ' || c >= '\t' && c <= '\r'
		case "blank":
			in = c == ' ' || c == '\t'
		case "punct":
			in = c > ' ' && c < 0x7f && !alpha && !digit
		case "xdigit":
			in = digit || lower(c) >= 'a' && lower(c) <= 'f'
		case "print":
			in = c >= ' ' && c < 0x7f
		case "graph":
			in = c > ' ' && c < 0x7f
		case "cntrl":
			in = c < ' ' || c == 0x7f
		default:
			return 0, false, false
		}
		return end + 2, in, true
	}
	return 0, false, false
}

func same(a, b byte, fold bool) bool {
	return a == b || fold && lower(a) == lower(b)
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}
