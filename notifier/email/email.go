package email

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strings"

	"github.com/wneessen/go-mail"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/pkg/msg"
)

// Limits in bytes: a subject that people see, one fact, and the output.
const (
	maxSubject = 200
	maxFact    = 4 << 10
	maxOutput  = 16 << 10
	maxQuote   = 300
)

// Sink sends messages.
type Sink struct {
	cfg      Config
	tls      *tls.Config
	password notifier.Secret
}

var _ notifier.Sink = (*Sink)(nil)

// New reads the files that the configuration names and makes a sink.
func New(cfg Config) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	password, err := notifier.ReadSecret("password", cfg.Password, cfg.PasswordFile)
	if err != nil {
		return nil, err
	}
	t, err := cfg.TLS.Build()
	if err != nil {
		return nil, err
	}
	if t.ServerName == "" {
		t.ServerName = cfg.Host
	}
	s := &Sink{cfg, t, password}
	_, _, err = s.client()
	return s, err
}

// client makes a client for one connection, and what closes that: the client
// itself leaves it open when the server refuses us. With TLS from the start the
// connection is the client's own, which then goes with the garbage.
func (s *Sink) client() (_ *mail.Client, closed func(), _ error) {
	var conn net.Conn
	dial := func(ctx context.Context, network, addr string) (_ net.Conn, err error) {
		conn, err = new(net.Dialer).DialContext(ctx, network, addr)
		return conn, err
	}
	options := []mail.Option{
		mail.WithPort(s.cfg.Port), mail.WithTimeout(s.cfg.Timeout), mail.WithTLSConfig(s.tls.Clone()), mail.WithoutNoop(),
	}
	switch s.cfg.Security {
	case StartTLS:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	case Implicit:
		options = append(options, mail.WithSSL())
	case None:
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	}
	if s.cfg.Hello != "" {
		options = append(options, mail.WithHELO(s.cfg.Hello))
	}
	if s.cfg.Username != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(s.cfg.Username), mail.WithPassword(string(s.password)))
	}
	if s.cfg.Security != Implicit {
		options = append(options, mail.WithDialContextFunc(dial))
	}
	c, err := mail.NewClient(s.cfg.Host, options...)
	return c, func() {
		if conn != nil {
			_ = conn.Close()
		}
	}, err
}

// Deliver sends one detection.
func (s *Sink) Deliver(ctx context.Context, d *msg.Detection) error {
	m, err := compose(d, s.cfg)
	if err != nil {
		return notifier.FailForGood(notifier.ReasonTemplate, err)
	}
	c, closed, err := s.client()
	if err != nil {
		return notifier.FailForGood(notifier.ReasonOther, err)
	}
	defer closed()
	limited, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	// The client closes its connection only when it is asked to; a context
	// that ends must end it, too.
	defer context.AfterFunc(limited, func() { _ = c.Close() })()
	if err := c.DialWithContext(limited); err != nil {
		return s.judge(limited, err)
	}
	err = c.Send(m)
	if m.IsDelivered() {
		err = nil
	}
	if e := c.Close(); err == nil && e != nil && !m.IsDelivered() {
		err = e
	}
	if err != nil {
		return s.judge(limited, err)
	}
	return nil
}

// judge finds out what an error means.
func (s *Sink) judge(ctx context.Context, err error) error {
	reason, permanent := notifier.ReasonOf(err), false
	switch code := answer(err); {
	case ctx.Err() != nil, strings.Contains(err.Error(), "i/o timeout"): // in a text, where the client wraps it so
		reason = notifier.ReasonTimeout
	case strings.Contains(err.Error(), "SMTP AUTH"), code == 530, code == 534, code == 535, code == 538: // RFC 4954, 4 and 6
		reason = notifier.ReasonAuth
	case code/100 == 5:
		reason, permanent = notifier.ReasonClient, true
	case code/100 == 4:
		reason = notifier.ReasonServer
	case strings.Contains(err.Error(), "STARTTLS"):
		reason = notifier.ReasonTLS
	case reason == notifier.ReasonOther:
		reason = notifier.ReasonUnreachable
	}
	text := render.Terminal(render.Truncate(maxQuote, notifier.Redact(err.Error(), s.password)))
	return &notifier.Failure{Reason: reason, Permanent: permanent, Err: said{fmt.Sprintf("sending: %s", text), err}}
}

// answer is the code with which the server refuses, 0 if it is not that.
func answer(err error) int {
	var (
		send  *mail.SendError
		proto *textproto.Error
	)
	switch {
	case errors.As(err, &send) && send.ErrorCode() != 0:
		return send.ErrorCode()
	case errors.As(err, &proto):
		return proto.Code
	}
	return 0
}

// said carries the text of an error that is fit to be shown, and still is it.
type said struct {
	text string
	err  error
}

func (e said) Error() string { return e.text }
func (e said) Unwrap() error { return e.err }
