package bus_test

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/internal/bus/bustest"
	"github.com/tripline/tripline/pkg/msg"
)

// Closing ends everything that was started.
func TestCloseLeavesNothing(t *testing.T) {
	before := goleak.IgnoreCurrent()
	cfg := bus.DefaultServerConfig()
	cfg.Listen, cfg.StoreDir = "127.0.0.1:0", t.TempDir()
	s, err := bus.Embed(context30(t), cfg, bustest.Logger(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, embedded := range []bool{true, false} {
		c := bus.DefaultConfig()
		if c.URL = s.URL(); embedded {
			c.Server = s
		}
		b, err := bus.Connect(context30(t), c, bustest.Logger(t), nil)
		if err != nil {
			t.Fatal(err)
		}
		publish(t, must(b.RawPublisher(host)), batches(1, 5)...)
		publish(t, must(b.DetectionPublisher()), detection("d"))
		in := b.RawConsumer(host)
		receive(t, in, 5)
		receiveFound(t, b.SinkConsumer(), map[bool]string{true: "one", false: "two"}[embedded], 1)
		ctx, cancel := context.WithCancel(context.Background())
		match(t, ctx, "m", b, newTally())
		must(b.Mirror(context30(t), msg.SubjectTailRaw)).Show(batch(1, 1))
		if err := b.Demand("m").Announce(ctx, demand("m", "ptrace")); err != nil {
			t.Fatal(err)
		}
		watched := make(chan error)
		go func() { watched <- b.Demand("s").Watch(context.Background(), func([]msg.Demand) {}) }()
		b.Close()
		b.Close()
		if err := <-watched; err != nil {
			t.Errorf("watching ended with %v", err)
		}
		cancel()
	}
	s.Close()
	s.Close()
	goleak.VerifyNone(t, before)
}
