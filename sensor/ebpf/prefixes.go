//go:build cgo && linux

package ebpf

import (
	"slices"
	"unsafe"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// setPrefixes lets the kernel leave out calls whose first text begins with none
// of what is asked for, where every demand for the call fixes that.
func (s *Source) setPrefixes(e *catalogue.Event, demands []msg.EventDemand) {
	c := &s.shared.m.calls[e.ID]
	position, texts := prefixes(e, demands)
	key := uint32(e.ID)
	table, err := s.module.GetMap("prefixes")
	if err != nil || position == 0 {
		c.prefix = 0
		return
	}
	var p rawPrefix
	p.count = cUint(len(texts))
	for i, t := range texts {
		p.item[i].size = cUint(len(t))
		for j := range len(t) {
			p.item[i].text[j] = cChar(t[j])
		}
	}
	// What is asked for may change while calls are made: everything in between.
	c.prefix = 0
	if err := table.Update(unsafe.Pointer(&key), unsafe.Pointer(&p)); err != nil {
		s.log.Warn("a system call cannot be filtered by its text; all of them are let through", "call", e.Name, "error", err)
		return
	}
	c.prefix = cByte(position)
}

// prefixes returns 1 + the position of the first text argument, 0 for no
// filter, and what it may begin with. A text that has to be equal ends in its
// zero; what is too long for the kernel is cut, which lets more through.
func prefixes(e *catalogue.Event, demands []msg.EventDemand) (position int, texts []string) {
	first := slices.IndexFunc(e.Params, func(p catalogue.Param) bool { return p.Kind >= catalogue.String })
	if first < 0 || first >= maxArgs || e.Params[first].Kind != catalogue.String && e.Params[first].Kind != catalogue.Path {
		return 0, nil
	}
	for _, d := range demands {
		i := slices.IndexFunc(d.Args, func(a msg.ArgDemand) bool {
			return a.Name == e.Params[first].Name && (a.Op == "=" || a.Op == "prefix") && len(a.Values) > 0
		})
		if i < 0 {
			return 0, nil
		}
		for _, v := range d.Args[i].Values {
			if d.Args[i].Op == "=" {
				v += "\x00"
			}
			texts = append(texts, v[:min(len(v), maxPrefix)])
		}
	}
	slices.Sort(texts)
	if texts = slices.Compact(texts); len(texts) == 0 || len(texts) > maxPrefixes {
		return 0, nil
	}
	return first + 1, texts
}
