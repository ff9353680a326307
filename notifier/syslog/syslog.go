package syslog

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/pkg/msg"
)

// Sink sends to one syslog receiver over a connection that it keeps.
type Sink struct {
	cfg    Config
	format formatter
	tls    *tls.Config // nil unless the network is TLS

	// mu is held during a delivery: messages must not mix.
	mu   sync.Mutex
	conn *connection
}

var _ notifier.Sink = (*Sink)(nil)

// New reads the files that the configuration names and makes a sink. It does
// not connect yet.
func New(cfg Config) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	t, err := render.Load("template", cfg.Template, cfg.TemplateFile)
	if err != nil {
		return nil, err
	}
	s := &Sink{cfg: cfg, format: formatter{
		facility: slices.Index(facilities(), cfg.Facility), appName: cfg.AppName,
		dataID: cfg.DataID, max: cfg.MaxBytes, template: t,
	}}
	if cfg.Network == TLS {
		if s.tls, err = cfg.TLS.Build(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Deliver sends one detection.
func (s *Sink) Deliver(ctx context.Context, d *msg.Detection) error {
	m, err := s.format.message(d)
	if err != nil {
		return notifier.FailForGood(notifier.ReasonTemplate, err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.send(ctx, frame(s.cfg.Network, s.cfg.Framing, m)); err != nil {
		return s.judge(ctx, err)
	}
	return nil
}

func (s *Sink) send(ctx context.Context, b []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.conn != nil && s.conn.gone() {
		err := s.conn.err
		s.drop()
		if s.cfg.Network == UDP && err != nil {
			// The only way to learn of a port where nobody listens; it took
			// the message before this one.
			return err
		}
	}
	if s.conn == nil {
		c, err := s.dial(ctx)
		if err != nil {
			return err
		}
		s.conn = watch(c)
	}
	if err := s.conn.write(ctx, b); err != nil {
		// Half a message may be out: the next one needs a new connection.
		s.drop()
		return err
	}
	return nil
}

func (s *Sink) dial(ctx context.Context) (net.Conn, error) {
	if s.tls != nil {
		return (&tls.Dialer{Config: s.tls}).DialContext(ctx, TCP, s.cfg.Address)
	}
	return (&net.Dialer{}).DialContext(ctx, s.cfg.Network, s.cfg.Address)
}

// judge makes a failure; none is the detection's fault.
func (s *Sink) judge(ctx context.Context, err error) error {
	reason := notifier.ReasonOf(err)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		reason, err = notifier.ReasonTimeout, fmt.Errorf("not sent within %v: %w", s.cfg.Timeout, err)
	case reason == notifier.ReasonOther:
		reason = notifier.ReasonUnreachable
	}
	return notifier.Fail(reason, err)
}

func (s *Sink) drop() {
	if s.conn != nil {
		// It is broken or done with: how it closes changes nothing.
		_ = s.conn.close()
		s.conn = nil
	}
}

// Close closes the connection.
func (s *Sink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop()
	return nil
}

// connection is one with somebody who listens for its end: a syslog receiver
// says nothing, so whatever ends the reading ends the connection.
type connection struct {
	net.Conn
	ended chan struct{}
	err   error // what ended it; read after ended is closed
}

func watch(c net.Conn) *connection {
	w := &connection{Conn: c, ended: make(chan struct{})}
	go func() {
		defer close(w.ended)
		_, w.err = io.Copy(io.Discard, c)
	}()
	return w
}

func (c *connection) gone() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// write sends all of b, unless the context ends.
func (c *connection) write(ctx context.Context, b []byte) error {
	stop := context.AfterFunc(ctx, func() { _ = c.SetWriteDeadline(time.Unix(1, 0)) })
	_, err := c.Write(b)
	if !stop() && err == nil {
		// The deadline is, or will be, in the past, so the connection is of
		// no more use, but the message is out.
		_ = c.Conn.Close()
	}
	return err
}

func (c *connection) close() error {
	err := c.Conn.Close()
	<-c.ended
	return err
}
