package expr

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/matcher/expr/falco/fields"
)

// refs are the ways in which a field can be named, with an argument or without.
func refs(t *testing.T, table *fields.Table, d *fields.Def) (out []*fields.Ref) {
	t.Helper()
	for _, arg := range []string{"", "0", "1", "PATH"} {
		if r, err := table.Resolve(d.Name, arg, arg != ""); err == nil {
			out = append(out, r)
		}
	}
	for _, arg := range []string{".cpu"} {
		if r, err := table.Resolve(d.Name+arg, "", false); err == nil {
			out = append(out, r)
		}
	}
	if len(out) == 0 {
		t.Errorf("no way to name %s", d.Name)
	}
	return out
}

// shown is all that a getter says.
func shown(g *fields.Getter) (out string) {
	say := func(v any, ok bool) { out += fmt.Sprintf("%v %t;", v, ok) }
	if g.N != nil {
		for i := range g.N() {
			switch {
			case g.StrAt != nil:
				v, ok := g.StrAt(i)
				say(v, ok)
			case g.NumAt != nil:
				v, ok := g.NumAt(i)
				say(v, ok)
			}
		}
		return out
	}
	if g.Str != nil {
		v, ok := g.Str()
		say(v, ok)
	}
	if g.Num != nil {
		v, ok := g.Num()
		say(v, ok)
	}
	if g.Float != nil {
		v, ok := g.Float()
		say(v, ok)
	}
	if g.IP != nil {
		v, ok := g.IP()
		say(v, ok)
	}
	if g.List != nil {
		v, ok := g.List()
		say(v, ok)
	}
	return out
}

// TestOfProcess: what is said to be the process's is the same for all events of
// a process in a batch, and what is said to be the event's is not.
func TestOfProcess(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 9))
	view, table := fields.NewEvent(), fields.NewTable(nil)
	differs := map[string]bool{}
	for range 300 {
		first := map[string]string{}
		for _, rec := range randomRecords(r, 8) {
			view.Set(rec)
			n, ok := view.Process()
			if !ok {
				continue
			}
			for _, d := range table.All() {
				if d.Missing != "" || !d.OfProcess && !d.Has(fields.OfEvent) {
					continue
				}
				for _, ref := range refs(t, table, d) {
					key := fmt.Sprint(n, " ", ref.Text)
					now := shown(view.Bind(ref))
					before, known := first[key]
					if first[key] = now; !known || now == before {
						continue
					}
					if differs[d.Name] = true; d.OfProcess {
						t.Fatalf("%s is %s and %s for events of one process", ref.Text, before, now)
					}
				}
			}
		}
	}
	for _, d := range table.All() {
		if d.Has(fields.OfEvent) && !differs[d.Name] {
			t.Errorf("%s is the same for all events of a process", d.Name)
		}
	}
}

// TestFollows: a field that follows from another is absent or what is said to
// follow, and always absent without the other.
func TestFollows(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 10))
	view, table := fields.NewEvent(), fields.NewTable(nil)
	present, absent := map[string]int{}, map[string]int{}
	for range 500 {
		for _, rec := range randomRecords(r, 4) {
			view.Set(rec)
			for _, d := range table.All() {
				if d.Base == "" {
					continue
				}
				ref, err := table.Resolve(d.Name, "", false)
				if err != nil {
					t.Fatal(err)
				}
				got, ok := view.Bind(ref).Str()
				want, can := view.Presumed(ref).Str()
				if ok && (!can || got != want) {
					t.Fatalf("%s is %q; %q follows (%t)", d.Name, got, want, can)
				}
				if ok {
					present[d.Name]++
				} else if can {
					absent[d.Name]++
				}
			}
		}
	}
	if len(present) < 2 || len(absent) < 2 {
		t.Errorf("present: %v, absent all the same: %v", present, absent)
	}
}

// TestColumns: values that do not come again are not remembered for ever, nor
// are long ones.
func TestColumns(t *testing.T) {
	text, present := "", true
	src := fields.NewEvent()
	c := &column{src: src, text: func() (string, bool) { return text, present }, known: map[string]*value{}}
	asked := 0
	test := c.remembered(func() bool { asked++; return text == "x" })
	for range columnTests - 1 {
		c.remembered(func() bool { return false })
	}
	rec := randomRecords(rand.New(rand.NewPCG(1, 1)), 1)[0]
	ask := func(s string, ok bool) bool {
		text, present = s, ok
		src.Set(rec)
		return test()
	}
	for range 5 {
		if !ask("x", true) || ask("y", true) || ask("", false) {
			t.Fatal("a wrong answer")
		}
	}
	if asked != 3 {
		t.Errorf("asked %d times about three values", asked)
	}
	long := string(make([]byte, columnLength+1))
	for range 5 {
		ask(long, true)
	}
	if asked != 8 || len(c.known) != 2 {
		t.Errorf("%d values are known after a long one, asked %d times", len(c.known), asked)
	}
	for i := range columnRest {
		if ask(fmt.Sprint(i), true) {
			t.Fatal("a wrong answer")
		}
	}
	if len(c.known) > columnTrial+2 {
		t.Errorf("%d values are known although none came again", len(c.known))
	}
	if !ask("x", true) {
		t.Error("a wrong answer while the field rests")
	}
	c.rest = 0
	for i := range 3 * columnValues {
		ask(fmt.Sprint("v", i), true)
		ask(fmt.Sprint("v", i), true)
		ask(fmt.Sprint("v", i), true)
	}
	if len(c.known) > columnValues {
		t.Errorf("%d values are known", len(c.known))
	}
}

// TestChoose: rules that are left out are those that find nothing, and with the
// rules that come with Tripline these are nearly all.
func TestChoose(t *testing.T) {
	prog := loadAll(t, DefaultConfig())
	w, err := prog.newWorker(false)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(2, 3))
	serial, chosen, enabled := uint64(0), 0, 0
	for range 50 {
		for _, rec := range randomRecords(r, 16) {
			serial++
			last := int32(-1)
			for _, i := range w.Choose(&matcher.Event{Record: rec, Serial: serial}) {
				if i <= last || !prog.loaded[i].Enabled {
					t.Fatalf("rule %d after %d, enabled: %t", i, last, prog.loaded[i].Enabled)
				}
				last = i
				chosen++
			}
			for _, rule := range prog.loaded {
				if rule.Enabled && rule.Types.Has(w.event.Type()) {
					enabled++
				}
			}
		}
	}
	if chosen == 0 || chosen*4 > enabled {
		t.Errorf("%d of %d rules for the events were chosen", chosen, enabled)
	}
}
