package fields

import (
	"net/netip"
	"strings"
)

// ArgForm says which argument a field takes.
type ArgForm uint8

// The forms. Dot arguments are a suffix of the name, Bracket ones stand in
// brackets; Index is a number, Key any text.
const (
	NoArg ArgForm = iota
	Index
	Key
	IndexOrKey
	Dot
	DotOrIndex
)

// Flag marks what a field may not be used for and how it is shown.
type Flag uint16

// The flags.
const (
	// NeedArg says that the argument must be there.
	NeedArg Flag = 1 << iota
	// NoRight fields may not stand on the value side.
	NoRight
	// NoTransform fields may not be transformed.
	NoTransform
	// FilterOnly fields may not be printed, PrintOnly ones not compared.
	FilterOnly
	PrintOnly
	// Deprecated fields still work.
	Deprecated
	// Suggested fields are added to every output line.
	Suggested
	// Each fields stand for several values, one of which must satisfy a check;
	// without an argument only.
	Each
	// Either fields stand for both ends of a connection: one must satisfy a
	// check, for != both.
	Either
	// Padded numbers are printed with nine digits, Hex ones in hexadecimal.
	Padded
	Hex
	// OfEvent fields of a process or container depend on the event as well, such
	// as an age.
	OfEvent
)

// Def is a row of the table.
type Def struct {
	Name  string
	Type  Type
	List  bool
	Arg   ArgForm
	Flags Flag
	// Doc is one line for people; From says where the value comes from.
	Doc  string
	From string
	// Missing is why Tripline has no value for the field, "" when it has.
	Missing string
	// OfProcess says that all events of a process in one batch have the same
	// value.
	OfProcess bool
	// Base is the field that this one follows from, "" for none: it is absent,
	// or follow of Base's value.
	Base   string
	follow func(string) string
	bind   bind
}

// Has says whether a flag is set.
func (d *Def) Has(f Flag) bool { return d.Flags&f != 0 }

// Ref is a field as a rule names it.
type Ref struct {
	Def *Def
	// Type is the field's, or the parameter's for evt.rawarg.
	Type Type
	// Arg is the argument, from brackets or from behind the dot.
	Arg    string
	HasArg bool
	// N is the argument as a number, -1 when it is none.
	N int
	// Text is the canonical name: what results are called.
	Text string
}

// List says whether the value is a list of texts.
func (r *Ref) List() bool { return r.Def.List }

// Several says whether the field stands for several values here.
func (r *Ref) Several() bool {
	return r.Def.Has(Either) || r.Def.Has(Each) && !r.HasArg
}

// Base is the field that this one follows from, nil for none.
func (r *Ref) Base() *Ref {
	if r.Def.Base == "" {
		return nil
	}
	d := all().defs[r.Def.Base]
	return &Ref{Def: d, Type: d.Type, N: -1, Text: d.Name}
}

// Getter reads one field of the current event. Which function is set follows
// from the kind of the field's type: Str for String and Bytes, Num for numbers
// (unsigned ones in two's complement), ports and bools (0 and 1), Float, IP for
// IP and Net, List for lists. Each returns false when the field is absent.
//
// Fields that stand for several values have N, the number of them now, and the
// functions with an index instead.
type Getter struct {
	Str   func() (string, bool)
	Num   func() (int64, bool)
	Float func() (float64, bool)
	IP    func() (netip.Addr, bool)
	List  func() ([]string, bool)

	N     func() int
	StrAt func(int) (string, bool)
	NumAt func(int) (int64, bool)
	IPAt  func(int) (netip.Addr, bool)
}

// Source gives the values of fields of one event after another.
type Source interface {
	// Bind returns how to read a field; nil when the source does not know it,
	// which makes it always absent.
	Bind(r *Ref) *Getter
}

// bind makes the getter of a field for one view of events.
type bind func(e *Event, r *Ref) *Getter

// The constructors of getters that rows of the table use.

func str(f func(*Event) (string, bool)) bind {
	return func(e *Event, _ *Ref) *Getter {
		return &Getter{Str: func() (string, bool) { return f(e) }}
	}
}

func num(f func(*Event) (int64, bool)) bind {
	return func(e *Event, _ *Ref) *Getter {
		return &Getter{Num: func() (int64, bool) { return f(e) }}
	}
}

func boolean(f func(*Event) (bool, bool)) bind {
	return func(e *Event, _ *Ref) *Getter {
		return &Getter{Num: func() (int64, bool) {
			b, ok := f(e)
			if b {
				return 1, ok
			}
			return 0, ok
		}}
	}
}

func addr(f func(*Event) (netip.Addr, bool)) bind {
	return func(e *Event, _ *Ref) *Getter {
		return &Getter{IP: func() (netip.Addr, bool) { return f(e) }}
	}
}

func yes(f func(*Event) bool) bind {
	return boolean(func(e *Event) (bool, bool) { return f(e), true })
}

// always makes a getter of a constant number.
func always(n int64) bind {
	return num(func(*Event) (int64, bool) { return n, true })
}

// never is the getter of fields that never have a value.
func never(e *Event, r *Ref) *Getter {
	return &Getter{
		Str:   func() (string, bool) { return "", false },
		Num:   func() (int64, bool) { return 0, false },
		Float: func() (float64, bool) { return 0, false },
		IP:    func() (netip.Addr, bool) { return netip.Addr{}, false },
		List:  func() ([]string, bool) { return nil, false },
	}
}

// Never returns a getter of what is always absent.
func Never() *Getter { return never(nil, nil) }

func join(ss []string) string { return strings.Join(ss, " ") }
