package nats_test

import (
	"context"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"    //nolint:depguard // a subscriber that is not ours
	"github.com/nats-io/nats.go/jetstream" //nolint:depguard // and a stream

	"github.com/tripline/tripline/internal/bus/bustest"
	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/sinktest"
)

// TestRealServer publishes on a NATS server, to a subscriber and to a stream.
func TestRealServer(t *testing.T) {
	s := bustest.Server(t)
	b := bustest.Join(t, s, nil)
	nc, err := natsgo.Connect(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	sub, err := nc.SubscribeSync("security.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	plain := build(t, config(), b.Publish)
	for _, sample := range sinktest.Samples() {
		if err := plain.Deliver(t.Context(), sample.Detection); err != nil {
			t.Fatalf("%s: %v", sample.Name, err)
		}
		m, err := sub.NextMsg(30 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if m.Header.Get("Nats-Msg-Id") != sample.Detection.ID || m.Subject == "" {
			t.Errorf("%s: %s %v", sample.Name, m.Subject, m.Header)
		}
	}

	cfg := config()
	cfg.Stored, cfg.Timeout = true, 5*time.Second
	stored := build(t, cfg, b.Publish)
	if err := stored.Deliver(t.Context(), sinktest.Plain()); !notifier.Retryable(err) {
		t.Errorf("stored by nobody: %v", err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), bustest.Wait)
	defer cancel()
	stream, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "SIEM", Subjects: []string{"security.>"}, Storage: jetstream.MemoryStorage})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time it is known
		if err := stored.Deliver(t.Context(), sinktest.Plain()); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := stream.Info(ctx); err != nil || info.State.Msgs != 1 {
		t.Errorf("%+v, %v", info, err)
	}
}
