//go:build cgo && linux

package ebpf

import (
	"net/netip"
	"strings"
	"unsafe"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/tripline/tripline/pkg/msg"
)

// names is what DNS answers told of addresses.
type names map[netip.Addr][]string

// Bounds of what is kept of the answers.
const (
	maxNamed     = 4096
	namesAddress = 4
)

func (n *names) learn(a netip.Addr, name string) {
	if *n == nil || len(*n) >= maxNamed {
		*n = make(names)
	}
	known := (*n)[a]
	for _, k := range known {
		if k == name {
			return
		}
	}
	if len(known) < namesAddress {
		(*n)[a] = append(known, name)
	}
}

// packet decodes what goes over the network.
func (d *decoder) packet(record []byte) error {
	r, tail := cast[rawPacket](record)
	if r == nil || !d.parts.read(tail) {
		return errMalformed
	}
	var q dnsMessage
	if b := d.parts.data[0]; b != nil {
		b = b[:min(uint64(len(b)), uint64(r.length))]
		if !q.read(b) {
			// No DNS, whatever the port.
			return nil
		}
		for _, a := range q.addresses {
			d.names.learn(a.addr, a.name)
		}
	}
	src, dst := packetAddr(r.src, r.family), packetAddr(r.dst, r.family)
	e := d.head(&r.head, d.thin(&r.head))
	e.Ret = int64(r.ret)
	for i, a := range d.plans[r.head.event].args {
		var v value
		switch a.name {
		case "src":
			v = value{d.String(src.String()), true}
		case "dst":
			v = value{d.String(dst.String()), true}
		case "src_port":
			v = number(uint32(r.src_port))
		case "dst_port":
			v = number(uint32(r.dst_port))
		case "id":
			v = number(uint32(q.id))
		case "rcode":
			v = number(uint32(q.rcode))
		case "dns_questions":
			v = d.strings(q.questions)
		case "dns_response":
			if q.response {
				v = d.strings(q.answers)
			}
		case "dst_dns":
			if known := d.names[dst]; known != nil {
				v = d.strings(known)
			}
		}
		set(e, i, v)
	}
	return nil
}

func (d *decoder) strings(items []string) value {
	return value{d.List(&msg.StringList{Items: append([]string{}, items...)}), true}
}

func packetAddr[T ~uint8](b [16]T, family cShort) netip.Addr {
	raw := *(*[16]byte)(unsafe.Pointer(&b))
	if family == msg.AFInet {
		return netip.AddrFrom4([4]byte(raw[:4]))
	}
	return netip.AddrFrom16(raw)
}

// namedAddr is an address that an answer gave to a name.
type namedAddr struct {
	addr netip.Addr
	name string
}

// dnsMessage is what a DNS message says. Questions read "example.com A",
// answers "example.com A 192.0.2.1".
type dnsMessage struct {
	id        uint16
	response  bool
	rcode     uint8
	questions []string
	answers   []string
	addresses []namedAddr
}

// read parses a message; false if it is none. Of one that is cut short it keeps
// what there is.
func (m *dnsMessage) read(b []byte) bool {
	var p dnsmessage.Parser
	h, err := p.Start(b)
	if err != nil {
		return false
	}
	m.id, m.response, m.rcode = h.ID, h.Response, uint8(h.RCode)
	for {
		q, err := p.Question()
		if err != nil {
			break
		}
		m.questions = append(m.questions, dnsName(q.Name)+" "+dnsType(q.Type))
	}
	if len(m.questions) == 0 && !h.Response {
		return false
	}
	if p.SkipAllQuestions() != nil {
		return true
	}
	for {
		r, err := p.Answer()
		if err != nil {
			return true
		}
		m.answer(&r)
	}
}

func (m *dnsMessage) answer(r *dnsmessage.Resource) {
	name := dnsName(r.Header.Name)
	text := ""
	switch b := r.Body.(type) {
	case *dnsmessage.AResource:
		a := netip.AddrFrom4(b.A)
		text = a.String()
		m.addresses = append(m.addresses, namedAddr{a, name})
	case *dnsmessage.AAAAResource:
		a := netip.AddrFrom16(b.AAAA)
		text = a.String()
		m.addresses = append(m.addresses, namedAddr{a, name})
	case *dnsmessage.CNAMEResource:
		text = dnsName(b.CNAME)
	case *dnsmessage.NSResource:
		text = dnsName(b.NS)
	case *dnsmessage.PTRResource:
		text = dnsName(b.PTR)
	case *dnsmessage.MXResource:
		text = dnsName(b.MX)
	case *dnsmessage.SRVResource:
		text = dnsName(b.Target)
	case *dnsmessage.TXTResource:
		text = strings.Join(b.TXT, "")
	}
	m.answers = append(m.answers, strings.TrimSuffix(name+" "+dnsType(r.Header.Type)+" "+text, " "))
}

// dnsName is a name without its last dot, the root's being empty otherwise.
func dnsName(n dnsmessage.Name) string {
	s := n.String()
	if len(s) > 1 {
		s = strings.TrimSuffix(s, ".")
	}
	return s
}

// dnsType is a type as people write it: A, HTTPS, 65280.
func dnsType(t dnsmessage.Type) string { return strings.TrimPrefix(t.String(), "Type") }
