//go:build cgo && linux

package ebpf

import (
	"errors"
	"runtime"
	"strings"

	"github.com/tripline/tripline/pkg/msg/catalogue"
)

var errMalformed = errors.New("the record's parts do not add up")

// plan is what decoding an event needs, looked up once.
type plan struct {
	event *catalogue.Event
	args  []argPlan
	// backwards calls have their last two arguments the other way round on
	// arm64 and on i386 (CONFIG_CLONE_BACKWARDS).
	backwards bool
	// dirs are the arguments that may be descriptors of directories.
	dirs []int
}

type argPlan struct {
	name  string
	kind  catalogue.Kind
	width width
	// joined arguments have 64 bits in a 32-bit call too.
	joined bool
	// open arguments hold open's flags, whose numbers differ on arm64.
	open bool
}

func newPlans() []plan {
	plans := make([]plan, catalogue.MaxID())
	for e := range catalogue.All() {
		p := plan{event: e, args: make([]argPlan, len(e.Params)), backwards: e.Name == "clone", dirs: directories(e)}
		for i := range e.Params {
			p.args[i] = argPlan{e.Params[i].Name, e.Params[i].Kind, widthOf(&e.Params[i]), e.Split32>>i&1 != 0, isOpen(&e.Params[i])}
		}
		plans[e.ID] = p
	}
	return plans
}

func isOpen(p *catalogue.Param) bool {
	return runtime.GOARCH == "arm64" && p.Kind == catalogue.Flags && p.Values != nil && p.Values.Name == "open"
}

// width is how much of a register an argument uses. The kernel ignores the
// rest, so it can hold anything.
type width uint8

const (
	wordUnsigned width = iota // unsigned long, pointers: 32 bits for a 32-bit call
	wordSigned                // long
	unsigned32
	signed32
	unsigned16
	truth
)

func (w width) extend(v uint64, compat bool) int64 {
	switch w {
	case signed32:
		return int64(int32(v))
	case unsigned32:
		return int64(uint32(v))
	case unsigned16:
		return int64(uint16(v))
	case truth:
		if v != 0 {
			return 1
		}
		return 0
	case wordSigned:
		if compat {
			return int64(int32(v))
		}
	}
	return int64(v)
}

func widthOf(p *catalogue.Param) width {
	switch p.Kind {
	case catalogue.FD, catalogue.PID, catalogue.Signal:
		return signed32
	case catalogue.UID, catalogue.GID, catalogue.Device, catalogue.Mode:
		return unsigned32
	case catalogue.Bool:
		return truth
	case catalogue.Pointer:
		return wordUnsigned
	}
	w := widthOfType(p.Type)
	// A set of bits has no sign, nor has what is called unsigned, whatever its type.
	if p.Kind == catalogue.Flags || p.Kind == catalogue.Uint {
		switch w {
		case signed32:
			return unsigned32
		case wordSigned:
			return wordUnsigned
		}
	}
	return w
}

// widthOfType goes by the names that system calls use for their types on
// x86-64 and arm64.
func widthOfType(c string) width {
	if strings.Contains(c, "*") {
		return wordUnsigned
	}
	c = strings.TrimSpace(strings.TrimPrefix(c, "const "))
	if strings.HasPrefix(c, "enum ") {
		return signed32
	}
	switch c {
	case "int", "signed int", "s32", "__s32", "int32_t", "pid_t", "key_t", "key_serial_t", "clockid_t",
		"timer_t", "mqd_t", "id_t", "rwf_t", "__kernel_timer_t":
		return signed32
	case "unsigned", "unsigned int", "uint", "u32", "__u32", "uint32_t", "uid_t", "gid_t", "mode_t",
		"dev_t", "qid_t", "socklen_t", "fd_t":
		return unsigned32
	case "umode_t", "u16", "unsigned short", "old_uid_t", "old_gid_t":
		return unsigned16
	case "long", "long int", "ssize_t", "off_t", "time_t", "ptrdiff_t":
		return wordSigned
	case "bool":
		return truth
	}
	return wordUnsigned
}
