package syslog_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/sinktest"
	"github.com/tripline/tripline/notifier/syslog"
	"github.com/tripline/tripline/pkg/msg"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func config(network, addr string) syslog.Config {
	c := syslog.DefaultConfig()
	c.Network, c.Address, c.Timeout = network, addr, time.Minute
	return c
}

func build(t *testing.T, c syslog.Config) *syslog.Sink {
	t.Helper()
	s, err := syslog.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// transports are all ways to reach a daemon.
func transports(t *testing.T) map[string]func(*testing.T) (*daemon, syslog.Config) {
	cert, certFile, _, _ := certificate(t)
	stream := func(framing string) func(*testing.T) (*daemon, syslog.Config) {
		return func(t *testing.T) (*daemon, syslog.Config) {
			d := listenStream(t, framing, nil)
			c := config("tcp", d.addr)
			c.Framing = framing
			return d, c
		}
	}
	return map[string]func(*testing.T) (*daemon, syslog.Config){
		"udp":         func(t *testing.T) (*daemon, syslog.Config) { d := listenUDP(t); return d, config("udp", d.addr) },
		"tcp":         stream("octet-counting"),
		"tcp newline": stream("newline"),
		"tls": func(t *testing.T) (*daemon, syslog.Config) {
			d := listenStream(t, "octet-counting", &tls.Config{Certificates: []tls.Certificate{cert}})
			c := config("tls", d.addr)
			c.TLS.CAFile = certFile
			return d, c
		},
	}
}

// grammar is RFC 5424, 6, as far as we use it.
var grammar = regexp.MustCompile(`^<(\d{1,3})>1 (-|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) ([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) ` +
	`\[tripline@32473((?: [a-z_]{1,32}="(?:[^"\\\]]|\\["\\\]])*")*)\](?: (.*))?$`)

func deliver(t *testing.T, s *syslog.Sink, d *daemon, det *msg.Detection) string {
	t.Helper()
	if err := s.Deliver(t.Context(), det); err != nil {
		t.Fatal(err)
	}
	return <-d.got
}

func TestTransports(t *testing.T) {
	for name, open := range transports(t) {
		t.Run(name, func(t *testing.T) {
			sinktest.Run(t, func(t *testing.T) notifier.Sink {
				_, c := open(t)
				return build(t, c)
			})
			d, c := open(t)
			s := build(t, c)
			for _, sample := range sinktest.Samples() {
				got := deliver(t, s, d, sample.Detection)
				m := grammar.FindStringSubmatch(got)
				if m == nil {
					t.Fatalf("%s: not RFC 5424: %q", sample.Name, got)
				}
				if want := strconv.Itoa(10<<3 | int(sample.Detection.Priority)); m[1] != want {
					t.Errorf("%s: PRI %s, want %s", sample.Name, m[1], want)
				}
				if len(got) > c.MaxBytes || len(m[8]) == 0 {
					t.Errorf("%s: %d bytes, text %q", sample.Name, len(got), m[8])
				}
				if strings.Contains(got, "\n") {
					t.Errorf("%s: a line end: %q", sample.Name, got)
				}
				sinktest.Harmless(t, got)
				if sample.Name != "huge" {
					sinktest.Golden(t, sample.Name+".txt", []byte(got+"\n"))
				}
			}
			if n := d.accepted(); name != "udp" && n != 1 {
				t.Errorf("%d connections", n)
			}
		})
	}
}

// TestReconnects hangs up on the sink: what it is given afterwards arrives.
func TestReconnects(t *testing.T) {
	for name, open := range transports(t) {
		if name == "udp" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			d, c := open(t)
			s := build(t, c)
			for range 3 {
				deliver(t, s, d, sinktest.Plain())
				d.hangUp()
				// The news is on its way; a message sent before it comes is
				// what syslog loses. It comes for sure.
				for s.Connected() {
					time.Sleep(time.Millisecond)
				}
			}
			deliver(t, s, d, sinktest.Plain())
		})
	}
}

