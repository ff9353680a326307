package syslog

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tripline/tripline/notifier/internal/httppost"
	"github.com/tripline/tripline/notifier/render"
)

// The networks.
const (
	UDP = "udp"
	TCP = "tcp"
	TLS = "tls"
)

// The framings on a stream, RFC 6587: the length of each message before it
// (3.4.1), or a line end after it (3.4.2).
const (
	OctetCounting = "octet-counting"
	Newline       = "newline"
)

// minBytes leaves room for the longest header and some text; maxUDP is what
// fits into a datagram of IPv4.
const (
	minBytes = 1024
	maxUDP   = 65507
	maxBytes = 1 << 20
)

// Config is a sink of type syslog.
type Config struct {
	// Network is udp, tcp or tls, Address a host with a port.
	Network string `yaml:"network"`
	Address string `yaml:"address"`
	// Framing is octet-counting or newline; UDP has none, TLS always counts
	// (RFC 5425).
	Framing string `yaml:"framing"`
	// Facility is one of the names of RFC 5424, table 1, as syslog.conf
	// writes them.
	Facility string `yaml:"facility"`
	// AppName is the application in the header.
	AppName string `yaml:"app_name"`
	// DataID is the name of the structured data: a name, @ and the number
	// that IANA has given to an enterprise.
	DataID string `yaml:"data_id"`
	// Template writes the text in place of rule name and output.
	Template     string `yaml:"template"`
	TemplateFile string `yaml:"template_file"`
	// MaxBytes bounds one message. Receivers should take 2048 (RFC 5424, 6.1),
	// and the common daemons take 8192 as they come.
	MaxBytes int `yaml:"max_bytes"`
	// Timeout bounds one delivery, with connecting.
	Timeout time.Duration      `yaml:"timeout"`
	TLS     httppost.TLSConfig `yaml:"tls"`
}

// DefaultConfig sends to the local daemon by UDP. The enterprise in DataID is
// the one that RFC 5612 reserves for examples, for want of one of our own.
func DefaultConfig() Config {
	return Config{
		Network: UDP, Address: "localhost:514", Framing: OctetCounting,
		Facility: "authpriv", AppName: "tripline", DataID: "tripline@32473",
		MaxBytes: 8192, Timeout: 10 * time.Second,
	}
}

// facilities in the order of their numbers, RFC 5424 table 1. 12 to 15 have no
// name that is used everywhere.
func facilities() []string {
	return []string{
		"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
		"ntp", "security", "console", "solaris-cron",
		"local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
	}
}

// dataIDForm is a private SD-ID of RFC 5424, 7.
const dataIDForm = `^[!#-<>?A-\\^-~]{1,20}@[0-9]{1,10}$`

// Validate reports everything that is wrong and can be told without reading
// files.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Network != UDP && c.Network != TCP && c.Network != TLS {
		bad("network: %q is not one of %s, %s, %s", c.Network, UDP, TCP, TLS)
	}
	if host, port, err := net.SplitHostPort(c.Address); err != nil || host == "" || port == "" {
		bad("address: %q is not a host and a port", c.Address)
	}
	switch {
	case c.Framing != OctetCounting && c.Framing != Newline:
		bad("framing: %q is neither %s nor %s", c.Framing, OctetCounting, Newline)
	case c.Framing == Newline && c.Network == TLS:
		bad("framing: RFC 5425 has only %s", OctetCounting)
	}
	if !slices.Contains(facilities(), c.Facility) {
		bad("facility: %q is not one of %s", c.Facility, strings.Join(facilities(), ", "))
	}
	if c.AppName == "" || len(c.AppName) > maxAppName || header(maxAppName, c.AppName) != c.AppName {
		bad("app_name: %q is not 1 to %d printable characters of ASCII without space", c.AppName, maxAppName)
	}
	if !regexp.MustCompile(dataIDForm).MatchString(c.DataID) {
		bad("data_id: %q is not a name, @ and the number of an enterprise", c.DataID)
	}
	most := maxBytes
	if c.Network == UDP {
		most = maxUDP
	}
	if c.MaxBytes < minBytes || c.MaxBytes > most {
		bad("max_bytes: %d is not between %d and %d", c.MaxBytes, minBytes, most)
	}
	if c.Timeout <= 0 {
		bad("timeout: %v is not a positive duration", c.Timeout)
	}
	if c.Network != TLS && c.TLS != (httppost.TLSConfig{}) {
		bad("tls: is given, but network is %s", c.Network)
	}
	if c.Template != "" {
		if _, err := render.Load("template", c.Template, ""); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
