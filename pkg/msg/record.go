package msg

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// Record is one event together with the batch that holds what it refers to.
// It is a small value: pass it by value, keep it no longer than the batch.
type Record struct {
	Batch *Batch
	Event *Event
	// Type is the catalogue's entry, nil for an event newer than this program.
	Type *catalogue.Event
}

// Record returns the i-th event of the batch.
func (b *Batch) Record(i int) Record {
	e := b.Events[i]
	return Record{Batch: b, Event: e, Type: catalogue.ByID(catalogue.ID(e.Type))}
}

// Name is the event's name in the catalogue.
func (r Record) Name() string {
	if r.Type == nil {
		return "event-" + strconv.FormatUint(uint64(r.Event.Type), 10)
	}
	return r.Type.Name
}

// Process returns the process that did it, an empty one if the batch lacks it;
// a batch that was decoded lacks none.
func (r Record) Process() *Process {
	if i := r.Event.Process; uint64(i) < uint64(len(r.Batch.Processes)) {
		return r.Batch.Processes[i]
	}
	return new(Process)
}

// Ancestor returns the n-th ancestor of the process, 1 being its parent; nil
// when it is not known. 0 is the process itself.
func (r Record) Ancestor(n int) *Process {
	p := r.Process()
	if n == 0 {
		return p
	}
	if n < 0 || n > len(p.Ancestors) {
		return nil
	}
	if i := p.Ancestors[n-1]; uint64(i) < uint64(len(r.Batch.Processes)) {
		return r.Batch.Processes[i]
	}
	return nil
}

// Container returns the container of the process, nil on the host.
func (r Record) Container() *Container {
	if i := r.Process().Container; i != 0 && uint64(i) <= uint64(len(r.Batch.Containers)) {
		return r.Batch.Containers[i-1]
	}
	return nil
}

// Comm is the name of the thread that did it.
func (r Record) Comm() string {
	if i := r.Event.Comm; uint64(i) < uint64(len(r.Batch.Strings)) {
		return r.Batch.Strings[i]
	}
	return ""
}

// File is what the descriptor that the event is about refers to, or nil.
func (r Record) File() *File {
	if i := r.Event.File; i != 0 && uint64(i) <= uint64(len(r.Batch.Files)) {
		return r.Batch.Files[i-1]
	}
	return nil
}

// Dir is the path of the directory that a descriptor among the event's arguments
// stands for, "" where that is not known.
func (r Record) Dir(fd int32) string {
	for _, i := range r.Event.Dirs {
		if i != 0 && uint64(i) <= uint64(len(r.Batch.Files)) && r.Batch.Files[i-1].Fd == fd {
			return r.Batch.Files[i-1].Path
		}
	}
	return ""
}

// ID is the identity of the event: host, boot and sequence number.
func (r Record) ID() string {
	return r.Batch.Host + "/" + r.Batch.BootId + "/" + strconv.FormatUint(r.Event.Seq, 10)
}

// NumArgs is how many arguments the event has.
func (r Record) NumArgs() int {
	if r.Type == nil {
		return 0
	}
	return min(len(r.Type.Params), len(r.Event.Args))
}

// Arg returns the named argument; ok is false, and v the zero Value, when the
// event has none of that name or it could not be had.
func (r Record) Arg(name string) (v Value, ok bool) {
	if r.Type == nil {
		return Value{}, false
	}
	return r.ArgAt(r.Type.Param(name))
}

// ArgAt returns the i-th argument as [Record.Arg] does.
func (r Record) ArgAt(i int) (v Value, ok bool) {
	if i < 0 || i >= r.NumArgs() || r.Event.Absent&(1<<uint(i)) != 0 {
		return Value{}, false
	}
	v = Value{Param: &r.Type.Params[i], Word: r.Event.Args[i], batch: r.Batch}
	if !v.valid() {
		return Value{}, false
	}
	return v, true
}

// Value is an argument of an event, as [Record.ArgAt] returns it. The zero
// Value is a number without a name.
type Value struct {
	Param *catalogue.Param
	// Word is the value itself for scalars and an index for the other kinds.
	Word  int64
	batch *Batch
}

