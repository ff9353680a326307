//go:build cgo && linux

package ebpf

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"unsafe"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// Want implements [sensor.Source]. It takes effect at once, by writing into
// memory that the programs look at.
func (s *Source) Want(events []msg.EventDemand) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	missing := make(map[string]string)
	if s.closed {
		for _, d := range events {
			missing[d.Name] = "the sensor has stopped"
		}
		return missing
	}
	want := make(map[catalogue.ID][]msg.EventDemand)
	for e := range catalogue.All() {
		if e.Class == catalogue.Lifecycle && s.missing(e) == "" {
			want[e.ID] = nil
		}
	}
	for _, d := range events {
		e, ok := catalogue.Lookup(d.Name)
		if !ok {
			missing[d.Name] = "no such event in the catalogue"
			continue
		}
		if reason := s.missing(e); reason != "" {
			missing[d.Name] = reason
			continue
		}
		want[e.ID] = append(want[e.ID], d)
	}
	s.apply(want)
	s.remember()
	if s.running {
		if err := s.attachCalls(); err != nil {
			for id := range want {
				if e := catalogue.ByID(id); e.Class != catalogue.Lifecycle {
					missing[e.Name] = err.Error()
				}
			}
		}
	}
	return missing
}

// missing says why an event cannot be had here, "" if it can.
func (s *Source) missing(e *catalogue.Event) string {
	if e.Class == catalogue.Syscall {
		if len(s.calls.numbers[e.ID]) == 0 {
			return "this machine has no such system call"
		}
		return ""
	}
	return s.derived.missing(e)
}

const noProgram = "no kernel program makes it"

// missing says why an event that is no system call cannot be had, "" if it can.
func (d *derived) missing(e *catalogue.Event) string {
	switch e.ID {
	case eventFork, eventExec, eventExit, eventCgroupMkdir, eventCgroupRmdir, eventCgroupAttach,
		eventContainerCreate, eventContainerRemove, eventExistingContainer, eventInitNamespaces:
		return ""
	}
	if d.by[e.ID] != nil {
		return ""
	}
	if reason := d.refused[e.ID]; reason != "" {
		return reason
	}
	return noProgram
}

// apply writes the gates; it needs mu. The set changes number by number: a
// call that stays wanted is never shut out in between.
func (s *Source) apply(want map[catalogue.ID][]msg.EventDemand) {
	var gate, entry [maxCalls]uint8
	for id, demands := range want {
		e := catalogue.ByID(id)
		for _, d := range s.derived.by[id] {
			s.calls.hook(d.exit, gate[:])
		}
		if e.Class != catalogue.Syscall {
			continue
		}
		s.setFilter(e, demands)
		for _, n := range s.calls.numbers[id] {
			gate[n.raw] |= n.gate
			if s.calls.before[id] == progEnter {
				entry[n.raw] |= n.gate
			}
		}
	}
	for i := range gate {
		s.shared.m.gate[i] = cByte(gate[i])
		s.shared.m.entry[i] = cByte(entry[i])
	}
	s.enabled = make(map[catalogue.ID]bool, len(want))
	for id := range want {
		s.enabled[id] = true
	}
	for id := catalogue.ID(firstEvent); id < maxEvents; id++ {
		on := cByte(0)
		if s.enabled[id] {
			on = wanted
			if s.derived.hooked(id) {
				on |= wantedHook
			}
			if s.derived.ringed(id) {
				on |= wantedRing
			}
		}
		s.shared.m.events[id-firstEvent] = on
	}
}

// attachCalls hooks up the programs on system calls, and on whatever derived
// events need, that are needed now and unhooks the others; it needs mu.
func (s *Source) attachCalls() error {
	needed := make(map[string]bool)
	for id := range s.enabled {
		if catalogue.ByID(id).Class == catalogue.Syscall {
			needed[progExit] = true
			if p := s.calls.before[id]; p != "" {
				needed[p] = true
			}
		}
	}
	for id, all := range s.derived.by {
		on := s.enabled[id]
		for _, d := range all {
			needed[progExit] = needed[progExit] || on && len(d.exit) > 0
			for _, p := range d.programs {
				needed[p] = needed[p] || on
			}
		}
	}
	for name := range needed {
		if !needed[name] {
			s.detach(name)
		} else if err := s.attach(name); err != nil {
			return err
		}
	}
	for _, name := range []string{progEnter, progPrepare, progExit} {
		if !needed[name] {
			s.detach(name)
		}
	}
	return s.noteIdentities(needed[progIdentity])
}

