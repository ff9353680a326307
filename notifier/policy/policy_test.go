package policy_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/tripline/tripline/notifier/policy"
	"github.com/tripline/tripline/pkg/msg"
)

// noon is a Wednesday.
func noon() time.Time { return time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC) }

func sinks() []string { return []string{"all", "chat", "pager"} }

// is stands for the rules' language: "comm=x".
func is(text string) (policy.Condition, error) {
	comm, ok := strings.CutPrefix(text, "comm=")
	if !ok {
		return nil, errors.New("expected comm=")
	}
	return func(d *msg.Detection) bool { return d.Event != nil && d.Event.Comm == comm }, nil
}

func load(text string) (*policy.Policy, error) {
	cfg := policy.DefaultConfig()
	if err := yaml.Load([]byte(text), &cfg, yaml.WithKnownFields()); err != nil {
		return nil, err
	}
	return policy.New(cfg, sinks(), is)
}

func compiled(t *testing.T, text string) *policy.Policy {
	t.Helper()
	p, err := load(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// lane is one sink's chain with what came out of it.
type lane struct {
	way     *policy.Way
	reasons map[policy.Reason]int
	answers map[string]error
	now     time.Time
}

func open(t *testing.T, text, sink string) *lane {
	t.Helper()
	l := &lane{reasons: map[policy.Reason]int{}, answers: map[string]error{}, now: noon()}
	l.way = compiled(t, text).Way(sink, nil, func(r policy.Reason, n int) { l.reasons[r] += n })
	return l
}

// pass sends detections through and returns the ids of what comes out, and of
// roll-ups how many they stand for: "3x".
func (l *lane) pass(ds ...*msg.Detection) (out []string) {
	var in []*policy.Item
	for _, d := range ds {
		in = append(in, policy.NewItem(msg.Delivery[*msg.Stored]{Value: msg.StoredOf(d), Attempt: 1, Ack: func(err error) { l.answers[d.ID] = err }}))
	}
	for _, i := range l.way.Pass(l.now, in) {
		if i.Parts != nil {
			out = append(out, fmt.Sprintf("%dx", i.Count()))
		} else {
			out = append(out, i.ID)
		}
		i.Ack(nil)
	}
	return out
}

func found(id string, change ...func(*msg.Detection)) *msg.Detection {
	d := &msg.Detection{
		ID: id, Time: noon(), Host: "web-1", Priority: msg.Warning, Rule: msg.RuleInfo{ID: "R1", Name: "Rule one", Tags: []string{"shell", "T1059"}},
		Output: "output of " + id,
		Event: &msg.EventJSON{Comm: "sh", Process: &msg.ProcessJSON{Comm: "sh", User: "root"}, Container: &msg.ContainerJSON{
			ID: "c1", Name: "shop", Image: "registry:5000/team/shop:1", Pod: &msg.PodJSON{Name: "shop-0", Namespace: "prod"},
		}},
	}
	for _, c := range change {
		c(d)
	}
	return d
}

func rule(id string) func(*msg.Detection)          { return func(d *msg.Detection) { d.Rule.ID = id } }
func host(h string) func(*msg.Detection)           { return func(d *msg.Detection) { d.Host = h } }
func priority(p msg.Priority) func(*msg.Detection) { return func(d *msg.Detection) { d.Priority = p } }

func at(after time.Duration) func(d *msg.Detection) {
	return func(d *msg.Detection) { d.Time = noon().Add(after) }
}
func onHost(d *msg.Detection) { d.Event.Container = nil }

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		match string
		want  bool
	}{
		{"priority: warning", true},
		{"priority: error", false},
		{"priority: debug", true},
		{"rule: [R1]", true},
		{"rule: ['Rule *']", true},
		{"rule: [R, R11]", false},
		{"rule: ['R?']", true},
		{"tag: [shell]", true},
		{"tag: ['T*']", true},
		{"tag: [net]", false},
		{"host: ['web-*']", true},
		{"host: ['db-*', 'web-2']", false},
		{"container: [shop]", true},
		{"container: ['']", false},
		{"image: ['*/team/*']", true},
		{"image: ['registry.5000*']", false},
		{"namespace: [prod]", true},
		{"namespace: [dev]", false},
		{"pod: ['shop-?']", true},
		{"condition: comm=sh", true},
		{"condition: comm=ls", false},
		{"{rule: [R1], host: [other]}", false},
		{"{rule: [R1], tag: [shell], priority: warning}", true},
	} {
		t.Run(c.match, func(t *testing.T) {
			m := c.match
			if !strings.HasPrefix(m, "{") {
				m = "{" + m + "}"
			}
			l := open(t, "route: {nobody: true, routes: [{match: "+m+", sinks: [all]}]}", "all")
			if got := len(l.pass(found("a"))) == 1; got != c.want {
				t.Errorf("%v", got)
			}
		})
	}
	l := open(t, "route: {nobody: true, routes: [{match: {container: ['']}, sinks: [all]}]}", "all")
	if got := l.pass(found("a", onHost), found("b")); !cmp.Equal(got, []string{"a"}) {
		t.Errorf("on the host: %v", got)
	}
	if l.reasons[policy.Elsewhere] != 1 || l.answers["b"] != nil {
		t.Errorf("%v %v", l.reasons, l.answers)
	}
}