func TestFailures(t *testing.T) {
	cert, certFile, _, pool := certificate(t)
	silent := func(t *testing.T) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return l.Addr().String()
	}
	for _, c := range []struct {
		name string
		cfg  func(*testing.T) syslog.Config
		want notifier.Reason
	}{
		{"nobody", func(t *testing.T) syslog.Config { return config("tcp", closedPort(t)) }, notifier.ReasonUnreachable},
		{"no such host", func(*testing.T) syslog.Config { return config("tcp", "nowhere.invalid:514") }, notifier.ReasonUnreachable},
		{"a certificate of somebody else", func(t *testing.T) syslog.Config {
			return config("tls", listenStream(t, "", &tls.Config{Certificates: []tls.Certificate{cert}}).addr)
		}, notifier.ReasonTLS},
		{"another name", func(t *testing.T) syslog.Config {
			cfg := config("tls", listenStream(t, "", &tls.Config{Certificates: []tls.Certificate{cert}}).addr)
			cfg.TLS.CAFile, cfg.TLS.ServerName = certFile, "logs.invalid"
			return cfg
		}, notifier.ReasonTLS},
		{"ours is wanted", func(t *testing.T) syslog.Config {
			cfg := config("tls", listenStream(t, "", &tls.Config{
				Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
				// With 1.3 the refusal comes after the handshake.
				MaxVersion: tls.VersionTLS12,
			}).addr)
			cfg.TLS.CAFile = certFile
			return cfg
		}, notifier.ReasonTLS},
		{"a handshake that hangs", func(t *testing.T) syslog.Config {
			cfg := config("tls", silent(t))
			cfg.Timeout = 50 * time.Millisecond
			return cfg
		}, notifier.ReasonTimeout},
		{"nobody reads", func(t *testing.T) syslog.Config {
			cfg := config("tcp", silent(t))
			cfg.Timeout, cfg.MaxBytes = 200*time.Millisecond, 1<<20
			cfg.Template = `{{range $i := 20000}}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx{{end}}`
			return cfg
		}, notifier.ReasonTimeout},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := build(t, c.cfg(t))
			err := s.Deliver(t.Context(), sinktest.Plain())
			// Buffers of the system take some before nobody's reading shows.
			for i := 0; err == nil && i < 100; i++ {
				err = s.Deliver(t.Context(), sinktest.Plain())
			}
			if got := notifier.ReasonOf(err); got != c.want || !notifier.Retryable(err) {
				t.Errorf("reason %s, retryable %v, want %s: %v", got, notifier.Retryable(err), c.want, err)
			}
		})
	}
}

func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestUDPNobodyListens: the first datagram is lost, and the next delivery
// says so.
func TestUDPNobodyListens(t *testing.T) {
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.LocalAddr().String()
	l.Close()
	s := build(t, config("udp", addr))
	if err := s.Deliver(t.Context(), sinktest.Plain()); err != nil {
		t.Fatal(err)
	}
	for s.Connected() {
		time.Sleep(time.Millisecond)
	}
	if err := s.Deliver(t.Context(), sinktest.Plain()); notifier.ReasonOf(err) != notifier.ReasonUnreachable || !notifier.Retryable(err) {
		t.Errorf("%v, want unreachable", err)
	}
}

func TestStopDuringConnect(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := build(t, config("tls", l.Addr().String()))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		if c, err := l.Accept(); err == nil {
			defer c.Close()
			cancel()
			<-t.Context().Done()
		}
	}()
	if err := s.Deliver(ctx, sinktest.Plain()); !notifier.Retryable(err) {
		t.Errorf("a stop is taken for the detection's fault: %v", err)
	}
}

func TestMutualTLS(t *testing.T) {
	cert, certFile, keyFile, pool := certificate(t)
	var common []string
	d := listenStream(t, "octet-counting", &tls.Config{
		Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAnyClientCert, ClientCAs: pool,
		VerifyConnection: func(s tls.ConnectionState) error {
			common = append(common, s.PeerCertificates[0].Issuer.String())
			return nil
		},
	})
	cfg := config("tls", d.addr)
	cfg.TLS.CAFile, cfg.TLS.CertFile, cfg.TLS.KeyFile = certFile, certFile, keyFile
	deliver(t, build(t, cfg), d, sinktest.Plain())
	if len(common) != 1 || common[0] == "" {
		t.Errorf("certificates of %q", common)
	}
}

