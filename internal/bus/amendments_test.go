package bus_test

import (
	"context"
	"testing"

	"github.com/tripline/tripline/internal/bus/bustest"
	"github.com/tripline/tripline/pkg/msg"
)

func TestAmendments(t *testing.T) {
	b := bustest.New(t)
	ctx, cancel := context.WithCancel(context30(t))
	got := make(chan msg.AmendmentJSON, 100)
	ended := make(chan error)
	go func() { ended <- b.WatchAmendments(ctx, func(a msg.AmendmentJSON) { got <- a }) }()
	out := &msg.Batch{Host: "h.example", Amendments: []*msg.Amendment{
		{}, {Time: 1e9, Container: &msg.Container{Id: "c", Name: "web", Completeness: msg.Completeness_COMPLETENESS_COMPLETE}},
	}}
	eventually(t, "an amendment", func() bool {
		if err := b.PublishAmendments(out); err != nil {
			t.Fatal(err)
		}
		return len(got) > 0
	})
	if a := <-got; a.Host != "h.example" || a.Time.Unix() != 1 || a.Container.ID != "c" || a.Container.Name != "web" || a.Container.Completeness != "complete" {
		t.Errorf("amendment is %+v", a)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("watching ended with %v", err)
	}
}