const tree = `
route:
  sinks: [all]
  routes:
    - match: {priority: critical}
      sinks: [pager, all]
      continue: true
    - match: {tag: [shell]}
      sinks: [chat, all]
      routes:
        - match: {host: ['dev-*']}
          nobody: true
        - match: {namespace: [prod]}
    - match: {rule: [R1]}
      sinks: [pager]
`

func TestRoute(t *testing.T) {
	p := compiled(t, tree)
	for _, c := range []struct {
		name string
		d    *msg.Detection
		want string
	}{
		{"child without sinks of its own has its parent's", found("a"), "all route.routes[1].routes[1]; chat route.routes[1].routes[1]"},
		{"nobody", found("a", host("dev-1")), ""},
		{"the parent, where no child matches", found("a", onHost), "all route.routes[1]; chat route.routes[1]"},
		{"continue: each sink by its first route", found("a", priority(msg.Alert)), "all route.routes[0]; chat route.routes[1].routes[1]; pager route.routes[0]"},
		{"the root", found("a", rule("R2"), func(d *msg.Detection) { d.Rule.Tags = nil }), "all route"},
		{"the last", found("a", func(d *msg.Detection) { d.Rule.Tags = nil }), "pager route.routes[2]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, v := range p.Explain(sinks(), nil, c.d, noon()) {
				told := false
				w := p.Way(v.Sink, nil, func(policy.Reason, int) {})
				told = len(w.Pass(noon(), []*policy.Item{policy.NewItem(msg.Delivery[*msg.Stored]{Value: msg.StoredOf(c.d), Ack: func(error) {}})})) == 1
				if told != v.Told {
					t.Errorf("%s: told %v, explained %+v", v.Sink, told, v)
				}
				if told {
					path, _, _ := strings.Cut(v.Why[0], " ")
					got = append(got, v.Sink+" "+path)
				}
			}
			if s := strings.Join(got, "; "); s != c.want {
				t.Errorf("got  %s\nwant %s", s, c.want)
			}
		})
	}
}

func TestGroup(t *testing.T) {
	l := open(t, `route: {group: {by: [rule, host], interval: 5m, samples: 2}}`, "all")
	if got := l.pass(found("a"), found("b"), found("x", rule("R2")), found("c", at(time.Second))); !cmp.Equal(got, []string{"a", "x"}) {
		t.Fatalf("at once: %v", got)
	}
	if l.way.Held() != 2 || !l.way.Due().Equal(noon().Add(5*time.Minute)) {
		t.Errorf("%d held until %v", l.way.Held(), l.way.Due())
	}
	if _, ok := l.answers["b"]; ok {
		t.Error("what is held is answered for")
	}
	l.now = noon().Add(4 * time.Minute)
	if got := l.pass(found("d", priority(msg.Error))); got != nil {
		t.Errorf("before its time: %v", got)
	}
	l.now = noon().Add(5 * time.Minute)
	items := l.way.Pass(l.now, nil)
	if len(items) != 1 {
		t.Fatalf("%d roll-ups", len(items))
	}
	d, err := items[0].Detection()
	if err != nil {
		t.Fatal(err)
	}
	want := &msg.Group{By: map[string]string{"rule": "R1", "host": "web-1"}, Count: 3, First: noon(), Last: noon().Add(time.Second), Samples: []msg.Sample{
		{ID: "b", Time: noon(), Host: "web-1", Output: "output of b"}, {ID: "c", Time: noon().Add(time.Second), Host: "web-1", Output: "output of c"},
	}}
	if diff := cmp.Diff(want, d.Group); diff != "" {
		t.Error(diff)
	}
	if d.Priority != msg.Error || d.Output != "output of c" || d.ID == "c" || len(d.ID) != 32 {
		t.Errorf("roll-up %+v", d)
	}
	items[0].Ack(nil)
	for _, id := range []string{"b", "c", "d"} {
		if err, ok := l.answers[id]; !ok || err != nil {
			t.Errorf("%s: %v, %v", id, err, ok)
		}
	}
	// One alone is told as it is; after a quiet interval the first is told at
	// once again.
	if got := l.pass(found("e")); got != nil {
		t.Errorf("%v", got)
	}
	l.now = noon().Add(10 * time.Minute)
	if got := l.pass(); !cmp.Equal(got, []string{"e"}) {
		t.Errorf("alone: %v", got)
	}
	l.now = noon().Add(15 * time.Minute)
	if got := l.pass(found("f")); !cmp.Equal(got, []string{"f"}) {
		t.Errorf("after quiet: %v", got)
	}
}

