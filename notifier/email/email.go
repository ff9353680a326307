package email

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"sync"

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
	_, err = s.client(new(line).dialer(nil))
	return s, err
}

// client makes a client for one connection, which dial makes: the client itself
// leaves a connection open when the server refuses us, and does not end it with
// a context.
func (s *Sink) client(dial mail.DialContextFunc) (*mail.Client, error) {
	options := []mail.Option{
		mail.WithPort(s.cfg.Port), mail.WithTimeout(s.cfg.Timeout), mail.WithTLSConfig(s.tls.Clone()), mail.WithoutNoop(),
	}
	switch s.cfg.Security {
	case StartTLS:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	case Implicit:
		// dial has made it TLS. That the client looks for TLS itself, finds it
		// and offers no STARTTLS within it (RFC 3207, 4.2) is what this policy
		// is for: with none it would take the connection for an open one.
		options = append(options, mail.WithTLSPolicy(mail.TLSOpportunistic))
	case None:
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	}
	if s.cfg.Hello != "" {
		options = append(options, mail.WithHELO(s.cfg.Hello))
	}
	if s.cfg.Username != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(s.cfg.Username), mail.WithPassword(string(s.password)))
	}
	return mail.NewClient(s.cfg.Host, append(options, mail.WithDialContextFunc(dial))...)
}

// line is the one connection of a delivery, which may be closed at any time.
type line struct {
	mu     sync.Mutex
	conn   net.Conn
	closed bool
}

// dialer says how to connect, with TLS from the start if t is not nil.
func (l *line) dialer(t *tls.Config) mail.DialContextFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		var (
			conn net.Conn
			err  error
		)
		if t != nil {
			conn, err = (&tls.Dialer{Config: t}).DialContext(ctx, network, addr)
		} else {
			conn, err = new(net.Dialer).DialContext(ctx, network, addr)
		}
		if err != nil {
			return nil, err
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.closed {
			_ = conn.Close()
			return nil, net.ErrClosed
		}
		l.conn = conn
		return conn, nil
	}
}

// close ends the connection, and one that is still being made.
func (l *line) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed = true; l.conn != nil {
		_ = l.conn.Close()
	}
}

// Deliver sends one detection.
func (s *Sink) Deliver(ctx context.Context, d *msg.Detection) error {
	m, err := compose(d, s.cfg)
	if err != nil {
		return notifier.FailForGood(notifier.ReasonTemplate, err)
	}
	var t *tls.Config
	if s.cfg.Security == Implicit {
		t = s.tls.Clone()
	}
	var l line
	c, err := s.client(l.dialer(t))
	if err != nil {
		return notifier.FailForGood(notifier.ReasonOther, err)
	}
	defer l.close()
	limited, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	// The client heeds a context only while it connects.
	defer context.AfterFunc(limited, l.close)()
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
