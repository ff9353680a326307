package syslog_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// daemon is a syslog receiver that hands on what it gets.
type daemon struct {
	addr string
	got  chan string

	mu    sync.Mutex
	conns []net.Conn
}

// hangUp closes every connection there is.
func (d *daemon) hangUp() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.conns {
		c.Close()
	}
	d.conns = nil
}

func (d *daemon) accepted() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.conns)
}

func newDaemon() *daemon { return &daemon{got: make(chan string, 1000)} }

func listenUDP(t *testing.T) *daemon {
	t.Helper()
	d := newDaemon()
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.addr = l.LocalAddr().String()
	var wg sync.WaitGroup
	wg.Go(func() {
		buf := make([]byte, 1<<16)
		for {
			n, _, err := l.ReadFrom(buf)
			if err != nil {
				return
			}
			d.got <- string(buf[:n])
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return d
}

// listenStream takes connections; config is nil for plain TCP.
func listenStream(t *testing.T, framing string, config *tls.Config) *daemon {
	t.Helper()
	d := newDaemon()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.addr = l.Addr().String()
	if config != nil {
		l = tls.NewListener(l, config)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			d.mu.Lock()
			d.conns = append(d.conns, c)
			d.mu.Unlock()
			wg.Go(func() {
				defer c.Close()
				r := bufio.NewReader(c)
				for {
					m, err := readFrame(r, framing)
					if err != nil {
						return
					}
					d.got <- m
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); d.hangUp(); wg.Wait() })
	return d
}

// readFrame reads one message of RFC 6587.
func readFrame(r *bufio.Reader, framing string) (string, error) {
	if framing == "newline" {
		line, err := r.ReadString('\n')
		return strings.TrimSuffix(line, "\n"), err
	}
	length, err := r.ReadString(' ')
	if err != nil {
		return "", err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(length, " "))
	if err != nil || length[0] == '0' || n > 1<<20 {
		return "", errors.New("not a length: " + length)
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return string(b), err
}

// certificate is one for 127.0.0.1, with the file that holds it, the file of
// its key, and a pool that trusts it.
func certificate(t *testing.T) (cert tls.Certificate, certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	srv := httptest.NewUnstartedServer(nil)
	srv.StartTLS()
	defer srv.Close()
	cert = srv.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	write := func(kind string, der []byte) string {
		file := filepath.Join(t.TempDir(), kind+".pem")
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	pool = x509.NewCertPool()
	pool.AddCert(srv.Certificate())
	return cert, write("CERTIFICATE", cert.Certificate[0]), write("PRIVATE KEY", key), pool
}
