package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/pkg/msg"
)

// maxQuote bounds the text of an error, in bytes.
const maxQuote = 300

// Sink produces.
type Sink struct {
	cfg      Config
	writer   *kafka.Writer
	password notifier.Secret
}

var _ notifier.BatchSink = (*Sink)(nil)

// New reads the files that the configuration names and makes a sink. It
// connects when there is something to deliver.
func New(cfg Config) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	password, err := notifier.ReadSecret("sasl.password", cfg.SASL.Password, cfg.SASL.PasswordFile)
	if err != nil {
		return nil, err
	}
	transport := &kafka.Transport{ClientID: "tripline", DialTimeout: cfg.Timeout}
	if t := cfg.TLS; t != (TLS{}) {
		if transport.TLS, err = t.Build(); err != nil {
			return nil, err
		}
	}
	if transport.SASL, err = mechanism(cfg.SASL, string(password)); err != nil {
		return nil, notifier.RedactError(fmt.Errorf("sasl: %w", err), password)
	}
	return &Sink{cfg, &kafka.Writer{
		Addr: kafka.TCP(cfg.Brokers...), Topic: cfg.Topic, Transport: transport,
		// By the key, so that what belongs together stays in order.
		Balancer: &kafka.Hash{}, RequiredAcks: kafka.RequireAll, Compression: codec(cfg.Compression),
		AllowAutoTopicCreation: cfg.CreateTopic,
		// Tries are the notifier's business; what is there goes at once.
		MaxAttempts: 1, BatchTimeout: time.Millisecond, BatchSize: 1000,
		ReadTimeout: cfg.Timeout, WriteTimeout: cfg.Timeout,
	}, password}, nil
}

func codec(name string) kafka.Compression {
	switch name {
	case "gzip":
		return kafka.Gzip
	case "snappy":
		return kafka.Snappy
	case "lz4":
		return kafka.Lz4
	case "zstd":
		return kafka.Zstd
	}
	return 0
}

func mechanism(c SASL, password string) (sasl.Mechanism, error) {
	switch c.Mechanism {
	case "plain":
		return plain.Mechanism{Username: c.Username, Password: password}, nil
	case "scram-sha-256":
		return scram.Mechanism(scram.SHA256, c.Username, password)
	case "scram-sha-512":
		return scram.Mechanism(scram.SHA512, c.Username, password)
	}
	return nil, nil
}

// Deliver produces one detection.
func (s *Sink) Deliver(ctx context.Context, d *msg.Detection) error {
	_, err := s.DeliverBatch(ctx, []*msg.Stored{msg.StoredOf(d)})
	return err
}

// DeliverBatch implements [notifier.BatchSink].
func (s *Sink) DeliverBatch(ctx context.Context, ds []*msg.Stored) (int, error) {
	records := make([]kafka.Message, len(ds))
	for i, stored := range ds {
		r, err := record(stored)
		if err != nil {
			if i == 0 {
				return 0, notifier.FailForGood(notifier.ReasonTemplate, err)
			}
			// Those before it go first.
			return s.DeliverBatch(ctx, ds[:i])
		}
		records[i] = r
	}
	limited, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	err := s.writer.WriteMessages(limited, records...)
	var (
		each  kafka.WriteErrors
		large kafka.MessageTooLargeError
	)
	switch {
	case err == nil:
		return len(ds), nil
	case errors.As(err, &large):
		// Nothing was sent, since one of them is more than a batch may hold.
		return s.oneByOne(limited, ds, err)
	case errors.As(err, &each):
		for i, e := range each {
			if e != nil {
				return i, s.judge(limited, e)
			}
		}
		return len(ds), nil
	}
	return 0, s.judge(limited, err)
}

// oneByOne finds out which one of them is too large.
func (s *Sink) oneByOne(ctx context.Context, ds []*msg.Stored, err error) (int, error) {
	if len(ds) == 1 {
		return 0, s.judge(ctx, err)
	}
	for i := range ds {
		if _, err := s.DeliverBatch(ctx, ds[i:i+1]); err != nil {
			return i, err
		}
	}
	return len(ds), nil
}

func record(stored *msg.Stored) (kafka.Message, error) {
	d, err := stored.Detection()
	if err != nil {
		return kafka.Message{}, err
	}
	value, err := stored.JSON()
	if err != nil {
		return kafka.Message{}, err
	}
	return kafka.Message{
		Key: []byte(d.Host), Value: render.JSONForTerminal(value), Time: d.Time,
		Headers: []kafka.Header{
			{Key: "id", Value: []byte(d.ID)}, {Key: "rule", Value: []byte(d.Rule.ID)}, {Key: "priority", Value: []byte(d.Priority.String())},
		},
	}, nil
}

// judge finds out what an error means.
func (s *Sink) judge(ctx context.Context, err error) error {
	f := &notifier.Failure{Reason: notifier.ReasonOf(err)}
	var (
		broker kafka.Error
		large  kafka.MessageTooLargeError
	)
	switch {
	case errors.As(err, &large), errors.Is(err, kafka.MessageSizeTooLarge), errors.Is(err, kafka.RecordListTooLarge), errors.Is(err, kafka.InvalidMessage):
		f.Reason, f.Permanent = notifier.ReasonClient, true
	case errors.Is(err, kafka.SASLAuthenticationFailed), errors.Is(err, kafka.TopicAuthorizationFailed), errors.Is(err, kafka.ClusterAuthorizationFailed),
		errors.Is(err, kafka.UnsupportedSASLMechanism), errors.Is(err, kafka.IllegalSASLState):
		f.Reason = notifier.ReasonAuth
	case errors.As(err, &broker):
		f.Reason = notifier.ReasonServer
	case ctx.Err() != nil:
		f.Reason = notifier.ReasonTimeout
	case f.Reason == notifier.ReasonOther:
		f.Reason = notifier.ReasonUnreachable
	}
	f.Err = fmt.Errorf("producing: %s", render.Fit(maxQuote, notifier.Redact(err.Error(), s.password), nil))
	return f
}

// Close ends the writer.
func (s *Sink) Close() error {
	err := s.writer.Close()
	if t, ok := s.writer.Transport.(*kafka.Transport); ok {
		t.CloseIdleConnections()
	}
	return err
}
