package bus

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

// Config is how a process joins NATS and what it expects of the streams.
type Config struct {
	// URL is one server or several of a cluster, separated by commas. It is
	// not used when Server is set.
	URL string `yaml:"url"`
	// Server is the embedded server of this process, reached without a socket.
	Server *Server `yaml:"-"`
	// Manage brings the streams in line with this configuration, as with an
	// embedded server, for a server elsewhere that this process looks after.
	Manage bool `yaml:"-"`
	// Name tells this connection from others in the server's listings and in
	// `tripline status`: "sensor host-1".
	Name string `yaml:"name"`
	// CredentialsFile is a .creds file; NKeyFile holds the seed of an nkey.
	CredentialsFile string    `yaml:"credentials_file"`
	NKeyFile        string    `yaml:"nkey_file"`
	TLS             TLSConfig `yaml:"tls"`
	// InboxPrefix is where replies to this process go; a server that permits
	// each stage its own prefix only keeps them from reading each other's. With
	// an nkey it is "_INBOX_" and the public key unless set.
	InboxPrefix string `yaml:"inbox_prefix"`
	// ConnectWait is how long to try before the first connection is given up.
	// Later ones are tried for ever.
	ConnectWait time.Duration `yaml:"connect_wait"`

	// Compression of batches: "none", right on loopback, or "s2".
	Compression string `yaml:"compression"`
	// Window is how many messages one publisher has under way; 1 waits for
	// each to be stored.
	Window int `yaml:"window"`
	// AckTimeout is how long the server may take to store a message before it
	// is sent again.
	AckTimeout time.Duration `yaml:"ack_timeout"`

	Streams  StreamsConfig  `yaml:"streams"`
	Consumer ConsumerConfig `yaml:"consumer"`
	// DemandTTL is how long the demand of a reader that died is still met.
	DemandTTL time.Duration `yaml:"demand_ttl"`
	// MirrorQueue is how many batches may wait for the mirror of live events.
	MirrorQueue int `yaml:"mirror_queue"`
}

// TLSConfig secures the connection. All files are PEM.
type TLSConfig struct {
	CAFile   string `yaml:"ca_file"`
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
}

// ConsumerConfig is how messages are received.
type ConsumerConfig struct {
	// AckWait is how long after its last sign of life a receiver that died
	// keeps others from the messages it held.
	AckWait time.Duration `yaml:"ack_wait"`
	// PinTTL is how long a matcher that fell silent keeps its partitions;
	// below 2 s they flap between matchers on a busy machine.
	PinTTL time.Duration `yaml:"pin_ttl"`
	// MemberTTL is how long a matcher that fell silent counts as one among
	// whom the partitions are shared.
	MemberTTL time.Duration `yaml:"member_ttl"`
	// MaxHeld bounds how long a stage may work on one batch before it is
	// taken for stuck and the batch is delivered again.
	MaxHeld time.Duration `yaml:"max_held"`
	// RawPending and SinkPending are how many messages may be under way, for
	// the enricher of one host and for one sink.
	RawPending  int `yaml:"raw_pending"`
	SinkPending int `yaml:"sink_pending"`
	// SinkLookback is how far back the first delivery to a new sink goes.
	SinkLookback time.Duration `yaml:"sink_lookback"`
	// RetryMin and RetryMax bound the pause before a refused message comes
	// again; it doubles with each attempt.
	RetryMin time.Duration `yaml:"retry_min"`
	RetryMax time.Duration `yaml:"retry_max"`
}

// DefaultConfig joins a server on this machine.
func DefaultConfig() Config {
	return Config{
		URL:         "nats://127.0.0.1:4222",
		Name:        "tripline",
		ConnectWait: 10 * time.Second,
		Compression: "none",
		Window:      64,
		AckTimeout:  5 * time.Second,
		Streams:     DefaultStreamsConfig(),
		Consumer: ConsumerConfig{
			AckWait:      3 * time.Second,
			PinTTL:       2 * time.Second,
			MemberTTL:    3 * time.Second,
			MaxHeld:      2 * time.Minute,
			RawPending:   256,
			SinkPending:  8192,
			SinkLookback: time.Minute,
			RetryMin:     500 * time.Millisecond,
			RetryMax:     time.Minute,
		},
		DemandTTL:   time.Minute,
		MirrorQueue: 256,
	}
}

// Validate reports the first thing that cannot work.
func (c Config) Validate() error {
	if c.Server == nil && strings.TrimSpace(c.URL) == "" {
		return errors.New("nats: no url: name a server as nats://host:4222")
	}
	if c.CredentialsFile != "" && c.NKeyFile != "" {
		return errors.New("nats: credentials_file and nkey_file are both set: choose one")
	}
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		return errors.New("nats: tls: cert_file and key_file go together")
	}
	if _, err := c.compression(); err != nil {
		return err
	}
	for _, n := range []struct {
		name  string
		value int
	}{{"window", c.Window}, {"consumer.raw_pending", c.Consumer.RawPending}, {"consumer.sink_pending", c.Consumer.SinkPending}, {"mirror_queue", c.MirrorQueue}} {
		if n.value < 1 {
			return fmt.Errorf("nats: %s is %d: expected 1 or more", n.name, n.value)
		}
	}
	for _, d := range []struct {
		name       string
		value, min time.Duration
	}{
		{"connect_wait", c.ConnectWait, 0},
		{"ack_timeout", c.AckTimeout, 100 * time.Millisecond},
		{"demand_ttl", c.DemandTTL, time.Second},
		{"consumer.ack_wait", c.Consumer.AckWait, time.Second},
		{"consumer.pin_ttl", c.Consumer.PinTTL, 2 * time.Second},
		{"consumer.member_ttl", c.Consumer.MemberTTL, 2 * time.Second},
		{"consumer.max_held", c.Consumer.MaxHeld, c.Consumer.AckWait},
		{"consumer.sink_lookback", c.Consumer.SinkLookback, 0},
		{"consumer.retry_min", c.Consumer.RetryMin, time.Millisecond},
		{"consumer.retry_max", c.Consumer.RetryMax, c.Consumer.RetryMin},
	} {
		if d.value < d.min {
			return fmt.Errorf("nats: %s is %s: expected %s or more", d.name, d.value, d.min)
		}
	}
	return c.Streams.Validate()
}

func (c Config) compression() (msg.Compression, error) {
	switch c.Compression {
	case "none", "":
		return msg.Plain, nil
	case "s2":
		return msg.S2, nil
	}
	return msg.Plain, fmt.Errorf("nats: compression %q: expected none or s2", c.Compression)
}

// load returns nil when nothing is configured: a tls:// URL then uses the
// machine's own authorities.
func (c TLSConfig) load() (*tls.Config, error) {
	if c == (TLSConfig{}) {
		return nil, nil
	}
	out := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("nats: tls: ca_file: %w", err)
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("nats: tls: ca_file %s: no PEM certificate in it", c.CAFile)
		}
	}
	if c.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("nats: tls: cert_file, key_file: %w", err)
		}
		out.Certificates = []tls.Certificate{pair}
	}
	return out, nil
}