func TestTemplate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "t")
	if err := os.WriteFile(file, []byte("{{toPrettyJson (dict \"comm\" .Event.Comm)}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := listenUDP(t)
	text := func(change func(*syslog.Config)) string {
		c := config("udp", d.addr)
		change(&c)
		return grammar.FindStringSubmatch(deliver(t, build(t, c), d, sinktest.Hostile()))[8]
	}
	got := text(func(c *syslog.Config) { c.TemplateFile = file })
	sinktest.Harmless(t, got)
	var v struct{ Comm string }
	if err := json.Unmarshal([]byte(got), &v); err != nil || v.Comm != sinktest.HostileText {
		t.Errorf("%q: %v", got, err)
	}
	got = text(func(c *syslog.Config) { c.Template = "{{.Host}}\n{{.Event.Comm}}" })
	sinktest.Harmless(t, got)
	if !strings.HasPrefix(got, `test-host\n\x1b[2J`) {
		t.Errorf("%q", got)
	}
	bare := build(t, config("udp", d.addr))
	if err := bare.Deliver(t.Context(), sinktest.Bare()); err != nil {
		t.Error(err)
	}
	c := config("udp", d.addr)
	c.Template = "{{.Event.Comm}}"
	if err := build(t, c).Deliver(t.Context(), sinktest.Bare()); notifier.ReasonOf(err) != notifier.ReasonTemplate || notifier.Retryable(err) {
		t.Errorf("%v, want a template failure for good", err)
	}
}

// TestSmallest checks that the least size has room for the longest header.
func TestSmallest(t *testing.T) {
	d := listenUDP(t)
	c := config("udp", d.addr)
	c.MaxBytes = 1024
	c.AppName = strings.Repeat("a", 48)
	det := sinktest.Huge()
	det.Host, det.Rule.ID = strings.Repeat("hö", 300), strings.Repeat("r", 300)
	got := deliver(t, build(t, c), d, det)
	if m := grammar.FindStringSubmatch(got); m == nil || len(got) > 1024 || len(m[8]) < 100 {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*syslog.Config)
		want   string
	}{
		{"network", func(c *syslog.Config) { c.Network = "unix" }, `network: "unix"`},
		{"address", func(c *syslog.Config) { c.Address = "localhost" }, `address: "localhost" is not a host and a port`},
		{"framing", func(c *syslog.Config) { c.Framing = "x" }, `framing: "x"`},
		{"framing of tls", func(c *syslog.Config) { c.Network, c.Framing = "tls", "newline" }, "RFC 5425 has only"},
		{"facility", func(c *syslog.Config) { c.Facility = "local8" }, `facility: "local8" is not one of kern`},
		{"app name", func(c *syslog.Config) { c.AppName = "a b" }, `app_name: "a b"`},
		{"data id", func(c *syslog.Config) { c.DataID = "tripline" }, `data_id: "tripline"`},
		{"data id with a quote", func(c *syslog.Config) { c.DataID = `a"b@1` }, "data_id"},
		{"data id with a bracket", func(c *syslog.Config) { c.DataID = `a]b@1` }, "data_id"},
		{"small", func(c *syslog.Config) { c.MaxBytes = 480 }, "max_bytes: 480"},
		{"large for a datagram", func(c *syslog.Config) { c.MaxBytes = 1 << 20 }, "max_bytes: 1048576"},
		{"timeout", func(c *syslog.Config) { c.Timeout = 0 }, "timeout: 0s"},
		{"tls without tls", func(c *syslog.Config) { c.TLS.CAFile = "x" }, "tls: is given, but network is udp"},
		{"no ca", func(c *syslog.Config) { c.Network, c.TLS.CAFile = "tls", "/nonexistent" }, "tls.ca_file: open /nonexistent"},
		{"template", func(c *syslog.Config) { c.Template = "{{" }, "template: template"},
		{"two templates", func(c *syslog.Config) { c.Template, c.TemplateFile = "x", "y" }, "which one?"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := syslog.DefaultConfig()
			c.change(&cfg)
			if _, err := syslog.New(cfg); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("New = %v, want %q", err, c.want)
			}
		})
	}
}