// noteIdentities has the programs know who the threads are that exist, if that is
// needed from now on; it needs mu. From then on they learn of each that begins.
func (s *Source) noteIdentities(needed bool) error {
	if !needed || s.identities {
		s.identities = needed
		return nil
	}
	if _, err := s.iterate(progIdentities); err != nil {
		return err
	}
	s.identities = true
	return nil
}

// filterTop is the value that stands for all from it on in a filter's mask.
const filterTop = 63

// setFilter lets the kernel leave out what no demand is for: where each demand
// for a call fixes the same number argument, values below 63 are tested there.
func (s *Source) setFilter(e *catalogue.Event, demands []msg.EventDemand) {
	position, mask := filter(e, demands)
	c := &s.shared.m.calls[e.ID]
	c.filter = 0
	c.filter_mask = cULong(mask)
	c.filter = cByte(position)
	s.setPrefixes(e, demands)
}

// filter returns 1 + the position of the argument to test, 0 for none.
func filter(e *catalogue.Event, demands []msg.EventDemand) (position int, mask uint64) {
	for n, d := range demands {
		at, bits := 0, uint64(0)
		for _, a := range d.Args {
			i := e.Param(a.Name)
			if a.Op != "=" || i < 0 || i >= maxArgs || position != 0 && i+1 != position {
				continue
			}
			if b, ok := filterBits(&e.Params[i], a.Values); ok {
				at, bits = i+1, b
				break
			}
		}
		if at == 0 || n > 0 && at != position {
			return 0, 0
		}
		position, mask = at, mask|bits
	}
	return position, mask
}

func filterBits(p *catalogue.Param, values []string) (mask uint64, ok bool) {
	if p.Kind >= catalogue.String || p.Kind == catalogue.Flags || len(values) == 0 {
		return 0, false
	}
	for _, v := range values {
		n, err := strconv.ParseUint(v, 0, 64)
		if err != nil {
			if n, ok = named(p, v); !ok {
				return 0, false
			}
		}
		mask |= 1 << min(n, filterTop)
	}
	return mask, true
}

func named(p *catalogue.Param, name string) (uint64, bool) {
	if p.Values == nil {
		return 0, false
	}
	for _, v := range p.Values.List {
		if v.Name == name {
			return v.Num, true
		}
	}
	return 0, false
}

// Enabled implements [sensor.Source].
func (s *Source) Enabled() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	var names []string
	for _, id := range slices.Sorted(maps.Keys(s.enabled)) {
		names = append(names, catalogue.ByID(id).Name)
	}
	return names
}

// Drops implements [sensor.Source]; the cause is "ring" for records that found
// their ring full and "decode" for records that made no sense.
func (s *Source) Drops() []*msg.Drop {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return s.final
	}
	return s.drops()
}

// drops needs mu.
func (s *Source) drops() []*msg.Drop {
	var out []*msg.Drop
	for id, n := range s.undecoded {
		out = append(out, &msg.Drop{Type: id, Cause: "decode", Count: n})
	}
	for id := range maxEvents {
		if n := s.shared.drop(id); n > 0 {
			out = append(out, &msg.Drop{Type: uint32(id), Cause: "ring", Count: n})
		}
	}
	return out
}

func (s *Source) lost() (n uint64) {
	for _, d := range s.Drops() {
		n += d.Count
	}
	return n
}

// leftOut says how much the programs have left out, by tl_skipped.
func (s *Source) leftOut(what int) (n uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0
	}
	t, err := s.module.GetMap("skipped")
	if err != nil {
		return 0
	}
	key := uint32(what)
	// One number for each processor.
	b, err := t.GetValue(unsafe.Pointer(&key))
	if err != nil {
		return 0
	}
	for ; len(b) >= 8; b = b[8:] {
		n += binary.NativeEndian.Uint64(b)
	}
	return n
}

// String names the source in logs.
func (s *Source) String() string { return fmt.Sprintf("ebpf on kernel %s", kernelRelease()) }
