package msg

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tripline/tripline/pkg/msg/catalogue"
)

func TestEnvironmentKeeps(t *testing.T) {
	list := []string{"A=1", "SECRET=x", "AB=2", "nothing", "=odd", "A=3", "B="}
	for _, c := range []struct {
		names []string
		want  []string
	}{
		{nil, nil},
		{[]string{"A"}, []string{"A=1", "A=3"}},
		{[]string{"B", "A", "B"}, []string{"A=1", "A=3", "B="}},
		{[]string{""}, []string{"=odd"}},
		{[]string{"nothing"}, nil},
		{[]string{"A", WholeEnvironment}, list},
	} {
		if got := NewEnvironment(c.names...).Keep(list); !slices.Equal(got, c.want) {
			t.Errorf("%q keeps %q, want %q", c.names, got, c.want)
		}
	}
	var none *Environment
	if none.Has("A") || len(none.Names()) != 0 {
		t.Error("nil is not the empty set")
	}
	got := EnvironmentOf([]Demand{{Environment: []string{"B"}}, {}, {Environment: []string{"A", "B"}}}).Names()
	if !slices.Equal(got, []string{"A", "B"}) {
		t.Errorf("two demands ask for %q", got)
	}
}

// TestEnvironmentApply goes through every event of the catalogue that carries
// an environment.
func TestEnvironmentApply(t *testing.T) {
	names := []string{}
	for e := range catalogue.All() {
		i := slices.IndexFunc(e.Params, func(p catalogue.Param) bool { return IsEnvironment(&p) })
		if i < 0 {
			continue
		}
		names = append(names, e.Name)
		var b Builder
		row := b.Process(&Process{Pid: 1, Args: []string{"SECRET=x"}, Env: []string{"SECRET=x", "A=1"}})
		ev := &Event{Type: uint32(e.ID), Process: row, Args: make([]int64, len(e.Params)), Absent: ^(uint64(1) << uint(i))}
		argv := b.List(&StringList{Items: []string{"SECRET=x"}})
		ev.Args[i] = b.List(&StringList{Items: []string{"SECRET=x", "A=1"}, Omitted: 7})
		for j, p := range e.Params {
			if p.Name == "argv" {
				ev.Args[j], ev.Absent = argv, ev.Absent&^(1<<uint(j))
			}
		}
		b.Event(ev)
		batch := b.Take()
		NewEnvironment("A").Apply(batch)
		r := batch.Record(0)
		if got := batch.Lists[ev.Args[i]]; !slices.Equal(got.Items, []string{"A=1"}) || got.Omitted != 7 {
			t.Errorf("%s: the argument became %v", e.Name, got)
		}
		if got := batch.Lists[argv].Items; !slices.Equal(got, []string{"SECRET=x"}) {
			t.Errorf("%s: another list became %q", e.Name, got)
		}
		if p := r.Process(); !slices.Equal(p.Env, []string{"A=1"}) || !slices.Equal(p.Args, []string{"SECRET=x"}) {
			t.Errorf("%s: the process became %q %q", e.Name, p.Args, p.Env)
		}
	}
	want := []string{"execve", "execveat", "sched_process_exec"}
	for _, w := range want {
		if !slices.Contains(names, w) {
			t.Errorf("%s is not among the events with an environment: %s", w, cmp.Diff(want, names))
		}
	}
}