func TestGroupIsBounded(t *testing.T) {
	l := open(t, "{max_held: 10, route: {group: {by: [rule], interval: 5m, max: 4}}}", "all")
	var ds []*msg.Detection
	for i := range 9 {
		ds = append(ds, found(fmt.Sprint(i)))
	}
	if got := l.pass(ds...); !cmp.Equal(got, []string{"0", "4x", "4x"}) {
		t.Errorf("max: %v", got)
	}
	l = open(t, "{max_held: 10, route: {group: {by: [rule], interval: 5m, max: 100}}}", "all")
	l.pass(found("a"), found("b", rule("R2")), found("b1", rule("R2")))
	ds = nil
	for i := range 10 {
		ds = append(ds, found(fmt.Sprint(i)))
	}
	if got := l.pass(ds...); !cmp.Equal(got, []string{"10x"}) || l.way.Held() != 1 {
		t.Errorf("max_held: %v, %d held", got, l.way.Held())
	}
	// Groups that a traced process makes up by its names.
	l = open(t, "{max_held: 100000, route: {group: {by: [process], interval: 5m}}}", "all")
	at := 0
	for i := range 6000 {
		at += len(l.pass(found(fmt.Sprint(i), func(d *msg.Detection) { d.Event.Process.Comm = fmt.Sprint("n", i) })))
	}
	if at != 4097+1 && at != 4097 || l.way.Held() < 900 {
		t.Errorf("%d told of 6000 names, %d held", at, l.way.Held())
	}
}

func TestFlushAndRelease(t *testing.T) {
	const text = "route: {group: {by: [rule], interval: 5m}}"
	l := open(t, text, "all")
	l.pass(found("a"), found("b"), found("c"))
	l.way.Flush()
	if !l.way.Due().Before(l.now) {
		t.Error("nothing is due")
	}
	if got := l.pass(); !cmp.Equal(got, []string{"2x"}) {
		t.Errorf("flushed %v", got)
	}
	if got := l.pass(found("d"), found("e")); !cmp.Equal(got, []string{"2x"}) {
		t.Errorf("after the flush %v", got)
	}
	l = open(t, text, "all")
	l.pass(found("a"), found("b"), found("c"))
	gone := errors.New("gone")
	l.way.Release(gone)
	for _, id := range []string{"b", "c"} {
		if !errors.Is(l.answers[id], gone) {
			t.Errorf("%s: %v", id, l.answers[id])
		}
	}
}

func TestThrottle(t *testing.T) {
	l := open(t, "route: {throttle: {count: 2, per: 1m, by: [host]}}", "all")
	if got := l.pass(found("a"), found("b"), found("c"), found("d", host("h2"))); !cmp.Equal(got, []string{"a", "b", "d"}) {
		t.Errorf("%v", got)
	}
	if err, ok := l.answers["c"]; !ok || err != nil || l.reasons[policy.Throttled] != 1 {
		t.Errorf("%v %v", l.answers, l.reasons)
	}
	l.now = l.now.Add(time.Minute)
	if got := l.pass(found("e")); !cmp.Equal(got, []string{"e"}) {
		t.Errorf("a minute later %v", got)
	}
}

func TestQuiet(t *testing.T) {
	const text = "route: {quiet: [{days: [fri, sat], from: '22:00', to: '07:00', zone: Europe/Berlin, except: critical}]}"
	for _, c := range []struct {
		at   string
		want bool
	}{
		{"2030-01-04T20:59:59Z", true},  // Friday, 21:59 there
		{"2030-01-04T21:00:00Z", false}, // 22:00
		{"2030-01-05T05:59:59Z", false},
		{"2030-01-05T06:00:00Z", true},
		{"2030-01-05T22:00:00Z", false}, // Saturday
		{"2030-01-06T05:00:00Z", false}, // Sunday morning, begun on Saturday
		{"2030-01-06T22:00:00Z", true},
		{"2030-01-04T04:00:00Z", true}, // Friday morning: Thursday is not meant
	} {
		l := open(t, text, "all")
		l.now, _ = time.Parse(time.RFC3339, c.at)
		if got := len(l.pass(found("a"))) == 1; got != c.want {
			t.Errorf("%s: told %v", c.at, got)
		}
		if got := l.pass(found("b", priority(msg.Critical))); len(got) != 1 {
			t.Errorf("%s: critical is not told", c.at)
		}
	}
}

