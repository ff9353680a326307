//go:build cgo && linux && amd64

package ebpf

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// row is a line of a table in testdata/calls: see the README there.
type row struct {
	at     string // file:line
	mode   string // child, killed, forks, powerless or ""
	event  *catalogue.Event
	args   []string
	result []string
}

func (r *row) String() string { return fmt.Sprintf("%s(%s)", r.event.Name, strings.Join(r.args, ", ")) }

// rows reads one table.
func rows(t *testing.T, path string) []row {
	t.Helper()
	f, err := callTables.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []row
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		at := fmt.Sprintf("%s:%d", filepath.Base(path), n)
		call, result, ok := cutLast(lines.Text(), " = ")
		name, args, opened := strings.Cut(call, "(")
		args, closed := strings.CutSuffix(args, ")")
		if !ok || !opened || !closed {
			t.Fatalf("%s: is not name(arguments) = result", at)
		}
		mode, plain, ok := strings.Cut(name, " ")
		if !ok {
			mode, plain = "", name
		}
		e, ok := catalogue.Lookup(plain)
		if !ok {
			t.Fatalf("%s: no call %s", at, plain)
		}
		r := row{at, mode, e, split(args), strings.Split(result, "|")}
		if len(r.args) != len(e.Params) {
			t.Fatalf("%s: %d arguments, %s has %d", at, len(r.args), plain, len(e.Params))
		}
		out = append(out, r)
	}
	return out
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// split takes arguments apart at the commas that are in no quotes or brackets.
func split(s string) []string {
	var out []string
	depth, quoted, start := 0, false, 0
	for i, c := range s {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		case c == ',' && depth == 0:
			out, start = append(out, strings.TrimSpace(s[start:i])), i+1
		}
	}
	if s == "" {
		return nil
	}
	return append(out, strings.TrimSpace(s[start:]))
}

// passage is one of the kernel's interfaces for calls.
type passage int

const (
	native passage = iota
	compat         // int 0x80
	x32            // the 64-bit entry with a bit in the number
)

func (p passage) String() string { return [...]string{"native", "int 0x80", "x32"}[p] }

// number is the call's number there, -1 where it has none.
func (p passage) number(e *catalogue.Event) int {
	return [...]int{e.NrX86, e.NrI386, e.NrX32}[p]
}

// prepared is a row ready to be made.
type prepared struct {
	*row
	regs [6]uint64
	want []string // of each argument, as people read it; absentText for none
}

const absentText = "(absent)"

// garbage is what the upper half of a register may hold where the kernel looks
// at the lower half only.
const garbage = 0xdeadbeef << 32

// takesLong says of which arguments the kernel looks at the whole register,
// although people know them as ints.
func takesLong(call, argument string) bool {
	switch call + "." + argument {
	case "mprotect.prot", "pkey_mprotect.prot", "unshare.flags", "clone.flags":
		return true
	}
	return false
}

// prepare lays the arguments out in memory; false for what does not fit the
// passage.
func (r *row) prepare(t *testing.T, s *stage, p passage) (out prepared, ok bool) {
	t.Helper()
	out = prepared{row: r, want: make([]string, len(r.args))}
	at := 0
	for i, text := range r.args {
		param := &r.event.Params[i]
		v, want, err := s.argument(param, text, p)
		if err != nil {
			t.Fatalf("%s: %s: %v", r.at, param.Name, err)
		}
		out.want[i] = want
		w := widthOf(param)
		if p == compat {
			joined := r.event.Split32>>i&1 != 0
			if !joined && v != uint64(uint32(v)) && v != uint64(int64(int32(v))) {
				return out, false
			}
			out.regs[at] = v & 0xffffffff
			if at++; joined {
				out.regs[at] = v >> 32
				at++
			}
			continue
		}
		if p == native && (w == signed32 || w == unsigned32) && !takesLong(r.event.Name, param.Name) {
			v = v&0xffffffff | garbage
		}
		out.regs[at] = v
		at++
	}
	if p == compat && r.event.Name == "clone" {
		// There the last two are the other way round.
		out.regs[3], out.regs[4] = out.regs[4], out.regs[3]
	}
	return out, true
}

