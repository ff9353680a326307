//go:build cgo && linux

package ebpf

import (
	"bytes"
	"path"
	"strconv"
	"strings"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// derived decodes an event that the kernel's doings tell, not the arguments of
// a system call.
func (d *decoder) derived(record []byte) error {
	r, tail := cast[rawDerived](record)
	if r == nil || !d.parts.read(tail) {
		return errMalformed
	}
	e := d.head(&r.head, d.thin(&r.head))
	e.Ret = int64(r.ret)
	for i, a := range d.plans[r.head.event].args {
		switch {
		case i >= maxDerivedArgs:
			set(e, i, value{})
		case a.kind < catalogue.String:
			set(e, i, value{a.width.extend(uint64(r.args[i]), false), r.present>>uint(i)&1 != 0})
		case a.kind == catalogue.Path:
			set(e, i, d.place(i))
		case a.kind == catalogue.Cred:
			set(e, i, d.cred(i))
		case a.kind == catalogue.String:
			// In a record of fixed size it is filled up with zeros.
			b, _, _ := bytes.Cut(d.parts.data[i], []byte{0})
			set(e, i, d.text(b))
		default:
			set(e, i, d.part(a.kind, i))
		}
	}
	if e.Type == uint32(eventMagicWrite) && d.parts.data[magicArgBytes] == nil {
		e.Absent &^= 1 << magicArgBytes
		set(e, magicArgBytes, d.magic(r))
	}
	if d.misnamed(r.head.event) {
		e.Flags |= uint32(msg.EventFlag_EVENT_FLAG_MISMATCH)
	}
	e.File = d.file()
	return nil
}

// place is a path. What the caller gave relative to a directory is put behind
// that directory's path, which the kernel tells.
func (d *decoder) place(i int) value {
	b := d.parts.data[i]
	if b == nil || i >= partBases || len(b) > 0 && b[0] == '/' {
		return d.text(b)
	}
	base := d.parts.data[partBase0+i]
	if base == nil {
		return d.text(b)
	}
	return value{d.String(path.Join(string(base), string(b))), true}
}

// misnamed says whether the file that was opened is not called what the caller
// called it: through a symbolic link, or because another thread changed the
// name or the descriptor meanwhile. Directories on the way are not compared.
func (d *decoder) misnamed(event cUint) bool {
	e := d.plans[event].event
	given, opened := e.Param("syscall_pathname"), e.Param("pathname")
	if given < 0 || opened < 0 || d.parts.data[given] == nil || d.parts.data[opened] == nil {
		return false
	}
	name := path.Base(strings.TrimRight(string(d.parts.data[given]), "/"))
	if name == "." || name == ".." || name == "/" {
		return false
	}
	return name != path.Base(string(d.parts.data[opened]))
}

func (d *decoder) cred(i int) value {
	c, _ := cast[rawCred](d.parts.data[i])
	if c == nil {
		return value{}
	}
	return value{d.Cred(&msg.Credentials{
		Uid: uint32(c.uid), Gid: uint32(c.gid), Suid: uint32(c.suid), Sgid: uint32(c.sgid),
		Euid: uint32(c.euid), Egid: uint32(c.egid), Fsuid: uint32(c.fsuid), Fsgid: uint32(c.fsgid),
		Securebits: uint32(c.securebits), UserNs: uint32(c.ns_user),
		CapInheritable: uint64(c.cap_inheritable), CapPermitted: uint64(c.cap_permitted),
		CapEffective: uint64(c.cap_effective), CapBounding: uint64(c.cap_bounding), CapAmbient: uint64(c.cap_ambient),
	}), true}
}

// file enters what a record says of its descriptor; 0 when it says nothing.
func (d *decoder) file() uint32 {
	f, _ := cast[rawFile](d.parts.data[partFile])
	if f == nil {
		return 0
	}
	return d.File(&msg.File{
		Fd: int32(f.fd), Path: filePath(f, d.parts.data[partFilePath]), Inode: uint64(f.inode), Device: uint32(f.device),
		Mode: uint32(f.mode), Flags: uint32(f.flags),
		Local: address(d.parts.data[partLocal]), Remote: address(d.parts.data[partRemote]),
		SocketType: uint32(f.socket_type), Protocol: uint32(f.protocol),
	})
}

// File systems of descriptors without a file, from linux/magic.h.
const (
	magicPipe = 0x50495045
	magicSock = 0x534f434b
	magicAnon = 0x09041934
	magicPid  = 0x50494446 // from 6.9; anonymous before
)

// filePath is a descriptor's path as /proc shows it.
func filePath(f *rawFile, name []byte) string {
	inode := func(kind string) string { return kind + ":[" + strconv.FormatUint(uint64(f.inode), 10) + "]" }
	switch f.magic {
	case magicPipe:
		return inode("pipe")
	case magicSock:
		return inode("socket")
	case magicPid:
		return "anon_inode:[pidfd]"
	case magicAnon:
		return "anon_inode:" + string(name)
	}
	return string(name)
}
