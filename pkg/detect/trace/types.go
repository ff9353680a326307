package trace

// SlimCred are the credentials of a process: the value of arguments of type
// slim_cred_t. Capabilities are bit sets, bit n being capability n.
type SlimCred struct {
	Uid            uint32
	Gid            uint32
	Suid           uint32
	Sgid           uint32
	Euid           uint32
	Egid           uint32
	Fsuid          uint32
	Fsgid          uint32
	UserNamespace  uint32
	SecureBits     uint32
	CapInheritable uint64
	CapPermitted   uint64
	CapEffective   uint64
	CapBounding    uint64
	CapAmbient     uint64
}

// PktMeta describes a network packet.
type PktMeta struct {
	SrcIP    string `json:"src_ip"`
	DstIP    string `json:"dst_ip"`
	SrcPort  uint16 `json:"src_port"`
	DstPort  uint16 `json:"dst_port"`
	Protocol uint8  `json:"protocol"` // IPPROTO_*
}

// MemProtAlert is the kind of a mem_prot_alert event.
type MemProtAlert uint32

// The kinds: what was done to the protection of a region of memory.
const (
	ProtAlertUnknown MemProtAlert = iota
	ProtAlertMmapWX
	ProtAlertMprotectToX
	ProtAlertMprotectXToWX
	ProtAlertMprotectWXToX
	ProtAlertLast
)

// String returns the text that the event's argument "alert" carries; rules
// compare it, so it is Tracee's to the letter.
func (alert MemProtAlert) String() string {
	switch alert {
	case ProtAlertMmapWX:
		return "Mmaped region with W+E permissions!"
	case ProtAlertMprotectToX:
		return "Protection changed to Executable!"
	case ProtAlertMprotectXToWX:
		return "Protection changed from E to W+E!"
	case ProtAlertMprotectWXToX:
		return "Protection changed from W+E to E!"
	default:
		return "Unknown alert"
	}
}
