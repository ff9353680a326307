package provision_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/internal/bus/bustest"
	"github.com/tripline/tripline/internal/bus/provision"
	"github.com/tripline/tripline/pkg/msg"
)

// plan is one server on a free port of this machine.
func plan(t testing.TB) provision.Plan {
	p := provision.DefaultPlan()
	p.Dir = t.TempDir()
	p.StoreDir = filepath.Join(p.Dir, "store")
	p.Hosts, p.Address = []string{"h1", "h2"}, "127.0.0.1"
	// NATS's way to ask for free ones.
	p.ClientPort, p.ClusterPort, p.LeafPort = -1, -1, -1
	return p
}

// serve writes the plan and runs its first server.
func serve(t testing.TB, p provision.Plan) *bus.Server {
	t.Helper()
	if _, err := provision.Write(p); err != nil {
		t.Fatal(err)
	}
	cfg := bus.DefaultServerConfig()
	cfg.StoreDir = p.StoreDir
	cfg.ConfigFile = filepath.Join(p.Dir, "servers", p.Servers[0], "nats.conf")
	return bustest.Embed(t, cfg)
}

func keyFile(p provision.Plan, role string) string {
	return filepath.Join(p.Dir, "keys", role+".nk")
}

// as joins over TLS with the key of a role.
func as(t testing.TB, p provision.Plan, s *bus.Server, role string, change func(*bus.Config)) *bus.Bus {
	t.Helper()
	return bustest.Dial(t, s.URL(), func(c *bus.Config) {
		c.NKeyFile, c.TLS.CAFile = keyFile(p, role), filepath.Join(p.Dir, "ca.crt")
		if change != nil {
			change(c)
		}
	})
}

// row says who may publish to and who may subscribe a subject; everybody else
// is refused. The role admin may everything.
type row struct{ subject, publish, subscribe string }

const (
	sensors   = "sensor-h1 agent-h1"
	enrichers = "enricher-h1 agent-h1"
	all       = "sensor-h1 enricher-h1 agent-h1 matcher notifier tail"
	nobody    = ""
)

