package webhook_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/sinktest"
)

// TestMutualTLS: the receiver sees who we are, and nobody else is let in.
func TestMutualTLS(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "tripline notifier"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	us, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	var who string
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { who = r.TLS.PeerCertificates[0].Subject.CommonName }))
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	pool := x509.NewCertPool()
	pool.AddCert(us)
	srv.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	srv.StartTLS()
	defer srv.Close()
	cfg := config(srv.URL)
	cfg.TLS.CAFile = write(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})))
	if err := build(t, cfg).Deliver(t.Context(), sinktest.Plain()); notifier.ReasonOf(err) != notifier.ReasonTLS || !notifier.Retryable(err) {
		t.Errorf("without a certificate: %v (%s)", err, notifier.ReasonOf(err))
	}
	cfg.TLS.CertFile = write(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	cfg.TLS.KeyFile = write(t, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})))
	if err := build(t, cfg).Deliver(t.Context(), sinktest.Plain()); err != nil || who != "tripline notifier" {
		t.Errorf("%v, seen as %q", err, who)
	}
}
