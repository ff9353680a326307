package sensor

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// TestEnvironmentIsAskedFor: only variables that are asked for leave, from
// the moment on in which they are asked for.
func TestEnvironmentIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		more := make(chan struct{})
		made := func() *msg.Batch {
			b := batchOf(t, "sched_process_exec")
			list := &msg.StringList{Items: []string{"SECRET=hunter2", "A=1", "B=2"}}
			for i := range b.Lists {
				if b.Lists[i].Items[1] == "env" {
					b.Lists[i] = list
				}
			}
			b.Processes[0].Env = list.Items
			return b
		}
		src := &script{run: func(ctx context.Context, emit func(*msg.Batch)) error {
			for range more {
				emit(made())
			}
			return nil
		}}
		p, demands := &tape{}, board{make(chan []msg.Demand)}
		s, err := New(DefaultConfig(), "h", "boot", src, p, demands, discard(), prometheus.NewRegistry())
		if err != nil {
			t.Fatal(err)
		}
		end := make(chan error, 1)
		go func() { end <- s.Run(t.Context()) }()
		var want []string
		for _, step := range []struct {
			demands []msg.Demand
			want    string
		}{
			{nil, ""},
			{[]msg.Demand{{Environment: []string{"A"}}, wants("ptrace")}, "A=1"},
			{[]msg.Demand{{Environment: []string{"A"}}, {Environment: []string{"B"}}}, "A=1 B=2"},
			{[]msg.Demand{{Environment: []string{"B"}}}, "B=2"},
			{[]msg.Demand{wants("ptrace")}, ""},
			{[]msg.Demand{{Environment: []string{msg.WholeEnvironment}}}, "SECRET=hunter2 A=1 B=2"},
		} {
			if step.demands != nil {
				demands.ch <- step.demands
			}
			synctest.Wait()
			more <- struct{}{}
			synctest.Wait()
			want = append(want, step.want)
		}
		close(more)
		if err := <-end; err != nil {
			t.Fatal(err)
		}
		var row, arg []string
		for _, b := range p.all() {
			for i := range b.Events {
				r := b.Record(i)
				row = append(row, strings.Join(r.Process().Env, " "))
				e := b.Events[i]
				at := catalogue.ByID(catalogue.ID(e.Type)).Param("env")
				arg = append(arg, strings.Join(b.Lists[e.Args[at]].Items, " "))
				if strings.Contains(b.String(), "hunter2") != strings.Contains(row[len(row)-1], "hunter2") {
					t.Errorf("a batch holds what nobody asked for: %v", b)
				}
				if asked := len(b.Environment) > 0; asked != (row[len(row)-1] != "") {
					t.Errorf("the batch says %q and holds %q", b.Environment, row[len(row)-1])
				}
			}
		}
		if !slices.Equal(row, want) {
			t.Errorf("processes have %q, want %q", row, want)
		}
		if !slices.Equal(arg, want) {
			t.Errorf("arguments have %q, want %q", arg, want)
		}
	})
}