func rows(inbox string) []row {
	return []row{
		{"tripline.raw.h1", sensors, "tail"},
		{"tripline.raw.h2", nobody, "tail"},
		{"tripline.raw.>", "-", "tail"},
		{"tripline.events.h1.3", enrichers, "tail"},
		{"tripline.events.h2.3", nobody, "tail"},
		{"tripline.detections.warning.h1.TRC-2", "matcher", "tail"},
		{"tripline.detections.warning.h2.TRC-2", "matcher", "tail"},
		{"tripline.dead.slack", "notifier", "tail"},
		{"tripline.tail.raw.h1.ptrace", sensors, "tail"},
		{"tripline.tail.raw.h2.ptrace", nobody, "tail"},
		{"tripline.tail.events.h1.ptrace", enrichers, "tail"},
		{"tripline.tail.events.h2.ptrace", nobody, "tail"},
		{"tripline.amendments.h1", enrichers, "notifier tail"},
		{"tripline.amendments.h2", nobody, "notifier tail"},
		{"tripline.health.sensor.x", sensors, all},
		{"tripline.health.enricher.x", enrichers, all},
		{"tripline.health.matcher.x", "matcher", all},
		{"tripline.health.notifier.x", "notifier", all},
		{"tripline.flow.raw.h1", enrichers, sensors},
		{"tripline.flow.raw.h2", nobody, nobody},
		{"tripline.flow.events.3", "matcher", enrichers},
		{"tripline.other", nobody, nobody},
		{">", "-", nobody},
		{inbox + ".x", "sensor-h1", "sensor-h1"}, // sensor-h1's replies
		{"_INBOX.x", nobody, nobody},

		{"$KV.tripline_demand.matcher.x", "matcher", nobody},
		{"$KV.tripline_demand.tail.x", "tail", nobody},
		{"$KV.tripline_demand.record.x", "tail", nobody},
		{"$KV.tripline_demand.configured.x", sensors, nobody},
		{"$KV.tripline_matchers.x", "matcher", nobody},
		{"$KV.tripline_rules.x", nobody, nobody},

		{"$JS.API.STREAM.INFO.TRIPLINE_DETECTIONS", all, nobody},
		{"$JS.API.STREAM.CREATE.TRIPLINE_DETECTIONS", nobody, nobody},
		{"$JS.API.STREAM.UPDATE.TRIPLINE_DETECTIONS", nobody, nobody},
		{"$JS.API.STREAM.DELETE.TRIPLINE_DETECTIONS", nobody, nobody},
		{"$JS.API.STREAM.PURGE.TRIPLINE_DETECTIONS", nobody, nobody},
		{"$JS.API.STREAM.MSG.GET.TRIPLINE_DETECTIONS", nobody, nobody},
		{"$JS.API.STREAM.MSG.DELETE.TRIPLINE_DETECTIONS", nobody, nobody},
		{"$JS.API.DIRECT.GET.TRIPLINE_DETECTIONS", nobody, nobody},
		{"$JS.API.STREAM.PURGE.TRIPLINE_RAW", nobody, nobody},
		{"$JS.API.STREAM.PURGE.TRIPLINE_EVENTS", nobody, nobody},
		{"$JS.API.STREAM.DELETE.KV_tripline_demand", nobody, nobody},
		{"$JS.API.STREAM.LIST", nobody, nobody},
		{"$JS.API.ACCOUNT.PURGE.X", nobody, nobody},

		{"$JS.API.CONSUMER.CREATE.TRIPLINE_RAW.c.tripline.raw.h1", enrichers, nobody},
		{"$JS.API.CONSUMER.CREATE.TRIPLINE_RAW.c.tripline.raw.h2", nobody, nobody},
		{"$JS.API.CONSUMER.CREATE.TRIPLINE_RAW.c", nobody, nobody},
		{"$JS.API.CONSUMER.CREATE.TRIPLINE_EVENTS.c.tripline.events.*.3", "matcher", nobody},
		{"$JS.API.CONSUMER.CREATE.TRIPLINE_DETECTIONS.c", "matcher notifier", nobody},
		{"$JS.API.CONSUMER.CREATE.TRIPLINE_DETECTIONS.c.tripline.detections.*.*.r", "matcher", nobody},
		{"$JS.API.CONSUMER.CREATE.TRIPLINE_DEAD.c", nobody, nobody},
		{"$JS.API.CONSUMER.CREATE.KV_tripline_demand.c.$KV.tripline_demand.>", "-", nobody},
		{"$JS.API.CONSUMER.MSG.NEXT.TRIPLINE_RAW.c", enrichers, nobody},
		{"$JS.API.CONSUMER.MSG.NEXT.TRIPLINE_EVENTS.c", "matcher", nobody},
		{"$JS.API.CONSUMER.MSG.NEXT.TRIPLINE_DETECTIONS.c", "matcher notifier", nobody},
		{"$JS.API.CONSUMER.DELETE.TRIPLINE_RAW.c", enrichers, nobody},
		{"$JS.API.CONSUMER.DELETE.TRIPLINE_EVENTS.c", "matcher", nobody},
		{"$JS.API.CONSUMER.DELETE.TRIPLINE_DETECTIONS.c", "notifier", nobody},
		{"$JS.ACK.TRIPLINE_RAW.c.1.1.1.1.1", enrichers, nobody},
		{"$JS.ACK.TRIPLINE_EVENTS.c.1.1.1.1.1", "matcher", nobody},
		{"$JS.ACK.TRIPLINE_DETECTIONS.c.1.1.1.1.1", "notifier", nobody},
		{"$SYS.REQ.SERVER.PING", nobody, nobody},
	}
}

