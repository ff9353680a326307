package notifier_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/policy"
	"github.com/tripline/tripline/pkg/msg"
)

// news is amendments that a test sends.
type news chan msg.AmendmentJSON

func (n news) WatchAmendments(ctx context.Context, f func(msg.AmendmentJSON)) error {
	for {
		select {
		case a := <-n:
			f(a)
		case <-ctx.Done():
			return nil
		}
	}
}

// containers is a sink that notes of which container it was told, and may
// refuse.
type containers struct {
	refuse func() error

	mu  sync.Mutex
	got []string
}

func (c *containers) Deliver(_ context.Context, d *msg.Detection) error {
	if c.refuse != nil {
		if err := c.refuse(); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	text := d.Event.Container.Name + " " + d.Event.Container.Completeness
	if d.Group != nil {
		text += fmt.Sprintf(" %d %v", d.Group.Count, d.Group.By)
	}
	c.got = append(c.got, text)
	return nil
}

// inContainer makes all detections of a store of one container of which little
// is known.
func inContainer(st *store, completeness string) *store {
	for _, d := range st.items {
		d.Host = "h"
		d.Event = &msg.EventJSON{Host: "h", Container: &msg.ContainerJSON{ID: "c1", Completeness: completeness}}
	}
	return st
}

func known(host, id, name, completeness string) msg.AmendmentJSON {
	return msg.AmendmentJSON{Host: host, Container: &msg.ContainerJSON{ID: id, Name: name, Completeness: completeness}}
}

// TestLateKnowledge: what waits to be told is given what becomes known.
func TestLateKnowledge(t *testing.T) {
	alike := policy.Group{By: []string{"container"}, Interval: time.Minute, Max: 100, Samples: 1}
	for _, c := range []struct {
		name  string
		count int
		known string // before
		group *policy.Group
		fails time.Duration
		news  []msg.AmendmentJSON // after ten seconds
		want  []string
	}{
		{"in retry", 2, "partial", nil, time.Minute, []msg.AmendmentJSON{known("h", "c1", "web", "complete")}, []string{"web complete", "web complete"}},
		{"step by step", 1, "none", nil, time.Minute, []msg.AmendmentJSON{known("h", "c1", "web", "partial"), known("h", "c1", "web-1", "complete"), known("h", "c1", "late", "partial")}, []string{"web-1 complete"}},
		{"held for a roll-up", 4, "partial", &alike, 0, []msg.AmendmentJSON{known("h", "c1", "web", "complete")}, []string{" partial", "web complete 3 map[container:web]"}},
		{"told before", 1, "partial", nil, 0, []msg.AmendmentJSON{known("h", "c1", "web", "complete")}, []string{" partial"}},
		{"never", 1, "none", nil, time.Minute, nil, []string{" none"}},
		{"of others", 1, "none", nil, time.Minute, []msg.AmendmentJSON{known("h2", "c1", "web", "complete"), known("h", "c2", "db", "complete")}, []string{" none"}},
		{"of what is known", 1, "complete", nil, time.Minute, []msg.AmendmentJSON{known("h", "c1", "web", "complete")}, []string{" complete"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := inContainer(newStore(c.count), c.known)
				up := time.Now().Add(c.fails)
				s := &containers{refuse: func() error {
					if time.Now().Before(up) {
						return errors.New("not yet")
					}
					return nil
				}}
				n, err := notifier.New(notifier.DefaultConfig(), everything(t), st, st, []notifier.Named{{Name: "s", Sink: s, Group: c.group}}, discard(), prometheus.NewRegistry())
				if err != nil {
					t.Fatal(err)
				}
				late := make(news)
				n.Follow(late)
				ctx, cancel := context.WithCancel(t.Context())
				end := make(chan error, 1)
				go func() { end <- n.Run(ctx) }()
				time.Sleep(10 * time.Second)
				for _, a := range c.news {
					late <- a
				}
				st.done(ctx, "s")
				cancel()
				if err := <-end; err != nil {
					t.Error(err)
				}
				if d := cmp.Diff(c.want, s.got); d != "" {
					t.Error(d)
				}
				for _, d := range st.items {
					if d.Event.Container.Completeness != c.known {
						t.Error("the detection itself was changed, which other sinks share")
					}
				}
			})
		})
	}
}

// TestLateKnowledgeOfDeadLetters: so are letters that are buried.
func TestLateKnowledgeOfDeadLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := inContainer(newStore(1), "none")
		s := &containers{refuse: func() error { return errors.New("never") }}
		n, err := notifier.New(notifier.DefaultConfig(), everything(t), st, st, []notifier.Named{{Name: "s", Sink: s}}, discard(), prometheus.NewRegistry())
		if err != nil {
			t.Fatal(err)
		}
		late := make(news)
		n.Follow(late)
		ctx, cancel := context.WithCancel(t.Context())
		end := make(chan error, 1)
		go func() { end <- n.Run(ctx) }()
		time.Sleep(10 * time.Second)
		late <- known("h", "c1", "web", "complete")
		st.done(ctx, "s")
		cancel()
		if err := <-end; err != nil {
			t.Error(err)
		}
		if len(st.dead) != 1 || st.dead[0].Detection.Event.Container.Name != "web" {
			t.Errorf("buried %+v", st.dead)
		}
	})
}