// argument reads one argument: the register's value and what its event says.
func (s *stage) argument(p *catalogue.Param, text string, by passage) (raw uint64, want string, err error) {
	switch text {
	case "NULL":
		if p.Kind == catalogue.Pointer {
			return 0, "0x0", nil
		}
		if p.Kind >= catalogue.String {
			return 0, absentText, nil
		}
	case "BAD":
		if p.Kind == catalogue.Strings {
			return badAddress, "[]", nil // and said to be incomplete
		}
		return badAddress, absentText, nil
	}
	switch p.Kind {
	case catalogue.String, catalogue.Path:
		q, err := strconv.Unquote(text)
		if err != nil {
			return 0, "", fmt.Errorf("%s: %w", text, err)
		}
		q = s.expand(q)
		return uint64(s.str(q)), q, nil
	case catalogue.Strings:
		items := split(strings.Trim(text, "[]"))
		for i := range items {
			items[i] = strings.Trim(items[i], `"`)
		}
		return s.strings(items, by), fmt.Sprintf("%q", items), nil
	case catalogue.SockAddr:
		return s.address(text)
	}
	if strings.HasPrefix(text, "{") {
		raw, err = s.structure(text)
		return raw, fmt.Sprintf("%#x", raw), err
	}
	if name, ok := strings.CutPrefix(text, "$"); ok || text == "BADPTR" {
		if !ok {
			name = text
		}
		if raw, ok = s.words[name]; !ok {
			return 0, "", fmt.Errorf("nothing is prepared by the name of %s", text)
		}
		want = strconv.FormatUint(raw, 10)
		if p.Kind == catalogue.Pointer {
			want = fmt.Sprintf("%#x", raw)
		}
		return raw, want, nil
	}
	want = text
	if p.Kind == catalogue.FD && text == "AT_FDCWD" {
		text, want = "-100", "-100"
	}
	if p.Values != nil {
		n, ok := p.Values.Parse(text)
		if !ok {
			return 0, "", fmt.Errorf("%s has no value %s", p.Values.Name, text)
		}
		return n, want, nil
	}
	if n, err := strconv.ParseInt(text, 0, 64); err == nil {
		return uint64(n), want, nil
	}
	raw, err = strconv.ParseUint(text, 0, 64)
	return raw, want, err
}

func (s *stage) strings(items []string, by passage) uint64 {
	var p []byte
	for i := range len(items) + 1 {
		at := uint32(0)
		if i < len(items) {
			at = s.str(items[i])
		}
		if p = binary.NativeEndian.AppendUint32(p, at); by == native {
			p = append(p, 0, 0, 0, 0)
		}
	}
	return uint64(s.bytes(p))
}

// structure lays words out: {1, $buf} of 64 bits, {i 1, 2} of 32.
func (s *stage) structure(text string) (uint64, error) {
	inner := strings.Trim(text, "{}")
	inner, narrow := strings.CutPrefix(inner, "i ")
	var b []byte
	for _, word := range split(inner) {
		n, err := strconv.ParseUint(s.expand(word), 0, 64)
		if err != nil {
			return 0, err
		}
		if narrow {
			b = binary.NativeEndian.AppendUint32(b, uint32(n))
		} else {
			b = binary.NativeEndian.AppendUint64(b, n)
		}
	}
	return uint64(s.bytes(b)), nil
}

// address lays a socket's address out, or room for it: &{…}.
func (s *stage) address(text string) (raw uint64, want string, err error) {
	if text == "$room" {
		return s.words["room"], absentText, nil
	}
	inner, room := strings.CutPrefix(text, "&")
	inner = s.expand(strings.Trim(inner, "{}"))
	if path, ok := strings.CutPrefix(inner, "unix:"); ok {
		want = path
		b := append([]byte{1, 0}, path...)
		if strings.HasPrefix(path, "@") {
			b[2] = 0
		}
		inner = string(append(b, 0))
	} else {
		a, err := netip.ParseAddrPort(inner)
		if err != nil {
			return 0, "", err
		}
		want = inner
		ip := a.Addr().AsSlice()
		if len(ip) == 4 {
			inner = string(inet4(a.Port(), ip[0], ip[1], ip[2], ip[3]))
		} else {
			inner = string(inet6(a.Port()))
		}
	}
	if room {
		return uint64(s.bytes(make([]byte, 128))), want, nil
	}
	return uint64(s.bytes([]byte(inner))), want, nil
}

// accepts says whether a result is one of those that the row allows. What a
// structure of 64-bit words means to a 32-bit call is not said.
func (r *row) accepts(s *stage, ret int64, p passage) bool {
	if p == compat && r.event.NrX86 >= 0 {
		return true
	}
	errno := ""
	if ret < 0 && ret >= -4095 {
		errno = catalogue.Errno(int(-ret))
	}
	return slices.ContainsFunc(r.result, func(want string) bool {
		switch want {
		case "any":
			return true
		case "ok", "fd":
			return errno == ""
		}
		if name, ok := strings.CutPrefix(want, "$"); ok {
			return uint64(ret) == s.words[name]
		}
		if n, err := strconv.ParseInt(want, 0, 64); err == nil {
			return ret == n
		}
		return errno == want
	}) || errno == "ENOSYS"
}
