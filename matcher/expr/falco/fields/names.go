package fields

import (
	"strconv"
	"strings"
	"sync"

	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// ErrnoName is the name of an error number of Linux, as in ENOENT.
func ErrnoName(n int64) string {
	if name := catalogue.Errno(int(n)); name != "" {
		return name
	}
	return "E" + strconv.FormatInt(n, 10)
}

// CapabilityNames lists the names of a set of capabilities. The numbers are
// those of the kernel's capability.h.
func CapabilityNames(set uint64) string {
	var out []string
	for i, n := range splitCapabilities() {
		if set&(1<<i) != 0 {
			out = append(out, "CAP_"+n)
		}
	}
	return strings.Join(out, " ")
}

var splitCapabilities = sync.OnceValue(func() []string { return strings.Fields(capabilityNames) })

const capabilityNames = `CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP
LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO
SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD
LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ
PERFMON BPF CHECKPOINT_RESTORE`

// services are the usual names of ports: IANA's register.
const services = `echo 7 discard 9 daytime 13 ftp-data 20 ftp 21 ssh 22 telnet 23 smtp 25 time 37 whois 43
tacacs 49 domain 53 bootps 67 bootpc 68 tftp 69 gopher 70 finger 79 http 80 kerberos 88 pop2 109 pop3 110
sunrpc 111 auth 113 nntp 119 ntp 123 netbios-ns 137 netbios-dgm 138 netbios-ssn 139 imap2 143 snmp 161
snmp-trap 162 bgp 179 irc 194 ldap 389 https 443 microsoft-ds 445 submissions 465 isakmp 500 syslog 514
printer 515 submission 587 ipp 631 ldaps 636 rsync 873 ftps 990 telnets 992 imaps 993 pop3s 995 socks 1080
openvpn 1194 ms-sql-s 1433 ms-sql-m 1434 radius 1812 nfs 2049 mysql 3306 ms-wbt-server 3389 svn 3690
sip 5060 sip-tls 5061 xmpp-client 5222 postgresql 5432 amqp 5672 x11 6000 redis 6379 irc 6667 http-alt 8080
amqps 5671 git 9418`

var splitServices = sync.OnceValue(func() []string { return strings.Fields(services) })

// ServicePort returns the port of a service's name.
func ServicePort(name string) (uint16, bool) {
	w := splitServices()
	for i := 0; i < len(w); i += 2 {
		if w[i] == name {
			n, err := strconv.ParseUint(w[i+1], 10, 16)
			return uint16(n), err == nil
		}
	}
	return 0, false
}

// ServiceName returns the name of a port, the number itself when it has none.
func ServiceName(port uint16) string {
	n := strconv.Itoa(int(port))
	w := splitServices()
	for i := 1; i < len(w); i += 2 {
		if w[i] == n {
			return w[i-1]
		}
	}
	return n
}
