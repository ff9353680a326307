package provision_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/internal/bus/bustest"
	"github.com/tripline/tripline/internal/bus/provision"
	"github.com/tripline/tripline/pkg/msg"
)

// The leader of the detections is killed three times while matchers publish:
// none is lost, none doubled.
func TestClusterLosesItsLeader(t *testing.T) {
	t.Parallel()
	const total = 3000
	p := provision.DefaultPlan()
	p.Dir, p.StoreDir = t.TempDir(), ""
	p.Servers = []string{"127.0.0.2", "127.0.0.3", "127.0.0.4"}
	ports := free(t, 2)
	p.ClientPort, p.ClusterPort = ports[0], ports[1]
	cluster := servers(t, p)
	start(t, cluster[p.Servers[0]], cluster[p.Servers[1]], cluster[p.Servers[2]])
	dial(t, p, "admin", func(c *bus.Config) { c.Streams.Replicas, c.Manage = 3, true }, p.Servers...)
	js := jetStream(t, p, p.Servers...)
	matcher := dial(t, p, "matcher", nil, p.Servers...)
	found, err := matcher.DetectionPublisher()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*bustest.Wait)
	defer cancel()

	next := make(chan int) // how many have been handed over so far
	var stored sync.WaitGroup
	go func() {
		defer close(next)
		for i := range total {
			stored.Add(1)
			err := found.Publish(ctx, &msg.Detection{ID: fmt.Sprint("d", i), Host: "h", Priority: msg.Warning, Rule: msg.RuleInfo{ID: "R"}}, func(err error) {
				if err != nil {
					t.Errorf("detection %d: %v", i, err)
				}
				stored.Done()
			})
			if err != nil {
				t.Error(err)
				stored.Done()
				return
			}
			if i%100 == 0 {
				next <- i
			}
			time.Sleep(time.Millisecond)
		}
	}()
	kills := 0
	for i := range next {
		if i%900 != 600 || kills == 3 {
			continue
		}
		leader := leaderOf(t, ctx, js)
		cluster[leader].kill()
		kills++
		t.Logf("after %d detections the leader %s was killed", i, leader)
		go func() {
			time.Sleep(time.Second)
			cluster[leader].run(t)
		}()
	}
	if kills != 3 {
		t.Fatalf("killed %d leaders, want 3", kills)
	}
	stored.Wait()
	ids := idsStored(t, ctx, js)
	if len(ids) != total {
		t.Errorf("%d detections are stored, want %d", len(ids), total)
	}
	seen := map[string]int{}
	for _, id := range ids {
		seen[id]++
	}
	var wrong []string
	for i := range total {
		if n := seen[fmt.Sprint("d", i)]; n != 1 {
			wrong = append(wrong, fmt.Sprintf("%d: %d times", i, n))
		}
	}
	if len(wrong) > 0 {
		t.Errorf("%d detections are not stored once: %s …", len(wrong), strings.Join(wrong[:min(len(wrong), 10)], ", "))
	}
}

// jetStream joins as the admin, past the bus.
func jetStream(t testing.TB, p provision.Plan, names ...string) jetstream.JetStream {
	t.Helper()
	key, err := nats.NkeyOptionFromSeed(keyFile(p, "admin"))
	if err != nil {
		t.Fatal(err)
	}
	url := ""
	for _, n := range names {
		url += fmt.Sprintf("tls://%s:%d,", n, p.ClientPort)
	}
	nc, err := nats.Connect(url[:len(url)-1], key, nats.RootCAs(filepath.Join(p.Dir, "ca.crt")), nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// leaderOf waits until the stream has a leader that all replicas follow.
func leaderOf(t testing.TB, ctx context.Context, js jetstream.JetStream) string {
	t.Helper()
	for ctx.Err() == nil {
		s, err := js.Stream(ctx, bus.StreamDetections)
		if err == nil {
			c := s.CachedInfo().Cluster
			current := 0
			for _, r := range c.Replicas {
				if r.Current && !r.Offline {
					current++
				}
			}
			if c.Leader != "" && current == 2 {
				return c.Leader
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the stream has no leader")
	return ""
}

// idsStored reads the ids of all detections, by their numbers in the stream.
func idsStored(t testing.TB, ctx context.Context, js jetstream.JetStream) (ids []string) {
	t.Helper()
	leaderOf(t, ctx, js)
	for seq := uint64(1); ; {
		s, err := js.Stream(ctx, bus.StreamDetections)
		if err != nil {
			continue
		}
		if seq > s.CachedInfo().State.LastSeq {
			return ids
		}
		m, err := s.GetMsg(ctx, seq)
		switch {
		case err == nil:
			ids = append(ids, m.Header.Get(jetstream.MsgIDHeader))
			seq++
		case ctx.Err() != nil:
			t.Fatalf("detection %d: %v", seq, err)
		}
	}
}
