package enricher

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/tripline/tripline/pkg/msg"
)

// amendments lists those published so far.
func amendments(pub *fakePublisher) (out []*msg.Amendment, in []uint32) {
	for _, b := range pub.batches() {
		for _, a := range b.Amendments {
			out, in = append(out, a), append(in, b.Partition)
		}
	}
	return out, in
}

func TestWhatBecomesKnownLateFollows(t *testing.T) {
	step := &slow{known: map[string]bool{"/known": true}}
	cfg := DefaultConfig()
	cfg.HoldFor = 0
	src := newFakeSource(raw(1, "/new", "/known", "/host"), raw(4, "/new"))
	pub := &fakePublisher{}
	_, _ = start(t, cfg, src, pub, step)
	<-src.idle
	eventually(t, "all acknowledged", func() bool { return src.ack(0) == nil && src.ack(1) == nil })
	if got, _ := amendments(pub); len(got) != 0 {
		t.Fatalf("%d amendments before anything is known", len(got))
	}
	step.learn("/new")
	eventually(t, "an amendment", func() bool { got, _ := amendments(pub); return len(got) > 0 })
	got, in := amendments(pub)
	if len(got) != 1 || got[0].Container.Name != "name of /new" || got[0].Time == 0 {
		t.Errorf("got %v", got)
	}
	if want := Partition(&msg.Process{}, &msg.Container{Id: "/new"}, cfg.Partitions); in[0] != want {
		t.Errorf("in partition %d, the events were in %d", in[0], want)
	}
	last := pub.batches()[len(pub.batches())-1]
	if len(last.Events) != 0 || last.Host != "host" || last.BootId != "boot" {
		t.Errorf("the batch is %v", last)
	}
}

func TestAmendmentsAreBounded(t *testing.T) {
	step := &slow{known: map[string]bool{}}
	cfg := DefaultConfig()
	cfg.HoldFor, cfg.Amendments = 0, 3
	var cgroups []string
	for i := range 50 {
		cgroups = append(cgroups, fmt.Sprintf("/new%d", i))
	}
	src := newFakeSource(raw(1, cgroups...))
	pub := &fakePublisher{}
	e, _ := start(t, cfg, src, pub, step)
	<-src.idle
	eventually(t, "acknowledged", func() bool { return src.ack(0) == nil })
	for _, cg := range cgroups {
		step.learn(cg)
	}
	eventually(t, "amendments", func() bool { c, _ := e.Health(); return c["amended"] == 3 })
	if got, _ := amendments(pub); len(got) != 3 {
		t.Errorf("%d amendments, the bound is 3", len(got))
	}
}

// TestAmendmentThatIsNotStored: it is published again.
func TestAmendmentThatIsNotStored(t *testing.T) {
	step := &slow{known: map[string]bool{}}
	cfg := DefaultConfig()
	cfg.HoldFor = 0
	src := newFakeSource(raw(1, "/new"))
	pub := &fakePublisher{keep: true}
	_, _ = start(t, cfg, src, pub, step)
	var refused atomic.Int32
	answer := func() {
		pub.mu.Lock()
		defer pub.mu.Unlock()
		for i, done := range pub.done {
			if len(pub.out[i].Amendments) > 0 && refused.CompareAndSwap(0, 1) {
				done(errors.New("stream is full"))
			} else if done != nil {
				done(nil)
			}
			pub.done[i] = func(error) {}
		}
	}
	eventually(t, "the event is stored", func() bool { answer(); return src.ack(0) == nil })
	step.learn("/new")
	eventually(t, "two attempts", func() bool { answer(); got, _ := amendments(pub); return len(got) == 2 })
}
