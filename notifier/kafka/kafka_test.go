package kafka_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/kafka"
	"github.com/tripline/tripline/notifier/sinktest"
	"github.com/tripline/tripline/pkg/msg"
)

const topic = "detections"

// brokers starts a cluster that speaks Kafka's protocol, franz-go's own; a
// Kafka needs a Java that the tests do without.
func brokers(t *testing.T, options ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(2), kfake.SeedTopics(3, topic)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func build(t *testing.T, c *kfake.Cluster, change func(*kafka.Config)) *kafka.Sink {
	t.Helper()
	cfg := kafka.DefaultConfig()
	cfg.Brokers, cfg.Topic, cfg.Timeout = c.ListenAddrs(), topic, time.Minute
	if change != nil {
		change(&cfg)
	}
	s, err := kafka.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// consume reads n records.
func consume(t *testing.T, c *kfake.Cluster, n int) (out []*kgo.Record) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.ConsumeTopics(topic))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for len(out) < n {
		f := cl.PollFetches(ctx)
		if err := f.Err(); err != nil {
			t.Fatalf("after %d of %d: %v", len(out), n, err)
		}
		out = append(out, f.Records()...)
	}
	return out
}

func TestConformance(t *testing.T) {
	c := brokers(t)
	sinktest.Run(t, func(t *testing.T) notifier.Sink { return build(t, c, nil) })
}

func TestGolden(t *testing.T) {
	c := brokers(t)
	s := build(t, c, func(c *kafka.Config) { c.Compression = "none" })
	for _, sample := range sinktest.Samples() {
		if err := s.Deliver(t.Context(), sample.Detection); err != nil {
			t.Fatal(err)
		}
	}
	by := map[string]*kgo.Record{}
	for _, r := range consume(t, c, len(sinktest.Samples())) {
		by[string(r.Headers[0].Value)] = r
	}
	for _, sample := range sinktest.Samples() {
		r := by[sample.Detection.ID]
		if r == nil {
			t.Fatalf("%s is not there", sample.Name)
		}
		if at := sample.Detection.Time; !at.IsZero() && !r.Timestamp.Equal(at.Truncate(time.Millisecond)) || string(r.Key) != sample.Detection.Host {
			t.Errorf("%s: key %s at %v", sample.Name, r.Key, r.Timestamp)
		}
		if !json.Valid(r.Value) {
			t.Errorf("%s is no JSON", sample.Name)
		}
		sinktest.Harmless(t, string(r.Value))
		if sample.Name != "huge" {
			var head strings.Builder
			for _, h := range r.Headers {
				fmt.Fprintf(&head, "%s: %s\n", h.Key, h.Value)
			}
			sinktest.Golden(t, sample.Name+".txt", []byte(head.String()+string(r.Value)+"\n"))
		}
	}
}

