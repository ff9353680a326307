package msg

// Builder makes a batch, entering each string once. It is not safe for
// concurrent use; the zero value is ready.
type Builder struct {
	b       *Batch
	strings map[string]int64
}

// Batch returns the batch under construction, made on first use.
func (b *Builder) Batch() *Batch {
	if b.b == nil {
		b.b = &Batch{}
		if b.strings == nil {
			b.strings = make(map[string]int64)
		}
	}
	return b.b
}

// Take returns the finished batch and starts over.
func (b *Builder) Take() *Batch {
	out := b.Batch()
	b.b = nil
	clear(b.strings)
	return out
}

// String returns the index of s in the string table.
func (b *Builder) String(s string) int64 {
	t := b.Batch()
	if i, ok := b.strings[s]; ok {
		return i
	}
	i := int64(len(t.Strings))
	t.Strings = append(t.Strings, s)
	b.strings[s] = i
	return i
}

// StringBytes is String for bytes that the caller goes on using: it copies
// them only when they are new.
func (b *Builder) StringBytes(s []byte) int64 {
	b.Batch()
	if i, ok := b.strings[string(s)]; ok {
		return i
	}
	return b.String(string(s))
}

// Bytes, List, Address, Cred, File, Process and Container append to their
// tables and return the index.
func (b *Builder) Bytes(p []byte) int64 {
	t := b.Batch()
	t.Blobs = append(t.Blobs, p)
	return int64(len(t.Blobs) - 1)
}

// List appends a list of strings.
func (b *Builder) List(l *StringList) int64 {
	t := b.Batch()
	t.Lists = append(t.Lists, l)
	return int64(len(t.Lists) - 1)
}

// Address appends a socket address.
func (b *Builder) Address(a *SocketAddress) int64 {
	t := b.Batch()
	t.Addresses = append(t.Addresses, a)
	return int64(len(t.Addresses) - 1)
}

// Cred appends credentials.
func (b *Builder) Cred(c *Credentials) int64 {
	t := b.Batch()
	t.Credentials = append(t.Credentials, c)
	return int64(len(t.Credentials) - 1)
}

// File appends a file and returns what Event.File holds: its index plus one.
func (b *Builder) File(f *File) uint32 {
	t := b.Batch()
	t.Files = append(t.Files, f)
	return uint32(len(t.Files))
}

// Process appends a process.
func (b *Builder) Process(p *Process) uint32 {
	t := b.Batch()
	t.Processes = append(t.Processes, p)
	return uint32(len(t.Processes) - 1)
}

// Container appends a container and returns what Process.Container holds: its
// index plus one.
func (b *Builder) Container(c *Container) uint32 {
	t := b.Batch()
	t.Containers = append(t.Containers, c)
	return uint32(len(t.Containers))
}

// Event appends an event.
func (b *Builder) Event(e *Event) {
	t := b.Batch()
	t.Events = append(t.Events, e)
}
