package enricher

import (
	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// table is a table of a batch that arguments index.
type table uint8

const (
	noTable table = iota
	stringTable
	blobTable
	listTable
	addressTable
	credTable
)

func tableOf(k catalogue.Kind) table {
	switch k {
	case catalogue.String, catalogue.Path:
		return stringTable
	case catalogue.Bytes:
		return blobTable
	case catalogue.Strings:
		return listTable
	case catalogue.SockAddr:
		return addressTable
	case catalogue.Cred:
		return credTable
	default:
		return noTable
	}
}

// ref says that an argument of an event type indexes a table.
type ref struct {
	arg   int
	table table
}

// splitter makes compact batches of some of the events of a batch. Its scratch
// memory is reused, so it serves one goroutine.
type splitter struct {
	// refs are the arguments that index tables, by event type.
	refs [][]ref
	// ancestors and container are the columns of the batch being split, for
	// rows are changed when they move into their first part.
	ancestors [][]uint32
	container []uint32
	taken     []bool

	processes, containers, strings, blobs, lists, addresses, creds, files remap
}

func newSplitter() *splitter {
	s := &splitter{refs: make([][]ref, catalogue.MaxID())}
	for e := range catalogue.All() {
		for i := range e.Params {
			if t := tableOf(e.Params[i].Kind); t != noTable {
				s.refs[e.ID] = append(s.refs[e.ID], ref{arg: i, table: t})
			}
		}
	}
	return s
}

// remap gives the entries of an old table their places in a new one, in order
// of first use.
type remap struct {
	to []uint32 // new index plus one
	n  uint32
}

func (m *remap) reset(size int) {
	if cap(m.to) < size {
		m.to = make([]uint32, size)
	} else {
		m.to = m.to[:size]
		clear(m.to)
	}
	m.n = 0
}

// get returns the new index of old, and whether it is new there.
func (m *remap) get(old uint32) (index uint32, first bool) {
	if i := m.to[old]; i != 0 {
		return i - 1, false
	}
	m.n++
	m.to[old] = m.n
	return m.n - 1, true
}

// begin prepares for the parts of b. Every event of b goes into at most one
// part, for events are changed in place.
func (s *splitter) begin(b *msg.Batch) {
	s.ancestors, s.container, s.taken = s.ancestors[:0], s.container[:0], s.taken[:0]
	for _, p := range b.Processes {
		s.ancestors = append(s.ancestors, p.Ancestors)
		s.container = append(s.container, p.Container)
		s.taken = append(s.taken, false)
	}
}

// part makes a batch of the given events of b with the table entries that they
// need and no others.
func (s *splitter) part(b *msg.Batch, events []*msg.Event) *msg.Batch {
	out := &msg.Batch{
		Host: b.Host, BootId: b.BootId, Source: b.Source,
		FirstSeq: b.FirstSeq, LastSeq: b.LastSeq, BootTime: b.BootTime,
		Events: events,
	}
	s.processes.reset(len(b.Processes))
	s.containers.reset(len(b.Containers))
	s.strings.reset(len(b.Strings))
	s.files.reset(len(b.Files))
	s.blobs.reset(len(b.Blobs))
	s.lists.reset(len(b.Lists))
	s.addresses.reset(len(b.Addresses))
	s.creds.reset(len(b.Credentials))

	if s.newer(events) {
		s.keepAll(b, out)
	}
	// The rows that events name come first; the ancestors, which may be rows
	// of events too, follow with their own ancestors left out unless they are.
	var rows []uint32
	for _, e := range events {
		i, first := s.processes.get(e.Process)
		if first {
			rows = append(rows, e.Process)
		}
		e.Process = i
		if i, first = s.strings.get(e.Comm); first {
			out.Strings = append(out.Strings, b.Strings[e.Comm])
		}
		e.Comm = i
		if e.File != 0 {
			old := e.File - 1
			if i, first = s.files.get(old); first {
				out.Files = append(out.Files, b.Files[old])
			}
			e.File = i + 1
		}
		for n, old := range e.Dirs {
			if i, first = s.files.get(old - 1); first {
				out.Files = append(out.Files, b.Files[old-1])
			}
			e.Dirs[n] = i + 1
		}
		s.args(b, out, e)
	}
	own := len(rows)
	ancestors := 0
	for _, old := range rows[:own] {
		ancestors += len(s.ancestors[old])
	}
	lists := make([]uint32, 0, ancestors)
	out.Processes = make([]*msg.Process, 0, own+ancestors)
	for _, old := range rows[:own] {
		start := len(lists)
		for _, a := range s.ancestors[old] {
			i, first := s.processes.get(a)
			if first {
				rows = append(rows, a)
			}
			lists = append(lists, i)
		}
		p := s.row(b, out, old)
		p.Ancestors = lists[start:len(lists):len(lists)]
		out.Processes = append(out.Processes, p)
	}
	for _, old := range rows[own:] {
		p := s.row(b, out, old)
		p.Ancestors = nil
		out.Processes = append(out.Processes, p)
	}
	return out
}

// row moves a process into a part: the row itself the first time, a copy when
// another part has it already.
func (s *splitter) row(b, out *msg.Batch, old uint32) *msg.Process {
	p := b.Processes[old]
	if s.taken[old] {
		p = ShallowCopy(p)
	}
	s.taken[old] = true
	p.Container = 0
	if c := s.container[old]; c != 0 {
		i, first := s.containers.get(c - 1)
		if first {
			out.Containers = append(out.Containers, b.Containers[c-1])
		}
		p.Container = i + 1
	}
	return p
}

// args moves what the arguments of an event index. An index that leads
// nowhere marks its argument absent.
func (s *splitter) args(b, out *msg.Batch, e *msg.Event) {
	if int(e.Type) >= len(s.refs) {
		return
	}
	for _, r := range s.refs[e.Type] {
		if r.arg >= len(e.Args) {
			return
		}
		bit := uint64(1) << uint(r.arg)
		if e.Absent&bit != 0 {
			continue
		}
		word := e.Args[r.arg]
		m := s.remapOf(r.table)
		if word < 0 || word >= int64(len(m.to)) {
			e.Absent |= bit
			continue
		}
		old := uint32(word)
		i, first := m.get(old)
		e.Args[r.arg] = int64(i)
		if !first {
			continue
		}
		switch r.table {
		case stringTable:
			out.Strings = append(out.Strings, b.Strings[old])
		case blobTable:
			out.Blobs = append(out.Blobs, b.Blobs[old])
		case listTable:
			out.Lists = append(out.Lists, b.Lists[old])
		case addressTable:
			out.Addresses = append(out.Addresses, b.Addresses[old])
		case credTable:
			out.Credentials = append(out.Credentials, b.Credentials[old])
		}
	}
}

func (s *splitter) remapOf(t table) *remap {
	switch t {
	case blobTable:
		return &s.blobs
	case listTable:
		return &s.lists
	case addressTable:
		return &s.addresses
	case credTable:
		return &s.creds
	default:
		return &s.strings
	}
}

// newer says whether any event is unknown to this program's catalogue.
func (s *splitter) newer(events []*msg.Event) bool {
	for _, e := range events {
		if catalogue.ByID(catalogue.ID(e.Type)) == nil {
			return true
		}
	}
	return false
}

// keepAll keeps the tables of arguments as they are: which arguments of an
// event newer than this program index them cannot be told, and a reader may
// know.
func (s *splitter) keepAll(b, out *msg.Batch) {
	out.Strings, out.Blobs, out.Lists = b.Strings, b.Blobs, b.Lists
	out.Addresses, out.Credentials = b.Addresses, b.Credentials
	for _, m := range []*remap{&s.strings, &s.blobs, &s.lists, &s.addresses, &s.creds} {
		for i := range m.to {
			m.get(uint32(i))
		}
	}
}
