package sensor

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tripline/tripline/pkg/msg"
)

func arg(name, op string, values ...string) msg.ArgDemand {
	return msg.ArgDemand{Name: name, Op: op, Values: values}
}

func wants(name string, args ...msg.ArgDemand) msg.Demand {
	return msg.Demand{Events: []msg.EventDemand{{Name: name, Args: args}}}
}

func TestUnion(t *testing.T) {
	for _, c := range []struct {
		name    string
		demands []msg.Demand
		want    []msg.EventDemand
	}{
		{"nobody", nil, nil},
		{"sorted", []msg.Demand{wants("ptrace"), wants("openat")}, []msg.EventDemand{{Name: "openat"}, {Name: "ptrace"}}},
		{
			"one with conditions",
			[]msg.Demand{wants("ptrace", arg("request", "=", "PTRACE_TRACEME"))},
			[]msg.EventDemand{{Name: "ptrace", Args: []msg.ArgDemand{arg("request", "=", "PTRACE_TRACEME")}}},
		},
		{
			"another without",
			[]msg.Demand{wants("ptrace", arg("request", "=", "PTRACE_TRACEME")), wants("ptrace")},
			[]msg.EventDemand{{Name: "ptrace"}},
		},
		{"other values", []msg.Demand{
			wants("ptrace", arg("request", "=", "PTRACE_TRACEME")),
			wants("ptrace", arg("request", "=", "PTRACE_ATTACH", "PTRACE_TRACEME")),
		}, []msg.EventDemand{{Name: "ptrace", Args: []msg.ArgDemand{arg("request", "=", "PTRACE_ATTACH", "PTRACE_TRACEME")}}}},
		{"other arguments", []msg.Demand{
			wants("openat", arg("pathname", "prefix", "/etc"), arg("flags", "=", "O_RDWR")),
			wants("openat", arg("pathname", "prefix", "/root")),
		}, []msg.EventDemand{{Name: "openat", Args: []msg.ArgDemand{arg("pathname", "prefix", "/etc", "/root")}}}},
		{"other operators", []msg.Demand{
			wants("openat", arg("pathname", "prefix", "/etc")),
			wants("openat", arg("pathname", "=", "/etc/shadow")),
		}, []msg.EventDemand{{Name: "openat"}}},
		{
			"one argument twice",
			[]msg.Demand{wants("openat", arg("pathname", "prefix", "/etc"), arg("pathname", "prefix", "/etc/s"))},
			[]msg.EventDemand{{Name: "openat", Args: []msg.ArgDemand{arg("pathname", "prefix", "/etc")}}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := union(c.demands)
			for i := range got {
				if len(got[i].Args) == 0 {
					got[i].Args = nil
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestDemandReachesTheSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &script{
			run:     func(ctx context.Context, _ func(*msg.Batch)) error { <-ctx.Done(); return nil },
			missing: map[string]string{"bpf": "kernel 4.18 is too old"},
		}
		b := board{make(chan []msg.Demand)}
		s, err := New(DefaultConfig(), "h", "boot", src, &tape{}, b, discard(), prometheus.NewRegistry())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		end := make(chan error)
		go func() { end <- s.Run(ctx) }()
		synctest.Wait()
		if err := s.Ready(); !errors.Is(err, errNoDemand) {
			t.Errorf("Ready = %v before any demand", err)
		}
		b.ch <- []msg.Demand{wants("ptrace")}
		synctest.Wait()
		if err := s.Ready(); err != nil {
			t.Errorf("Ready = %v", err)
		}
		// A burst of changes leads to one more call with the last of them, the
		// same demand again to none.
		for _, name := range []string{"openat", "connect", "bpf"} {
			b.ch <- []msg.Demand{wants("ptrace"), wants(name)}
		}
		time.Sleep(time.Second)
		b.ch <- []msg.Demand{wants("bpf"), wants("ptrace")}
		time.Sleep(time.Second)
		var got [][]string
		src.mu.Lock()
		for _, w := range src.wants {
			var names []string
			for _, e := range w {
				names = append(names, e.Name)
			}
			got = append(got, names)
		}
		src.mu.Unlock()
		if d := cmp.Diff([][]string{{"ptrace"}, {"bpf", "ptrace"}}, got); d != "" {
			t.Error(d)
		}
		_, detail := s.Health()
		if d := cmp.Diff(map[string]string{"bpf": "kernel 4.18 is too old"}, detail["missing"]); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]string{"sched_process_fork", "bpf", "ptrace"}, detail["enabled"]); d != "" {
			t.Error(d)
		}
		cancel()
		if err := <-end; err != nil {
			t.Error(err)
		}
	})
}
