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
	// Mask, for flags with an enumerated low part (O_ACCMODE, the signal in
	// clone's flags), selects that part; 0 for none.
	Mask uint64
	List []Value
}

// Format renders raw as a user writes it: "O_WRONLY|O_CREAT", "PTRACE_TRACEME".
// What has no name is shown in hex, so nothing is hidden.
func (v *Values) Format(raw uint64) string {
	if v == nil {
		return strconv.FormatUint(raw, 10)
	}
	if !v.Bits {
		for _, x := range v.List {
			if x.Num == raw {
				return x.Name
			}
		}
		return strconv.FormatInt(int64(raw), 10)
	}
	var parts []string
	rest := raw
	if v.Mask != 0 {
		low := raw & v.Mask
		for _, x := range v.List {
			if x.Num&^v.Mask == 0 && x.Num == low {
				parts = append(parts, x.Name)
				rest &^= v.Mask
				break
			}
		}
	}
	for _, x := range v.List {
		if x.Num != 0 && x.Num&v.Mask == 0 && rest&x.Num == x.Num {
			parts = append(parts, x.Name)
			rest &^= x.Num
		}
	}
	if rest != 0 {
		parts = append(parts, "0x"+strconv.FormatUint(rest, 16))
	}
	if len(parts) == 0 {
		for _, x := range v.List {
			if x.Num == 0 {
				return x.Name
			}
		}
		return "0"
	}
	return strings.Join(parts, "|")
}