// Each key is refused on every subject that is not its own.
func TestPermissions(t *testing.T) {
	p := plan(t)
	s := serve(t, p)
	// With the streams in place, what is permitted is also answered.
	bustest.Join(t, s, func(c *bus.Config) { c.NKeyFile = keyFile(p, "admin") })
	table := rows(bus.InboxOf(public(t, keyFile(p, "sensor-h1"))))
	for _, role := range strings.Fields(all) {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			c := raw(t, p, s, role)
			for _, r := range table {
				if r.publish != "-" {
					if got, want := c.mayPublish(t, r.subject), slices.Contains(strings.Fields(r.publish), role); got != want {
						t.Errorf("publish %s: permitted %v, want %v", r.subject, got, want)
					}
				}
				if got, want := c.maySubscribe(t, r.subject), slices.Contains(strings.Fields(r.subscribe), role); got != want {
					t.Errorf("subscribe %s: permitted %v, want %v", r.subject, got, want)
				}
			}
		})
	}
}

// client collects what the server refuses.
type client struct {
	nc *nats.Conn

	mu      sync.Mutex
	refused []string
}

func raw(t testing.TB, p provision.Plan, s *bus.Server, role string) *client {
	t.Helper()
	c := &client{}
	key, err := nats.NkeyOptionFromSeed(keyFile(p, role))
	if err != nil {
		t.Fatal(err)
	}
	c.nc, err = nats.Connect(s.URL(), key, nats.RootCAs(filepath.Join(p.Dir, "ca.crt")),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			if !errors.Is(err, nats.ErrPermissionViolation) {
				t.Error(err)
			}
			c.refused = append(c.refused, err.Error())
		}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.nc.Close)
	return c
}

// settled returns what was refused since the last call. The server answers in
// order, so what it had to say has been said when it answers a ping.
func (c *client) settled(t testing.TB) []string {
	t.Helper()
	if err := c.nc.FlushTimeout(bustest.Wait); err != nil {
		t.Fatal(err)
	}
	// The handler runs beside the reader.
	time.Sleep(2 * time.Millisecond)
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.refused
	c.refused = nil
	return out
}

func (c *client) mayPublish(t testing.TB, subject string) bool {
	t.Helper()
	if err := c.nc.Publish(subject, nil); err != nil {
		t.Fatal(err)
	}
	return !mentions(c.settled(t), "Publish", subject)
}

func (c *client) maySubscribe(t testing.TB, subject string) bool {
	t.Helper()
	sub, err := c.nc.SubscribeSync(subject)
	if err != nil {
		t.Fatal(err)
	}
	refused := c.settled(t)
	_ = sub.Unsubscribe() // the server has dropped it if it refused it
	c.settled(t)
	return !mentions(refused, "Subscription", subject)
}

func mentions(refused []string, what, subject string) bool {
	return slices.ContainsFunc(refused, func(s string) bool {
		return strings.Contains(s, what) && strings.Contains(s, fmt.Sprintf("%q", subject))
	})
}

