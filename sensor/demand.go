package sensor

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

// union puts demands together: every event that anybody wants, with only the
// conditions that hold for everybody who wants it. It is sorted by name.
func union(demands []msg.Demand) []msg.EventDemand {
	byName := map[string]msg.EventDemand{}
	for _, d := range demands {
		for _, e := range d.Events {
			have, ok := byName[e.Name]
			if !ok {
				byName[e.Name] = msg.EventDemand{Name: e.Name, Args: normal(e.Args)}
				continue
			}
			have.Args = either(have.Args, normal(e.Args))
			byName[e.Name] = have
		}
	}
	return slices.SortedFunc(maps.Values(byName), func(a, b msg.EventDemand) int { return cmp.Compare(a.Name, b.Name) })
}

// normal sorts conditions and leaves one for each argument and operator. Two
// conditions on the same argument must both hold; the first alone asks for
// more events, never for fewer.
func normal(args []msg.ArgDemand) []msg.ArgDemand {
	out := slices.Clone(args)
	slices.SortStableFunc(out, compareArgs)
	return slices.CompactFunc(out, func(a, b msg.ArgDemand) bool { return compareArgs(a, b) == 0 })
}

func compareArgs(a, b msg.ArgDemand) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Op, b.Op))
}

// either returns conditions that hold wherever those of a or those of b do:
// where both speak of the same argument, it has a value of one or the other.
func either(a, b []msg.ArgDemand) []msg.ArgDemand {
	var out []msg.ArgDemand
	for _, x := range a {
		i, ok := slices.BinarySearchFunc(b, x, compareArgs)
		if !ok {
			continue
		}
		values := append(slices.Clone(x.Values), b[i].Values...)
		slices.Sort(values)
		x.Values = slices.Compact(values)
		out = append(out, x)
	}
	return out
}

// demand follows what is needed and tells the source.
type demand struct {
	s    *Sensor
	wake chan struct{}

	// environment is what may leave of environments.
	environment atomic.Pointer[msg.Environment]

	mu      sync.Mutex
	latest  []msg.Demand
	applied []msg.EventDemand
	known   bool
	missing map[string]string
	enabled []string
}

// run watches the demands until the context ends.
func (d *demand) run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { d.apply(ctx) })
	for ctx.Err() == nil {
		err := d.s.demands.Watch(ctx, func(all []msg.Demand) {
			d.mu.Lock()
			d.latest = slices.Clone(all)
			d.mu.Unlock()
			d.askEnvironment(all)
			select {
			case d.wake <- struct{}{}:
			default:
			}
		})
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("ended")
		}
		// What was asked for last stays enabled meanwhile.
		d.s.log.Warn("cannot follow what is needed, trying again", "error", err)
		sleep(ctx, time.Second)
	}
}

// askEnvironment puts what is asked for of environments into force.
func (d *demand) askEnvironment(all []msg.Demand) {
	env := msg.EnvironmentOf(all)
	before := d.environment.Swap(env)
	if on, off := difference(env.Names(), before.Names()), difference(before.Names(), env.Names()); len(on)+len(off) > 0 {
		d.s.log.Info("environment variables that are asked for changed", "on", brief(on), "off", brief(off))
	}
}

// apply hands changes to the source, collected for a moment.
func (d *demand) apply(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
		}
		d.mu.Lock()
		want := union(d.latest)
		same := d.known && slices.EqualFunc(want, d.applied, equalDemand)
		d.mu.Unlock()
		if same {
			continue
		}
		missing := d.s.src.Want(want)
		d.record(want, missing, d.s.src.Enabled())
		sleep(ctx, d.s.cfg.DemandDelay)
	}
}

func equalDemand(a, b msg.EventDemand) bool {
	return a.Name == b.Name && slices.EqualFunc(a.Args, b.Args, func(x, y msg.ArgDemand) bool {
		return compareArgs(x, y) == 0 && slices.Equal(x.Values, y.Values)
	})
}

// record keeps what is enabled now and logs what changed.
func (d *demand) record(want []msg.EventDemand, missing map[string]string, enabled []string) {
	enabled = slices.Sorted(slices.Values(enabled))
	d.mu.Lock()
	before, lacked := d.enabled, d.missing
	d.applied, d.known, d.missing, d.enabled = want, true, missing, enabled
	d.mu.Unlock()
	on, off := difference(enabled, before), difference(before, enabled)
	if len(on)+len(off) > 0 {
		d.s.log.Info("kernel events changed", "enabled", len(enabled), "on", brief(on), "off", brief(off))
	}
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		if lacked[name] != missing[name] {
			d.s.log.Warn("an event that is needed cannot be had", "event", name, "reason", missing[name])
		}
	}
	d.s.metrics.enabled.Set(float64(len(enabled)))
	d.s.metrics.missing.Set(float64(len(missing)))
}

// difference returns what is in a and not in b; both are sorted.
func difference(a, b []string) []string {
	var out []string
	for _, x := range a {
		if _, ok := slices.BinarySearch(b, x); !ok {
			out = append(out, x)
		}
	}
	return out
}

// brief shortens a list for a log line.
func brief(names []string) []string {
	const most = 12
	if len(names) <= most {
		return names
	}
	return append(slices.Clone(names[:most]), "…")
}

// sleep waits, less when the context ends.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
