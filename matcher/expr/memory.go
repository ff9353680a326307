package expr

import (
	"container/list"
	"crypto/sha256"
	"strconv"
	"strings"
)

// memory bounds what the rules about several events remember for one worker.
type memory struct {
	limit   int // entries of a shelf
	most    int // bytes of all shelves
	bytes   int
	shelves []*shelf
	evicted func(rule string)
}

// shelf is what one rule remembers of one partition, in groups of events that
// have something in common. The group changed last is at the front.
type shelf struct {
	mem     *memory
	rule    string
	window  int64 // ns after which a group means nothing any more
	byKey   map[string]*list.Element
	order   list.List
	hosts   map[string]string
	entries int // in all groups, a group itself counted as one
	bytes   int
}

// group is what is remembered of events of one host.
type group struct {
	key, host string
	newest    int64
	state     state

	entries, bytes int // as counted in the shelf
}

// state is what a rule remembers of a group.
type state interface {
	// size is how many entries it has and about how many bytes.
	size() (entries, bytes int)
	// waits says whether time alone makes a finding of it.
	waits() bool
	// gone is called when it is remembered no longer.
	gone()
}

// groupBytes is about what a group takes beside its key and its state.
const groupBytes = 240

func (m *memory) shelf(rule string, window int64) *shelf {
	s := &shelf{mem: m, rule: rule, window: window, byKey: map[string]*list.Element{}, hosts: map[string]string{}}
	m.shelves = append(m.shelves, s)
	return s
}

// drop forgets a shelf.
func (m *memory) drop(s *shelf) {
	for i, o := range m.shelves {
		if o == s {
			m.shelves = append(m.shelves[:i], m.shelves[i+1:]...)
			m.bytes -= s.bytes
			return
		}
	}
}

// find returns a group, nil when nothing is remembered of it.
func (s *shelf) find(key []byte) *list.Element { return s.byKey[string(key)] }

// add makes a group.
func (s *shelf) add(key []byte, host string, st state) *list.Element {
	name, ok := s.hosts[host]
	if !ok {
		name = strings.Clone(host)
		s.hosts[name] = name
	}
	g := &group{key: string(key), host: name, state: st}
	at := s.order.PushFront(g)
	s.byKey[g.key] = at
	return at
}

func (s *shelf) remove(at *list.Element) {
	g := at.Value.(*group)
	s.order.Remove(at)
	delete(s.byKey, g.key)
	s.resize(g, 0, 0)
	g.state.gone()
}

func (s *shelf) resize(g *group, entries, bytes int) {
	s.entries += entries - g.entries
	s.bytes += bytes - g.bytes
	s.mem.bytes += bytes - g.bytes
	g.entries, g.bytes = entries, bytes
}

// changed takes note of what has become of a group by an event, and makes room.
func (s *shelf) changed(at *list.Element, now int64) {
	g := at.Value.(*group)
	s.order.MoveToFront(at)
	g.newest = max(g.newest, now)
	entries, bytes := g.state.size()
	s.resize(g, 1+entries, groupBytes+len(g.key)+bytes)
	// What means nothing any more goes little by little, with what comes.
	for range 2 {
		if back := s.order.Back(); back != at && s.over(back.Value.(*group), g.host, now) {
			s.remove(back)
		}
	}
	for s.entries > s.mem.limit && s.order.Len() > 1 {
		s.evict(g.host, now)
	}
	if s.mem.bytes > s.mem.most {
		s.mem.shrink(g.host, now)
	}
}

// over says whether nothing of now or later could be of the same finding.
func (s *shelf) over(g *group, host string, now int64) bool {
	return g.host == host && g.newest < now-s.window && !g.state.waits()
}

// evict drops the group that changed longest ago.
func (s *shelf) evict(host string, now int64) {
	back := s.order.Back()
	if !s.over(back.Value.(*group), host, now) {
		s.mem.evicted(s.rule)
	}
	s.remove(back)
}

// shrink drops groups of whoever remembers most, a little more than needed so
// that it is not to be done for every event.
func (m *memory) shrink(host string, now int64) {
	for m.bytes > m.most-m.most/64 {
		most := m.shelves[0]
		for _, s := range m.shelves {
			if s.bytes > most.bytes {
				most = s
			}
		}
		if most.order.Len() < 2 {
			return
		}
		for next := most.bytes - most.bytes/8; most.bytes > next && m.bytes > m.most-m.most/64 && most.order.Len() > 1; {
			most.evict(host, now)
		}
	}
}

// groupKey names a group: its host, since process numbers and paths of others
// have nothing to do with it, and the values that its events have in common.
// The memory for it is small however long what a process has chosen is.
type groupKey struct{ buf []byte }

func (k *groupKey) begin(host string) { k.buf = append(k.buf[:0], host...) }

func (k *groupKey) absent() { k.buf = append(k.buf, 0, '-') }

func (k *groupKey) value(s string) {
	k.buf = append(k.buf, 0)
	k.buf = strconv.AppendInt(k.buf, int64(len(s)), 10)
	k.buf = append(k.buf, ':')
	k.buf = append(k.buf, s...)
}

// bytes returns the name, which is good until the next begin.
func (k *groupKey) bytes() []byte {
	if len(k.buf) <= 2*sha256.Size {
		return k.buf
	}
	sum := sha256.Sum256(k.buf)
	k.buf = append(k.buf[:0], sum[:]...)
	return k.buf
}
