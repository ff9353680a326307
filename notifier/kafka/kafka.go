package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/pkg/msg"
)

// pingTimeout bounds the question why nothing could be produced.
const pingTimeout = 2 * time.Second

// maxQuote bounds the text of an error, in bytes.
const maxQuote = 300

// Sink produces.
type Sink struct {
	cfg      Config
	client   *kgo.Client
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
	// The client's own tries end before the delivery's time does.
	own := max(cfg.Timeout*3/4, time.Second)
	options := []kgo.Opt{
		kgo.SeedBrokers(cfg.Brokers...), kgo.DefaultProduceTopic(cfg.Topic), kgo.ClientID("tripline"),
		kgo.RequiredAcks(kgo.AllISRAcks()), kgo.ProducerBatchCompression(codec(cfg.Compression)), kgo.ProducerLinger(0),
		kgo.DialTimeout(own), kgo.RetryTimeout(own), kgo.UnknownTopicRetries(1),
		// Order counts for more than what is under way at once.
		kgo.MaxProduceRequestsInflightPerBroker(1),
	}
	if cfg.CreateTopic {
		options = append(options, kgo.AllowAutoTopicCreation())
	}
	if t := cfg.TLS; t != (TLS{}) {
		c, err := t.Build()
		if err != nil {
			return nil, err
		}
		options = append(options, kgo.DialTLSConfig(c))
	}
	if m := mechanism(cfg.SASL, string(password)); m != nil {
		options = append(options, kgo.SASL(m))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, notifier.RedactError(err, password)
	}
	return &Sink{cfg, client, password}, nil
}

func codec(name string) kgo.CompressionCodec {
	switch name {
	case "gzip":
		return kgo.GzipCompression()
	case "snappy":
		return kgo.SnappyCompression()
	case "lz4":
		return kgo.Lz4Compression()
	case "zstd":
		return kgo.ZstdCompression()
	}
	return kgo.NoCompression()
}

func mechanism(c SASL, password string) sasl.Mechanism {
	switch c.Mechanism {
	case "plain":
		return plain.Auth{User: c.Username, Pass: password}.AsMechanism()
	case "scram-sha-256":
		return scram.Auth{User: c.Username, Pass: password}.AsSha256Mechanism()
	case "scram-sha-512":
		return scram.Auth{User: c.Username, Pass: password}.AsSha512Mechanism()
	}
	return nil
}

// Deliver produces one detection.
func (s *Sink) Deliver(ctx context.Context, d *msg.Detection) error {
	_, err := s.DeliverBatch(ctx, []*msg.Stored{msg.StoredOf(d)})
	return err
}

// DeliverBatch implements [notifier.BatchSink].
func (s *Sink) DeliverBatch(ctx context.Context, ds []*msg.Stored) (int, error) {
	records := make([]*kgo.Record, len(ds))
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
	// Results come in the order in which they are finished.
	failed := map[*kgo.Record]error{}
	for _, r := range s.client.ProduceSync(limited, records...) {
		if r.Err != nil {
			failed[r.Record] = r.Err
		}
	}
	for i, r := range records {
		if err := failed[r]; err != nil {
			return i, s.judge(s.cause(ctx, limited, err))
		}
	}
	return len(ds), nil
}

// cause asks why nothing could be produced in time: the client tries on
// whatever the reason, and tells only that the time is over.
func (s *Sink) cause(ctx, limited context.Context, err error) error {
	if limited.Err() == nil || ctx.Err() != nil {
		return err
	}
	asked, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	if e := s.client.Ping(asked); e != nil && asked.Err() == nil {
		return e
	}
	return err
}

func record(stored *msg.Stored) (*kgo.Record, error) {
	d, err := stored.Detection()
	if err != nil {
		return nil, err
	}
	value, err := stored.JSON()
	if err != nil {
		return nil, err
	}
	return &kgo.Record{
		Key: []byte(d.Host), Value: render.JSONForTerminal(value), Timestamp: d.Time,
		Headers: []kgo.RecordHeader{
			{Key: "id", Value: []byte(d.ID)}, {Key: "rule", Value: []byte(d.Rule.ID)}, {Key: "priority", Value: []byte(d.Priority.String())},
		},
	}, nil
}

// judge finds out what an error means.
func (s *Sink) judge(err error) error {
	f := &notifier.Failure{Reason: notifier.ReasonOf(err)}
	var broker *kerr.Error
	switch {
	case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.RecordListTooLarge), errors.Is(err, kerr.InvalidRecord), errors.Is(err, kerr.CorruptMessage):
		f.Reason, f.Permanent = notifier.ReasonClient, true
	case errors.Is(err, kerr.SaslAuthenticationFailed), errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.ClusterAuthorizationFailed),
		errors.Is(err, kerr.UnsupportedSaslMechanism), errors.Is(err, kerr.IllegalSaslState):
		f.Reason = notifier.ReasonAuth
	case errors.As(err, &broker):
		f.Reason = notifier.ReasonServer
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		f.Reason = notifier.ReasonTimeout
	case f.Reason == notifier.ReasonOther:
		f.Reason = notifier.ReasonUnreachable
	}
	text := render.Fit(maxQuote, notifier.Redact(err.Error(), s.password), nil)
	f.Err = fmt.Errorf("producing: %s", text)
	return f
}

// Close ends the client.
func (s *Sink) Close() error {
	s.client.Close()
	return nil
}
