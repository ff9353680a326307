package provision_test

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/internal/bus/bustest"
	"github.com/tripline/tripline/internal/bus/provision"
	"github.com/tripline/tripline/pkg/msg"
)

// The hub goes away while an edge goes on finding things: afterwards the hub
// has all of them, once and in order. TRIPLINE_HUB_AWAY says for how long.
func TestHubAway(t *testing.T) {
	t.Parallel()
	away, err := time.ParseDuration(cmp.Or(os.Getenv("TRIPLINE_HUB_AWAY"), "3s"))
	if err != nil {
		t.Fatal(err)
	}
	p := provision.DefaultPlan()
	p.Dir, p.StoreDir = t.TempDir(), ""
	p.Servers, p.Edges = []string{"127.0.0.5"}, []string{"edge-1", "edge-2"}
	ports := free(t, 3)
	p.ClientPort, p.ClusterPort, p.LeafPort = ports[0], ports[1], ports[2]
	hub := servers(t, p)["127.0.0.5"]
	edge := servers(t, p)["edge-1"]
	ctx, cancel := context.WithTimeout(t.Context(), away+4*bustest.Wait)
	defer cancel()

	// The edge serves while the hub has never been there.
	edge.run(t)
	local := bustest.Dial(t, fmt.Sprintf("nats://127.0.0.1:%d", p.ClientPort), func(c *bus.Config) { c.ConnectWait = bustest.Wait })
	found, err := local.DetectionPublisher()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	var want []string
	publish := func(count int) {
		t.Helper()
		for range count {
			n++
			id := fmt.Sprint("edge-1/", n)
			want = append(want, id)
			stored(t, ctx, found, &msg.Detection{ID: id, Host: "edge-1", Priority: msg.Warning, Rule: msg.RuleInfo{ID: "R"}})
		}
	}
	publish(100)
	hub.run(t)
	dial(t, p, "admin", func(c *bus.Config) { c.Streams.Edges, c.Manage = p.Edges, true }, p.Servers...)
	notifier := dial(t, p, "notifier", func(c *bus.Config) { c.Consumer.SinkLookback = time.Hour }, p.Servers...)
	sink := notifier.SinkConsumer()
	// A sink's answer can die with the hub; the notifier knows what comes again
	// by its id.
	var got []string
	seen := map[string]bool{}
	receive := func() time.Duration {
		t.Helper()
		started := time.Now()
		for len(got) < n {
			all, err := sink.Receive(ctx, "s", 100)
			if err != nil {
				t.Fatalf("after %d of %d detections: %v", len(got), n, err)
			}
			for _, d := range all {
				d.Ack(nil)
				if id := d.Value.ID; !seen[id] {
					seen[id] = true
					got = append(got, id)
				}
			}
		}
		return time.Since(started)
	}
	receive()
	publish(100)
	receive()

	hub.kill()
	started := time.Now()
	publish(1000)
	t.Logf("1,000 detections were stored at the edge in %s while the hub was away", time.Since(started).Round(time.Millisecond))
	time.Sleep(away - time.Since(started))
	publish(100)
	hub.run(t)
	t.Logf("they were at a sink of the hub %s after it was back", receive().Round(time.Millisecond))
	if !slices.Equal(got, want) {
		t.Errorf("got %d detections, want %d in their order", len(got), len(want))
		for i := range want {
			if i >= len(got) || got[i] != want[i] {
				t.Errorf("the first that differs is number %d", i)
				break
			}
		}
	}
	// Each is stored once at the hub, by whichever way it could have come.
	infos, err := notifier.Streams(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if have := infos[2].Messages; have != uint64(n) {
		t.Errorf("the hub has stored %d detections, want %d", have, n)
	}
}

// By choice an edge's events go to the matchers of the hub, whose demand goes
// to the edge's sensor.
func TestEventsOfAnEdge(t *testing.T) {
	t.Parallel()
	p := provision.DefaultPlan()
	p.Dir, p.StoreDir = t.TempDir(), ""
	p.Servers, p.Edges = []string{"127.0.0.6"}, []string{"edge-1"}
	ports := free(t, 3)
	p.ClientPort, p.ClusterPort, p.LeafPort = ports[0], ports[1], ports[2]
	both := servers(t, p)
	start(t, both["127.0.0.6"], both["edge-1"])
	ctx, cancel := context.WithTimeout(t.Context(), 4*bustest.Wait)
	defer cancel()
	edge := bustest.Dial(t, fmt.Sprintf("nats://127.0.0.1:%d", p.ClientPort), func(c *bus.Config) {
		c.ConnectWait, c.Streams.HubDemand = bustest.Wait, true
	})
	dial(t, p, "admin", func(c *bus.Config) { c.Streams.Edges, c.Streams.EdgeEvents, c.Manage = p.Edges, true, true }, p.Servers...)
	hub := dial(t, p, "matcher", nil, p.Servers...)

	if err := hub.Demand("matcher").Announce(ctx, msg.Demand{Who: "m", Events: []msg.EventDemand{{Name: "ptrace"}}}); err != nil {
		t.Fatal(err)
	}
	asked := make(chan string, 1)
	go func() {
		_ = edge.Demand("sensor").Watch(ctx, func(all []msg.Demand) {
			for _, d := range all {
				select {
				case asked <- d.Who:
				default:
				}
			}
		})
	}()
	select {
	case who := <-asked:
		if who != "m" {
			t.Errorf("asked by %s", who)
		}
	case <-ctx.Done():
		t.Fatal("the edge does not see what the hub needs")
	}
	events, err := edge.EventsPublisher("h1")
	if err != nil {
		t.Fatal(err)
	}
	stored(t, ctx, events, batch())
	parts, err := hub.PartitionConsumer(ctx, "m")
	if err != nil {
		t.Fatal(err)
	}
	d, err := parts.Receive(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	d.Ack(nil)
	if d.Value.Host != "h1" || len(d.Value.Events) != 1 {
		t.Errorf("got %v", d.Value)
	}
}
