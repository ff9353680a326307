package catalogue

import (
	"strconv"
	"strings"
)

// Value is one name of a number or of a set of bits.
type Value struct {
	Name string
	Num  uint64
}

// Values names the numbers that an argument can take.
type Values struct {
	Name string
	// Bits says that several may be set at once.
	Bits bool
	// Mask, for flags with an enumerated part (O_ACCMODE, the signal in clone's
	// flags), selects that part; 0 for none.
	Mask uint64
	List []Value
}

// Format renders raw as a user writes it: "O_WRONLY|O_CREAT", "PTRACE_TRACEME".
// What has no name is shown as a number, flags in hex, so nothing is hidden.
func (v *Values) Format(raw uint64) string {
	if v == nil {
		return strconv.FormatUint(raw, 10)
	}
	if v.Bits {
		return v.flags(narrow(raw))
	}
	if name, ok := v.name(raw); ok {
		return name
	}
	if name, ok := v.name(narrow(raw)); ok {
		return name
	}
	return strconv.FormatInt(int64(raw), 10)
}

// narrow undoes the sign extension of a 32-bit number whose top bit is set.
func narrow(raw uint64) uint64 {
	if int64(raw) < 0 && int64(raw) == int64(int32(raw)) {
		return uint64(uint32(raw))
	}
	return raw
}

func (v *Values) name(raw uint64) (string, bool) {
	// Most lists have no gaps at their beginning.
	if raw < uint64(len(v.List)) && v.List[raw].Num == raw {
		return v.List[raw].Name, true
	}
	for i := range v.List {
		if v.List[i].Num == raw {
			return v.List[i].Name, true
		}
	}
	return "", false
}

func (v *Values) flags(raw uint64) string {
	var array [16]string
	parts, rest := array[:0], raw
	if v.Mask != 0 {
		low := raw & v.Mask
		for i := range v.List {
			if x := &v.List[i]; x.Num&^v.Mask == 0 && x.Num == low {
				parts, rest = append(parts, x.Name), rest&^v.Mask
				break
			}
		}
	}
	for i := range v.List {
		if rest == 0 {
			break
		}
		if x := &v.List[i]; x.Num != 0 && x.Num&v.Mask == 0 && rest&x.Num == x.Num {
			parts, rest = append(parts, x.Name), rest&^x.Num
		}
	}
	if rest != 0 {
		parts = append(parts, "0x"+strconv.FormatUint(rest, 16))
	}
	if len(parts) == 0 {
		if name, ok := v.name(0); ok {
			return name
		}
		return "0"
	}
	return strings.Join(parts, "|")
}

// Parse reads what [Values.Format] writes: a name, several joined by '|' for
// flags, or numbers. ok is false when a part is neither.
func (v *Values) Parse(text string) (raw uint64, ok bool) {
	if v == nil {
		return number(text)
	}
	if !v.Bits {
		return v.number(text)
	}
	for part := range strings.SplitSeq(text, "|") {
		n, ok := v.number(strings.TrimSpace(part))
		if !ok {
			return 0, false
		}
		raw |= n
	}
	return raw, true
}

func (v *Values) number(text string) (uint64, bool) {
	for i := range v.List {
		if v.List[i].Name == text {
			return v.List[i].Num, true
		}
	}
	return number(text)
}

func number(text string) (uint64, bool) {
	if n, err := strconv.ParseUint(text, 0, 64); err == nil {
		return n, true
	}
	n, err := strconv.ParseInt(text, 0, 64)
	return uint64(n), err == nil
}