// TestOrder: the detections of one host are in one partition and in order.
func TestOrder(t *testing.T) {
	c := brokers(t)
	s := build(t, c, nil)
	var ds []*msg.Stored
	for i := range 2000 {
		d := sinktest.Plain()
		d.ID, d.Host = fmt.Sprint(i), fmt.Sprint("host-", i%5)
		ds = append(ds, msg.StoredOf(d))
	}
	for left := ds; len(left) > 0; {
		n, err := s.DeliverBatch(t.Context(), left[:min(300, len(left))])
		if err != nil {
			t.Fatal(err)
		}
		left = left[n:]
	}
	last, partition := map[string]int{}, map[string]int32{}
	for _, r := range consume(t, c, len(ds)) {
		host := string(r.Key)
		var i int
		if _, err := fmt.Sscan(string(r.Headers[0].Value), &i); err != nil {
			t.Fatal(err)
		}
		if p, ok := partition[host]; ok && (p != r.Partition || i != last[host]+5) {
			t.Fatalf("%s: %d after %d, partition %d after %d", host, i, last[host], r.Partition, p)
		}
		last[host], partition[host] = i, r.Partition
	}
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		name   string
		code   *kerr.Error
		reason notifier.Reason
		retry  bool
	}{
		{"too large", kerr.MessageTooLarge, notifier.ReasonClient, false},
		{"not allowed", kerr.TopicAuthorizationFailed, notifier.ReasonAuth, true},
		{"too few replicas", kerr.InvalidRequiredAcks, notifier.ReasonServer, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			cl := brokers(t)
			cl.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
				cl.KeepControl()
				in := req.(*kmsg.ProduceRequest)
				out := in.ResponseKind().(*kmsg.ProduceResponse)
				for _, topic := range in.Topics {
					t := kmsg.NewProduceResponseTopic()
					t.Topic, t.TopicID = topic.Topic, topic.TopicID
					for _, p := range topic.Partitions {
						r := kmsg.NewProduceResponseTopicPartition()
						r.Partition, r.ErrorCode = p.Partition, c.code.Code
						t.Partitions = append(t.Partitions, r)
					}
					out.Topics = append(out.Topics, t)
				}
				return out, nil, true
			})
			s := build(t, cl, func(c *kafka.Config) { c.Timeout = 20 * time.Second })
			n, err := s.DeliverBatch(t.Context(), []*msg.Stored{msg.StoredOf(sinktest.Plain()), msg.StoredOf(sinktest.Data())})
			if n != 0 || notifier.ReasonOf(err) != c.reason || notifier.Retryable(err) != c.retry {
				t.Errorf("%d, %v (%s, again %v)", n, err, notifier.ReasonOf(err), notifier.Retryable(err))
			}
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		cfg := kafka.DefaultConfig()
		cfg.Brokers, cfg.Topic, cfg.Timeout = []string{l.Addr().String()}, topic, 2*time.Second
		s, err := kafka.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := s.Deliver(t.Context(), sinktest.Plain()); !notifier.Retryable(err) {
			t.Errorf("%v", err)
		}
	})
	t.Run("credentials", func(t *testing.T) {
		cl := brokers(t, kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-256", "me", "pa55w0rd"))
		with := func(password string) *kafka.Sink {
			return build(t, cl, func(c *kafka.Config) {
				c.Timeout = 3 * time.Second
				c.SASL = kafka.SASL{Mechanism: "scram-sha-256", Username: "me", Password: notifier.Secret(password)}
			})
		}
		if err := with("pa55w0rd").Deliver(t.Context(), sinktest.Plain()); err != nil {
			t.Error(err)
		}
		err := with("wr0ng-0ne").Deliver(t.Context(), sinktest.Plain())
		// A Kafka says why (auth); this cluster hangs up.
		if reason := notifier.ReasonOf(err); reason != notifier.ReasonAuth && reason != notifier.ReasonUnreachable || !notifier.Retryable(err) || strings.Contains(err.Error(), "wr0ng") {
			t.Errorf("%v (%s)", err, notifier.ReasonOf(err))
		}
	})
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		change func(*kafka.Config)
		want   string
	}{
		{func(c *kafka.Config) { c.Brokers = nil }, "brokers: none"},
		{func(c *kafka.Config) { c.Brokers = []string{"h"} }, `"h" is not host:port`},
		{func(c *kafka.Config) { c.Topic = "a b" }, "topic"},
		{func(c *kafka.Config) { c.Compression = "rar" }, "compression"},
		{func(c *kafka.Config) { c.SASL.Username = "u" }, "no mechanism"},
		{func(c *kafka.Config) { c.SASL.Mechanism = "gssapi" }, "sasl.mechanism"},
		{func(c *kafka.Config) { c.SASL.Mechanism = "plain" }, "username and password"},
		{func(c *kafka.Config) { c.Timeout = 0 }, "timeout"},
		{func(c *kafka.Config) { c.TLS.CAFile = "/nonexistent" }, "tls.ca_file"},
	} {
		cfg := kafka.DefaultConfig()
		cfg.Brokers, cfg.Topic = []string{"h:1"}, topic
		c.change(&cfg)
		if _, err := kafka.New(cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("New = %v, want %q", err, c.want)
		}
	}
}
