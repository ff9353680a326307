package sensor

import (
	"slices"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// foldable says whether the events of src can go into dst: what holds for the
// whole batch must be the same.
func foldable(dst, src *msg.Batch) bool {
	return dst.BootTime == src.BootTime && dst.Source == src.Source &&
		dst.Partition == src.Partition && dst.Enricher == src.Enricher &&
		slices.Equal(dst.Environment, src.Environment)
}

// fold appends the events of src that keep accepts to dst, together with what
// they refer to, the processes that src knows more of than every event tells,
// and its drops. It uses up src.
func fold(dst, src *msg.Batch, keep func(*msg.Event) bool) {
	f := folder{
		dst: dst, src: src,
		strings:    newMove(&dst.Strings, src.Strings),
		blobs:      newMove(&dst.Blobs, src.Blobs),
		lists:      newMove(&dst.Lists, src.Lists),
		addresses:  newMove(&dst.Addresses, src.Addresses),
		creds:      newMove(&dst.Credentials, src.Credentials),
		files:      newMove(&dst.Files, src.Files),
		processes:  newMove(&dst.Processes, src.Processes),
		containers: newMove(&dst.Containers, src.Containers),
	}
	for i, p := range src.Processes {
		if p.Knowledge != msg.Knowledge_KNOWLEDGE_THIN {
			f.process(i)
		}
	}
	for _, e := range src.Events {
		if keep(e) {
			f.event(e)
			dst.Events = append(dst.Events, e)
		}
	}
	dst.Drops = append(dst.Drops, src.Drops...)
}

// move takes entries of one table over into another, each once.
type move[T any] struct {
	dst *[]T
	src []T
	// at holds 1 + the new index of an entry, 0 before it is taken over.
	at []uint32
}

func newMove[T any](dst *[]T, src []T) move[T] {
	return move[T]{dst: dst, src: src, at: make([]uint32, len(src))}
}

// index returns the new index of the i-th entry; fresh is true when this call
// took it over, ok is false when there is no such entry.
func (m *move[T]) index(i int64) (n int64, fresh, ok bool) {
	if i < 0 || i >= int64(len(m.src)) {
		return 0, false, false
	}
	if m.at[i] == 0 {
		*m.dst = append(*m.dst, m.src[i])
		m.at[i], fresh = uint32(len(*m.dst)), true
	}
	return int64(m.at[i]) - 1, fresh, true
}

type folder struct {
	dst, src   *msg.Batch
	strings    move[string]
	blobs      move[[]byte]
	lists      move[*msg.StringList]
	addresses  move[*msg.SocketAddress]
	creds      move[*msg.Credentials]
	files      move[*msg.File]
	processes  move[*msg.Process]
	containers move[*msg.Container]
}

// event rewrites the indices of an event.
func (f *folder) event(e *msg.Event) {
	e.Process = f.process(int(e.Process))
	comm, _, ok := f.strings.index(int64(e.Comm))
	if !ok {
		comm = f.empty()
	}
	e.Comm = uint32(comm)
	if e.File != 0 {
		file, _, ok := f.files.index(int64(e.File) - 1)
		e.File = uint32(file + 1)
		if !ok {
			e.File = 0
		}
	}
	dirs := e.Dirs[:0]
	for _, old := range e.Dirs {
		if dir, _, ok := f.files.index(int64(old) - 1); ok {
			dirs = append(dirs, uint32(dir+1))
		}
	}
	e.Dirs = dirs
	t := catalogue.ByID(catalogue.ID(e.Type))
	if t == nil {
		// What the words mean is not known, so neither is where they point.
		e.Args, e.Absent = nil, 0
		return
	}
	for i := range min(len(t.Params), len(e.Args)) {
		if e.Absent&(1<<uint(i)) != 0 {
			continue
		}
		n, ok := f.word(t.Params[i].Kind, e.Args[i])
		e.Args[i] = n
		if !ok {
			e.Absent |= 1 << uint(i)
		}
	}
}

// word returns the new word of an argument; ok is false for an index that
// pointed nowhere.
func (f *folder) word(k catalogue.Kind, w int64) (n int64, ok bool) {
	switch k {
	case catalogue.String, catalogue.Path:
		n, _, ok = f.strings.index(w)
	case catalogue.Bytes:
		n, _, ok = f.blobs.index(w)
	case catalogue.Strings:
		n, _, ok = f.lists.index(w)
	case catalogue.SockAddr:
		n, _, ok = f.addresses.index(w)
	case catalogue.Cred:
		n, _, ok = f.creds.index(w)
	default:
		return w, true
	}
	return n, ok
}

// empty returns the index of an empty string.
func (f *folder) empty() int64 {
	f.dst.Strings = append(f.dst.Strings, "")
	return int64(len(f.dst.Strings) - 1)
}

// process takes a process over, with its container and ancestors.
func (f *folder) process(i int) uint32 {
	n, fresh, ok := f.processes.index(int64(i))
	if !ok {
		f.dst.Processes = append(f.dst.Processes, &msg.Process{})
		return uint32(len(f.dst.Processes) - 1)
	}
	if fresh {
		p := f.src.Processes[i]
		if p.Container != 0 {
			c, _, ok := f.containers.index(int64(p.Container) - 1)
			p.Container = uint32(c + 1)
			if !ok {
				p.Container = 0
			}
		}
		for j, a := range p.Ancestors {
			p.Ancestors[j] = f.process(int(a))
		}
	}
	return uint32(n)
}

// Estimates of the memory that parts of a batch take, in bytes, measured on
// amd64 with the runtime's size classes.
const (
	eventWeight   = 224
	wordWeight    = 8
	processWeight = 560
	stringWeight  = 24
	entryWeight   = 112
)

// weigh estimates the memory that a batch takes, in time that grows with its
// tables rather than with its events.
func weigh(b *msg.Batch) int {
	n := len(b.Events)*eventWeight + len(b.Processes)*processWeight
	if len(b.Events) > 0 {
		n += len(b.Events) * len(b.Events[0].Args) * wordWeight
	}
	for _, s := range b.Strings {
		n += stringWeight + len(s)
	}
	for _, s := range b.Blobs {
		n += stringWeight + len(s)
	}
	for _, l := range b.Lists {
		n += entryWeight
		for _, s := range l.Items {
			n += stringWeight + len(s)
		}
	}
	for _, p := range b.Processes {
		for _, s := range p.Args {
			n += stringWeight + len(s)
		}
		for _, s := range p.Env {
			n += stringWeight + len(s)
		}
		n += len(p.Cwd) + len(p.Cgroup) + len(p.Exe.GetPath())
	}
	return n + entryWeight*(len(b.Addresses)+len(b.Credentials)+2*len(b.Files)+8*len(b.Containers))
}
