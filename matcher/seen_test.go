package matcher

import (
	"math/rand/v2"
	"testing"

	"github.com/tripline/tripline/pkg/msg"
)

// TestSeenAgainstSet compares the ring with a plain set over random walks.
func TestSeenAgainstSet(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		const bits = 256
		s := newSeen(bits)
		w := s.of(&msg.Batch{Host: "h"})
		set := make(map[uint64]bool)
		high, at := uint64(0), r.Uint64N(1000)
		for step := range 2000 {
			switch r.IntN(10) {
			case 0:
				at -= min(at, r.Uint64N(400))
			case 1:
				at += r.Uint64N(600)
			default:
				at += r.Uint64N(3)
			}
			high = max(high, at)
			got, want := w.mark(at), set[at] && high-at < bits
			if got != want {
				t.Fatalf("seed %d, step %d: mark(%d) = %v, want %v (highest %d)", seed, step, at, got, want, high)
			}
			if high-at < bits {
				set[at] = true
			}
		}
	}
}

func TestSeenForgetsOldestHost(t *testing.T) {
	s := newSeen(64)
	of := func(n int) *window { return s.of(&msg.Batch{Host: string(rune('A' + n))}) }
	of(0).mark(5)
	for n := 1; n < maxOrigins; n++ {
		of(n)
	}
	of(0) // not the oldest any more
	of(maxOrigins)
	if len(s.origins) != maxOrigins {
		t.Errorf("%d hosts are remembered, want %d", len(s.origins), maxOrigins)
	}
	if !of(0).mark(5) {
		t.Error("the host heard of last but one was forgotten")
	}
	if of(1).mark(5) {
		t.Error("a new window knows a number")
	}
}

func TestKeptIsBoundedAndACopy(t *testing.T) {
	var k kept
	d := &msg.Detection{ID: "1", Data: map[string]any{"big": uint64(1<<63 + 1), "s": "x"}, Event: &msg.EventJSON{Seq: 7}}
	for range maxUnstored {
		if !k.add(d) {
			t.Fatal("refused before the bound")
		}
	}
	if k.add(d) {
		t.Error("no bound")
	}
	list := k.take()
	if len(list) != maxUnstored || len(k.take()) != 0 {
		t.Errorf("took %d", len(list))
	}
	if c := list[0]; c == d || c.Event == d.Event || c.Event.Seq != 7 || c.Data["s"] != "x" {
		t.Errorf("copy %+v", c)
	}
	again, err := copyDetection(list[0])
	if err != nil || again.Data["big"] != list[0].Data["big"] {
		t.Errorf("a large number changed: %v, %v", again.Data["big"], err)
	}
}

func TestEither(t *testing.T) {
	arg := func(name, op string, values ...string) msg.ArgDemand {
		return msg.ArgDemand{Name: name, Op: op, Values: values}
	}
	for _, c := range []struct {
		name       string
		a, b, want []msg.ArgDemand
	}{
		{"one wants all", []msg.ArgDemand{arg("x", "=", "1")}, nil, nil},
		{"values are joined", []msg.ArgDemand{arg("x", "=", "2", "1")}, []msg.ArgDemand{arg("x", "=", "1", "3")}, []msg.ArgDemand{arg("x", "=", "1", "2", "3")}},
		{"another argument", []msg.ArgDemand{arg("x", "=", "1")}, []msg.ArgDemand{arg("y", "=", "1")}, nil},
		{"another operator", []msg.ArgDemand{arg("x", "=", "1")}, []msg.ArgDemand{arg("x", "prefix", "1")}, nil},
		{"only what both have", []msg.ArgDemand{arg("x", "=", "1"), arg("y", "=", "1")}, []msg.ArgDemand{arg("y", "=", "2")}, []msg.ArgDemand{arg("y", "=", "1", "2")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 2 { // both ways
				got := either(c.a, c.b)
				if len(got) != len(c.want) || len(got) > 0 && (got[0].Name != c.want[0].Name || len(got[0].Values) != len(c.want[0].Values)) {
					t.Errorf("got %v, want %v", got, c.want)
				}
				c.a, c.b = c.b, c.a
			}
		})
	}
}