func TestSilence(t *testing.T) {
	const text = "silences: [{match: {rule: [R1]}, from: 2030-01-02T11:00:00Z, until: 2030-01-02T13:00:00Z, reason: drill, sinks: [all]}]"
	l := open(t, text, "all")
	got := l.pass(found("a"), found("b", rule("R2")), found("c", at(-2*time.Hour)), found("d", at(time.Hour)), found("e", at(59*time.Minute)))
	if !cmp.Equal(got, []string{"b", "c", "d"}) || l.reasons[policy.Silenced] != 2 {
		t.Errorf("%v %v", got, l.reasons)
	}
	if got := open(t, text, "chat").pass(found("a")); len(got) != 1 {
		t.Error("another sink is silent, too")
	}
	v := compiled(t, text).Explain(sinks(), nil, found("a"), noon())[0]
	if v.Told || !slices.Contains(v.Why, "silences[0] holds it back until 2030-01-02T13:00:00Z: drill") {
		t.Errorf("%+v", v)
	}
}

func TestInhibit(t *testing.T) {
	const text = "inhibit: [{when: {rule: [DOWN]}, suppress: {priority: debug}, same: [host], for: 10m}]"
	l := open(t, text, "all")
	got := l.pass(found("a"), found("down", rule("DOWN"), at(time.Minute)), found("b", at(2*time.Minute)), found("c", host("h2"), at(2*time.Minute)),
		found("d", at(11*time.Minute)), found("down2", rule("DOWN"), at(12*time.Minute)), found("e", at(13*time.Minute)))
	if !cmp.Equal(got, []string{"a", "down", "c", "d", "down2"}) || l.reasons[policy.Inhibited] != 2 {
		t.Errorf("%v %v", got, l.reasons)
	}
	// What is not for a sink still inhibits there.
	l = open(t, text+"\nroute: {routes: [{match: {rule: [DOWN]}, sinks: [pager]}]}", "all")
	if got := l.pass(found("down", rule("DOWN")), found("b")); got != nil {
		t.Errorf("%v", got)
	}
}

func TestNothingToDo(t *testing.T) {
	l := open(t, "{}", "all")
	if len(l.way.Chain) != 0 {
		t.Errorf("steps %v", l.way.Chain)
	}
}

func TestRefuses(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"max_held: 0", "max_held: 0"},
		{"route: {match: {rule: [x]}}", "route.match: the root"},
		{"route: {continue: true}", "route.continue"},
		{"route: {sinks: [nobody]}", `route.sinks: no sink is called "nobody"`},
		{"route: {routes: [{match: {priority: urgent}}]}", `route.routes[0].match: priority: `},
		{"route: {routes: [{match: {condition: 'x'}}]}", `route.routes[0].match: condition: expected comm=`},
		{"route: {routes: [{match: {rules: [x]}}]}", "rules"},
		{"route: {sinks: []}", "route.sinks: is empty"},
		{"route: {sinks: [all], nobody: true}", "route.nobody"},
		{"route: {group: {by: [colour]}}", `route.group.by: "colour" is not one of rule, priority`},
		{"route: {group: {max: 1}}", "route.group.max: 1"},
		{"route: {group: {interval: -1s}}", "route.group.interval: -1s"},
		{"route: {group: {samples: 51}}", "route.group.samples: 51"},
		{"route: {throttle: {count: 0, per: 1s}}", "route.throttle.count: 0"},
		{"route: {throttle: {count: 1}}", "route.throttle.per: 0s"},
		{"route: {quiet: [{from: 22, to: '7:00'}]}", `route.quiet[0]: from: "22"`},
		{"route: {quiet: [{from: '22:00', to: '07:00', zone: Mars}]}", `zone: "Mars"`},
		{"route: {quiet: [{from: '22:00', to: '07:00', days: [moon]}]}", `days: "moon"`},
		{"silences: [{match: {}, until: 2030-01-01T00:00:00Z, reason: x}]", "silences[0]: match is empty"},
		{"silences: [{match: {rule: [x]}, reason: x}]", "until is not given"},
		{"silences: [{match: {rule: [x]}, until: 2030-01-01T00:00:00Z}]", "reason is not given"},
		{"inhibit: [{when: {rule: [x]}, suppress: {}, for: 1s}]", "inhibit[0]: when and suppress"},
		{"inhibit: [{when: {rule: [x]}, suppress: {rule: [y]}}]", "inhibit[0]: for: 0s"},
	} {
		t.Run(c.text, func(t *testing.T) {
			if _, err := load(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	cfg := policy.DefaultConfig()
	cfg.Route.Routes = []policy.Route{{Match: policy.Match{Condition: "x"}}}
	if _, err := policy.New(cfg, nil, nil); err == nil || !strings.Contains(err.Error(), "not available here") {
		t.Errorf("without a language: %v", err)
	}
}