func public(t testing.TB, file string) string {
	t.Helper()
	seed, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := nkeys.ParseDecoratedNKey(seed)
	if err != nil {
		t.Fatal(err)
	}
	key, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// What each stage needs, it may: a batch goes all the way with every stage
// holding nothing but its own key.
func TestStagesWithTheirKeys(t *testing.T) {
	p := plan(t)
	s := serve(t, p)
	bustest.Join(t, s, func(c *bus.Config) { c.NKeyFile = keyFile(p, "admin") })
	ctx, cancel := context.WithTimeout(t.Context(), bustest.Wait)
	defer cancel()
	sensor, enricher := as(t, p, s, "sensor-h1", nil), as(t, p, s, "enricher-h1", nil)
	matcher, notifier, people := as(t, p, s, "matcher", nil), as(t, p, s, "notifier", nil), as(t, p, s, "tail", nil)

	demands := make(chan []msg.Demand, 16)
	go func() {
		_ = sensor.Demand("sensor").Watch(ctx, func(d []msg.Demand) { demands <- d })
	}()
	for who, d := range map[string]*bus.Demand{"m": matcher.Demand("matcher"), "t": people.Demand("tail"), "c": sensor.Demand("configured")} {
		if err := d.Announce(ctx, msg.Demand{Who: who, Events: []msg.EventDemand{{Name: "ptrace"}}}); err != nil {
			t.Fatal(err)
		}
	}
	for n := 0; n < 3; {
		select {
		case d := <-demands:
			n = len(d)
		case <-ctx.Done():
			t.Fatal("the sensor does not see who needs what")
		}
	}

	shown := make(chan string, 16)
	tailing := make(chan struct{})
	go func() {
		close(tailing)
		_, _ = people.Tail(ctx, "tripline.tail.raw.>", func(subject string, _ []byte) { shown <- subject })
	}()
	<-tailing

	rawPub, err := sensor.RawPublisher("h1")
	if err != nil {
		t.Fatal(err)
	}
	mirror, err := sensor.Mirror(ctx, msg.SubjectTailRaw)
	if err != nil {
		t.Fatal(err)
	}
	in := enricher.RawConsumer("h1")
	if err := in.History(ctx, time.Minute, func(*msg.Batch) error { return nil }); err != nil {
		t.Fatal(err)
	}
	b := batch()
	stored(t, ctx, rawPub, b)
	d, err := in.Receive(ctx)
	if err != nil {
		t.Fatal(err)
	}
	eventsPub, err := enricher.EventsPublisher("h1")
	if err != nil {
		t.Fatal(err)
	}
	stored(t, ctx, eventsPub, d.Value)
	d.Ack(nil)
	parts, err := matcher.PartitionConsumer(ctx, "m")
	if err != nil {
		t.Fatal(err)
	}
	got, err := parts.Receive(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	found, err := matcher.DetectionPublisher()
	if err != nil {
		t.Fatal(err)
	}
	stored(t, ctx, found, &msg.Detection{ID: "1", Host: "h1", Priority: msg.Warning, Rule: msg.RuleInfo{ID: "TRC-2"}})
	got.Ack(nil)
	sinks := notifier.SinkConsumer()
	told, err := sinks.Receive(ctx, "s", 1)
	if err != nil {
		t.Fatal(err)
	}
	dead, err := told[0].Value.Detection()
	if err != nil {
		t.Fatal(err)
	}
	if err := sinks.Bury(ctx, msg.DeadLetter{Sink: "s", Detection: dead, Reason: "test"}); err != nil {
		t.Fatal(err)
	}
	told[0].Ack(nil)
	letters := 0
	if err := notifier.DeadLetters(ctx, "s", func(d bus.Dead) error {
		letters++
		if _, err := notifier.DeadLetter(ctx, d.Seq); err != nil {
			return err
		}
		return notifier.ForgetDead(ctx, d.Seq)
	}); err != nil || letters != 1 {
		t.Fatalf("%d dead letters, %v", letters, err)
	}
	if _, err := sinks.Pending(ctx); err != nil {
		t.Fatal(err)
	}
	for role, b := range map[string]*bus.Bus{"sensor": sensor, "enricher": enricher, "matcher": matcher, "notifier": notifier} {
		if err := b.PublishHeartbeat(ctx, msg.Heartbeat{Stage: role, Instance: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := people.Streams(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := people.Pending(ctx); err != nil {
		t.Fatal(err)
	}
	if demands, err := people.Demands(ctx); err != nil || len(demands) != 3 {
		t.Fatalf("demands %v, %v", demands, err)
	}
	// The mirror asks the server about once a second whether anybody listens.
	for {
		mirror.Show(b)
		select {
		case subject := <-shown:
			if subject != "tripline.tail.raw.h1.ptrace" {
				t.Errorf("shown on %s", subject)
			}
			return
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			t.Fatal("the mirror does not show what people listen to")
		}
	}
}
