package provision

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"path/filepath"
	"time"
)

const (
	authorityLife   = 10 * 365 * 24 * time.Hour
	certificateLife = 2 * 365 * 24 * time.Hour
)

// authority signs the servers' certificates.
type authority struct {
	cert *x509.Certificate
	key  any
}

func (w *writer) authority() (*authority, error) {
	crt, key := filepath.Join(w.dir, "ca.crt"), filepath.Join(w.dir, "ca.key")
	if !exists(crt) && !exists(key) {
		template := &x509.Certificate{
			Subject:               pkix.Name{CommonName: "Tripline NATS authority"},
			NotAfter:              time.Now().Add(authorityLife),
			IsCA:                  true,
			BasicConstraintsValid: true,
			KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		}
		if err := w.sign(template, nil, crt, key); err != nil {
			return nil, err
		}
	}
	pair, err := tls.LoadX509KeyPair(crt, key)
	if err != nil {
		return nil, fmt.Errorf("the authority in %s: %w; both files belong together", w.dir, err)
	}
	return &authority{cert: pair.Leaf, key: pair.PrivateKey}, nil
}

// certificate makes that of one server, which its fellow servers also take for
// the proof that it is one.
func (w *writer) certificate(a *authority, name, crt, key string) error {
	if exists(crt) && exists(key) {
		return nil
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: name},
		NotAfter:    time.Now().Add(certificateLife),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames:    []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = append(template.IPAddresses, ip)
	} else if name != "localhost" {
		template.DNSNames = append(template.DNSNames, name)
	}
	return w.sign(template, a, crt, key)
}

// sign writes a certificate and its key; without an authority it signs itself.
func (w *writer) sign(template *x509.Certificate, a *authority, crt, key string) error {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return err
	}
	// Clocks differ.
	template.NotBefore = time.Now().Add(-time.Hour)
	parent, signer := template, any(private)
	if a != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &private.PublicKey, signer)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	if err := w.secret(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})); err != nil {
		return err
	}
	return w.file(crt, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
