package process

import (
	"slices"

	"github.com/tripline/tripline/pkg/msg"
)

// maxEnviron bounds how much of an environment is read, in bytes: as much as
// the sensor carries of one.
const maxEnviron = 4 << 10

// ask takes out of a batch what nobody asked for of environments, and notes
// what is asked for: what is no longer is forgotten, what is news is read from
// /proc of those processes that events go on to name.
func (s *Step) ask(t *table, b *msg.Batch, again bool) {
	if len(b.Processes) == 0 {
		return // says nothing
	}
	if !again && !slices.Equal(b.Environment, t.env.Names()) {
		before, now := t.env, msg.NewEnvironment(b.Environment...)
		t.env = now
		if !covers(before, now) {
			t.asked++
		}
		if !covers(now, before) {
			t.forget(now)
		}
	}
	t.env.Apply(b)
	s.reader.env = t.env
}

// covers says whether all that b asks for is in a.
func covers(a, b *msg.Environment) bool {
	return !slices.ContainsFunc(b.Names(), func(name string) bool { return !a.Has(name) })
}

// forget drops the variables that are not in a set.
func (t *table) forget(env *msg.Environment) {
	for _, n := range t.byPID {
		for ; n != nil; n = n.older {
			if kept := env.Keep(n.row.Env); len(kept) < len(n.row.Env) {
				row := copyRow(n.row)
				row.Env = kept
				n.row = row
			}
		}
	}
}

// environment completes a process's environment by what was asked for only
// since it started its program.
func (s *Step) environment(t *table, n *node) {
	if n.asked >= t.asked || n.dead || n.evicted || !t.local || s.replayed || n.row.Exe == nil || !s.budget.take() {
		return
	}
	n.asked = t.asked
	if env := t.env.Keep(s.reader.environ(n.pid, n.ticks)); len(env) > 0 {
		row := copyRow(n.row)
		row.Env = s.intern.list(env)
		n.row = row
	}
}

// environ returns the environment of a process that started at that time: the
// first 4 KiB of what is in its memory where the program found it when it
// started.
func (r *reader) environ(pid int32, wantTicks uint64) []string {
	env := splitArgs(r.memory(r.path(pid, "environ"), maxEnviron))
	if st, err := r.stat(pid); err != nil || st.startTicks != wantTicks {
		return nil
	}
	return env
}
