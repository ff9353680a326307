package main

import (
	"encoding/hex"
	"encoding/json"
	"math/big"
	"net/netip"
	"strconv"
	"strings"

	"github.com/tripline/tripline/matcher/expr/falco/fields"
)

// source gives fields their values from a case's event.
type source struct{ event map[string]any }

// Bind implements [fields.Source].
func (s source) Bind(r *fields.Ref) *fields.Getter {
	if r.Several() {
		return s.several(r)
	}
	g := &fields.Getter{
		Str:  func() (string, bool) { return textOf(s.lookup(r)) },
		Num:  func() (int64, bool) { return numberOf(s.lookup(r)) },
		IP:   func() (netip.Addr, bool) { return addressOf(s.lookup(r)) },
		List: func() ([]string, bool) { return listOf(s.lookup(r)) },
		Float: func() (float64, bool) {
			n, ok := s.lookup(r).(float64)
			return n, ok
		},
	}
	return g
}

// lookup finds the value of a field, or nil.
func (s source) lookup(r *fields.Ref) any {
	if v, ok := s.event[r.Text]; ok {
		return v
	}
	name := r.Def.Name
	switch {
	case r.Def.Has(fields.Each) && r.HasArg && r.N == 0:
		return s.event[strings.Replace(name, ".a", ".", 1)]
	case r.Def.Has(fields.Each) && r.HasArg && r.N > 0:
		if l, ok := s.event[name].([]any); ok && r.N <= len(l) {
			return l[r.N-1]
		}
	case strings.HasPrefix(name, "evt.is_open_"):
		return false
	case strings.HasPrefix(name, "fd.") && strings.HasSuffix(name, "net"):
		return s.event[strings.TrimSuffix(name, "net")+"ip"]
	case name == "evt.type.is":
		if s.event["evt.type"] == r.Arg {
			return 1.0
		}
		return 0.0
	}
	return nil
}

// several gives the values of fields that stand for many.
func (s source) several(r *fields.Ref) *fields.Getter {
	values := func() []any {
		if v, ok := s.event[r.Text]; ok {
			if l, ok := v.([]any); ok {
				return l
			}
			if v != nil {
				return []any{v}
			}
			return nil
		}
		var out []any
		switch r.Def.Name {
		case "fd.ip", "fd.net":
			out = s.present("fd.cip", "fd.sip")
		case "fd.port", "fd.proto":
			out = s.present("fd.cport", "fd.sport")
		default:
			// Ancestors that are given one by one.
			for i := 1; i < 64; i++ {
				v, ok := s.event[r.Def.Name+"["+strconv.Itoa(i)+"]"]
				if !ok {
					break
				}
				out = append(out, v)
			}
		}
		return out
	}
	return &fields.Getter{
		N:     func() int { return len(values()) },
		StrAt: func(i int) (string, bool) { return textOf(values()[i]) },
		NumAt: func(i int) (int64, bool) { return numberOf(values()[i]) },
		IPAt:  func(i int) (netip.Addr, bool) { return addressOf(values()[i]) },
	}
}

func (s source) present(names ...string) (out []any) {
	for _, n := range names {
		if v := s.event[n]; v != nil {
			out = append(out, v)
		}
	}
	return out
}

func textOf(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case map[string]any:
		h, _ := v["hex"].(string)
		b, err := hex.DecodeString(h)
		return string(b), err == nil
	case float64, bool:
		b, err := json.Marshal(v)
		return string(b), err == nil
	}
	return "", false
}

func numberOf(v any) (int64, bool) {
	switch v := v.(type) {
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case float64:
		n, _ := big.NewFloat(v).Int(nil)
		return int64(n.Uint64()) * int64(n.Sign()), true
	case string:
		n, err := strconv.ParseInt(v, 10, 64)
		return n, err == nil
	}
	return 0, false
}

func addressOf(v any) (netip.Addr, bool) {
	s, _ := v.(string)
	a, err := netip.ParseAddr(s)
	return a, err == nil
}

func listOf(v any) ([]string, bool) {
	l, ok := v.([]any)
	if !ok {
		return nil, false
	}
	out := make([]string, 0, len(l))
	for _, x := range l {
		s, _ := textOf(x)
		out = append(out, s)
	}
	return out, true
}
