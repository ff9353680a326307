package email_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/mail"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/email"
	"github.com/tripline/tripline/notifier/sinktest"
)

// eximConfig makes Exim a server that takes mail by STARTTLS and with a
// password, and appends it to a file for each receiver.
const eximConfig = `
exim_path = /usr/sbin/exim4
spool_directory = %[1]s/spool
log_file_path = %[1]s/log-%%s
pid_file_path = %[1]s/pid
primary_hostname = mail.example.org
domainlist local_domains = example.org
acl_smtp_rcpt = rcpt
acl_smtp_data = accept
tls_advertise_hosts = *
tls_certificate = %[1]s/cert.pem
tls_privatekey = %[1]s/key.pem
tls_on_connect_ports = %[4]s
auth_advertise_hosts = ${if eq{$tls_in_cipher}{}{}{*}}
never_users =
keep_environment =
exim_user = %[2]s
exim_group = %[3]s
queue_run_max = 1
begin acl
rcpt:
  deny  message = no such person
        local_parts = nobody-there
  accept authenticated = *
         domains = +local_domains
  deny  message = who are you?
begin routers
all:
  driver = accept
  transport = file
begin transports
file:
  driver = appendfile
  file = %[1]s/mail/${if eq{$local_part}{soc}{soc}{other}}
  create_directory = false
  user = %[2]s
  group = %[3]s
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_condition = ${if and{{eq{$auth2}{tripline}}{eq{$auth3}{pa55w0rd}}}}
  server_set_id = $auth2
`

// certificate writes a certificate for 127.0.0.1, its own authority.
func certificate(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: raw}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// exim starts the server of Debian on two ports of its own, the second of which
// speaks TLS from the start.
func exim(t *testing.T) (dir, addr, implicit string) {
	t.Helper()
	bin, err := exec.LookPath("exim4")
	if err != nil {
		t.Skip("needs exim4: make deps-test")
	}
	if os.Geteuid() != 0 {
		t.Skip("exim takes a configuration from root only")
	}
	u, err := user.Lookup("Debian-exim")
	if err != nil {
		t.Skip("needs Debian's exim4: make deps-test")
	}
	// It works as a user of its own, who has no business in the folders of
	// tests.
	if dir, err = os.MkdirTemp("", "tripline-exim"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	certificate(t, dir)
	conf := filepath.Join(dir, "exim.conf")
	addr, implicit = freePort(t), freePort(t)
	_, tlsPort, _ := net.SplitHostPort(implicit)
	if err := os.WriteFile(conf, fmt.Appendf(nil, eximConfig, dir, u.Uid, u.Gid, tlsPort), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, sub := range []string{"spool", "mail"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("chown", "-R", u.Uid+":"+u.Gid, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := exec.Command("chown", "root:root", conf).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.Command(bin, "-C", conf, "-bdf", "-oX", "<; "+brackets(addr)+" ; "+brackets(implicit))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(dir, "log-main"))
			t.Logf("exim: %s\n%s", out.String(), log)
		}
	})
	for range 300 {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return dir, addr, implicit
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("exim does not listen: %s", out.String())
	return "", "", ""
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// brackets writes an address as Exim wants it.
func brackets(addr string) string {
	host, port, _ := net.SplitHostPort(addr)
	return "[" + host + "]:" + port
}

// TestRealServer sends every sample to Exim, by STARTTLS and with TLS from the
// start, with a password, and reads what the receivers got.
func TestRealServer(t *testing.T) {
	dir, addr, implicit := exim(t)
	cfg := config(addr)
	cfg.Security, cfg.TLS.CAFile = email.StartTLS, filepath.Join(dir, "cert.pem")
	cfg.Username, cfg.Password = "tripline", "pa55w0rd"
	cfg.To = []string{"soc@example.org", "other@example.org"}
	direct := cfg
	direct.Security = email.Implicit
	_, port, _ := net.SplitHostPort(implicit)
	_, _ = fmt.Sscan(port, &direct.Port)
	for i, sample := range sinktest.Samples() {
		if err := build(t, []email.Config{cfg, direct}[i%2]).Deliver(t.Context(), sample.Detection); err != nil {
			t.Fatalf("%s: %v", sample.Name, err)
		}
	}
	for _, who := range []string{"soc", "other"} {
		var box string
		for range 300 {
			b, _ := os.ReadFile(filepath.Join(dir, "mail", who))
			if box = string(b); strings.Count(box, "\nMessage-ID: ") == len(sinktest.Samples()) {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		for _, sample := range sinktest.Samples() {
			if strings.Count(box, "Message-ID: <"+sample.Detection.ID+"@tripline.invalid>") != 1 {
				t.Errorf("%s did not get %s once", who, sample.Name)
			}
		}
		if n := strings.Count(box, "with utf8esmtpsa ") + strings.Count(box, "with esmtpsa "); n != len(sinktest.Samples()) {
			t.Errorf("%d by TLS and with a password: %.500s", n, box)
		}
		for _, text := range strings.Split(box, "\nFrom tripline@example.org ")[1:] {
			_, text, _ = strings.Cut(text, "\n")
			if _, err := mail.ReadMessage(strings.NewReader(text)); err != nil {
				t.Errorf("%v in\n%.300s", err, text)
			}
		}
	}

	refused := func(name string, change func(*email.Config), reason notifier.Reason, retry bool) {
		c := cfg
		change(&c)
		err := build(t, c).Deliver(t.Context(), sinktest.Plain())
		if notifier.ReasonOf(err) != reason || notifier.Retryable(err) != retry || strings.Contains(err.Error(), "wr0ng") {
			t.Errorf("%s: %v (%s, again %v)", name, err, notifier.ReasonOf(err), notifier.Retryable(err))
		}
	}
	refused("wrong password", func(c *email.Config) { c.Password = "wr0ng" }, notifier.ReasonAuth, true)
	refused("untrusted certificate", func(c *email.Config) { c.TLS.CAFile = "" }, notifier.ReasonTLS, true)
	refused("untrusted from the start", func(c *email.Config) { *c = direct; c.TLS.CAFile = "" }, notifier.ReasonTLS, true)
	refused("no such person", func(c *email.Config) { c.To = []string{"nobody-there@example.org"} }, notifier.ReasonClient, false)
	refused("nobody we know", func(c *email.Config) { c.Username, c.Password = "", "" }, notifier.ReasonClient, false)
}