func (v Value) kind() catalogue.Kind {
	if v.Param == nil {
		return catalogue.Int
	}
	return v.Param.Kind
}

// valid says whether the word is within the table that it indexes.
func (v Value) valid() bool {
	n := 0
	switch v.kind() {
	case catalogue.String, catalogue.Path:
		n = len(v.batch.Strings)
	case catalogue.Bytes:
		n = len(v.batch.Blobs)
	case catalogue.Strings:
		n = len(v.batch.Lists)
	case catalogue.SockAddr:
		n = len(v.batch.Addresses)
	case catalogue.Cred:
		n = len(v.batch.Credentials)
	default:
		return true
	}
	return v.Word >= 0 && v.Word < int64(n)
}

// Str returns the text of a String or Path argument, "" for other kinds.
func (v Value) Str() string {
	if k := v.kind(); k == catalogue.String || k == catalogue.Path {
		return v.batch.Strings[v.Word]
	}
	return ""
}

// Bytes returns the content of a Bytes argument, nil for other kinds.
func (v Value) Bytes() []byte {
	if v.kind() == catalogue.Bytes {
		return v.batch.Blobs[v.Word]
	}
	return nil
}

// Strings returns the items of a Strings argument, nil for other kinds.
func (v Value) Strings() []string {
	if v.kind() == catalogue.Strings {
		return v.batch.Lists[v.Word].Items
	}
	return nil
}

// Addr returns a SockAddr argument, nil for other kinds.
func (v Value) Addr() *SocketAddress {
	if v.kind() == catalogue.SockAddr {
		return v.batch.Addresses[v.Word]
	}
	return nil
}

// Cred returns a Cred argument, nil for other kinds.
func (v Value) Cred() *Credentials {
	if v.kind() == catalogue.Cred {
		return v.batch.Credentials[v.Word]
	}
	return nil
}

// Scalar says whether the value is a number (named or not).
func (v Value) Scalar() bool { return v.kind() < catalogue.String }

// Text renders the value as people write it: flags and enumerations by name,
// pointers and modes in their usual bases, addresses as host:port.
func (v Value) Text() string {
	switch v.kind() {
	case catalogue.Flags, catalogue.Enum, catalogue.Signal:
		if v.Param.Values != nil {
			return v.Param.Values.Format(uint64(v.Word))
		}
		return strconv.FormatInt(v.Word, 10)
	case catalogue.Pointer:
		return "0x" + strconv.FormatUint(uint64(v.Word), 16)
	case catalogue.Mode:
		return fmt.Sprintf("%#o", uint64(v.Word))
	case catalogue.Uint:
		return strconv.FormatUint(uint64(v.Word), 10)
	case catalogue.Bool:
		return strconv.FormatBool(v.Word != 0)
	case catalogue.String, catalogue.Path:
		return v.Str()
	case catalogue.Bytes:
		return string(v.Bytes())
	case catalogue.Strings:
		return strings.Join(v.Strings(), " ")
	case catalogue.SockAddr:
		return v.Addr().Text()
	case catalogue.Cred:
		c := v.Cred()
		return fmt.Sprintf("uid=%d gid=%d euid=%d egid=%d", c.Uid, c.Gid, c.Euid, c.Egid)
	default:
		return strconv.FormatInt(v.Word, 10)
	}
}

// Address families that SocketAddress.Family holds; the numbers are Linux's.
const (
	AFUnspec = 0
	AFUnix   = 1
	AFInet   = 2
	AFInet6  = 10
)

// Addr returns the IP address, invalid for other families.
func (a *SocketAddress) Addr() netip.Addr {
	ip, _ := netip.AddrFromSlice(a.GetIp())
	return ip
}

// Text renders the address as host:port, a path, or the number of the family.
func (a *SocketAddress) Text() string {
	switch a.GetFamily() {
	case AFUnix:
		return a.GetPath()
	case AFInet, AFInet6:
		if ip := a.Addr(); ip.IsValid() {
			return netip.AddrPortFrom(ip, uint16(a.Port)).String()
		}
	}
	return "family " + strconv.FormatUint(uint64(a.GetFamily()), 10)
}
