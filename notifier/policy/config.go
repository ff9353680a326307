package policy

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Config is the part of the section "notifier" that says who is told of what.
type Config struct {
	// Route is the root of the tree. It matches everything; without sinks of
	// its own it leads to all.
	Route Route `yaml:"route"`
	// Silences hold back what is known, for a time.
	Silences []Silence `yaml:"silences"`
	// Inhibit holds back what another detection makes redundant.
	Inhibit []Inhibit `yaml:"inhibit"`
	// MaxHeld is how many detections may wait for a roll-up, for each sink. It
	// must be less than the bus lets be under way (nats.consumer.sink_pending).
	MaxHeld int `yaml:"max_held"`
}

// DefaultConfig leads everything to all sinks.
func DefaultConfig() Config { return Config{MaxHeld: 4096} }

// Route is one node of the tree.
type Route struct {
	// Match says what goes this way.
	Match Match `yaml:"match,omitempty"`
	// Sinks are told, where there are none given those of the parent; with
	// Nobody none is.
	Sinks  []string `yaml:"sinks,omitempty,flow"`
	Nobody bool     `yaml:"nobody,omitempty"`
	// Continue tries the next routes, too.
	Continue bool `yaml:"continue,omitempty"`
	// Group, Throttle and Quiet are those of the parent where they are not
	// given.
	Group    *Group    `yaml:"group,omitempty"`
	Throttle *Throttle `yaml:"throttle,omitempty"`
	Quiet    []Quiet   `yaml:"quiet,omitempty"`
	// Routes are the children.
	Routes []Route `yaml:"routes,omitempty"`
}

// Group tells of the first of several alike at once, and of the others
// together.
type Group struct {
	// By is what detections of one group have in common: any of rule,
	// priority, host, container, image, namespace, pod, process, user.
	By []string `yaml:"by,flow"`
	// Interval is how often there is a roll-up. A group in which nothing came
	// for so long is forgotten. 0 tells of each by itself.
	Interval time.Duration `yaml:"interval"`
	// Max is how many a roll-up stands for at most: that many are told at
	// once, before the interval ends.
	Max int `yaml:"max"`
	// Samples is how many of them a roll-up shows.
	Samples int `yaml:"samples"`
}

// DefaultGroup is what the group of a route is read over.
func DefaultGroup() Group {
	return Group{By: []string{"rule", "host", "container"}, Interval: 5 * time.Minute, Max: 1000, Samples: 5}
}

// UnmarshalYAML reads a group over the defaults.
func (g *Group) UnmarshalYAML(unmarshal func(any) error) error {
	type plain Group
	p := plain(DefaultGroup())
	if err := unmarshal(&p); err != nil {
		return err
	}
	*g = Group(p)
	return nil
}

// Throttle lets so many messages through in a time; the others are not told.
type Throttle struct {
	Count int           `yaml:"count"`
	Per   time.Duration `yaml:"per"`
	// By counts separately, by the same names as a group.
	By []string `yaml:"by,omitempty,flow"`
}

// Quiet is a time of the week in which nobody is told.
type Quiet struct {
	// Days on which it begins: mon, tue, wed, thu, fri, sat, sun; none means
	// every day.
	Days []string `yaml:"days,omitempty,flow"`
	// From and To are times of day, "22:00". To at or before From is on the
	// next day.
	From string `yaml:"from"`
	To   string `yaml:"to"`
	// Zone is the time zone, "Europe/Berlin"; UTC when it is not given.
	Zone string `yaml:"zone,omitempty"`
	// Except is the lowest priority that is told all the same.
	Except string `yaml:"except,omitempty"`
}

// Silence holds back what somebody knows about already.
type Silence struct {
	Match Match `yaml:"match"`
	// From, if given, and Until bound the time of the events that are meant.
	From  time.Time `yaml:"from,omitempty"`
	Until time.Time `yaml:"until"`
	// Reason is for those who ask why they were not told.
	Reason string `yaml:"reason"`
	// Sinks that are meant; all when there are none.
	Sinks []string `yaml:"sinks,omitempty,flow"`
}

// Inhibit holds back detections that another one makes redundant.
type Inhibit struct {
	// When is the other one, Suppress what it holds back.
	When     Match `yaml:"when"`
	Suppress Match `yaml:"suppress"`
	// Same is what both have in common, by the same names as a group's.
	Same []string `yaml:"same,omitempty,flow"`
	// For is how long after the other one.
	For time.Duration `yaml:"for"`
}

// Validate reports everything that is wrong and can be told without a
// compiler for conditions. Sinks are the names of those there are.
func (c Config) Validate(sinks []string) error {
	var errs []error
	add := func(where string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", where, err))
		}
	}
	if c.MaxHeld < 1 {
		errs = append(errs, fmt.Errorf("max_held: %d, expected at least 1", c.MaxHeld))
	}
	if !c.Route.Match.empty() {
		errs = append(errs, errors.New("route.match: the root of the routes matches everything; put this into one of its routes"))
	}
	if c.Route.Continue {
		errs = append(errs, errors.New("route.continue: the root of the routes has none beside it"))
	}
	errs = append(errs, c.Route.validate("route", sinks)...)
	for i, s := range c.Silences {
		where := fmt.Sprintf("silences[%d]", i)
		add(where+".match", s.Match.Validate())
		switch {
		case s.Match.empty():
			add(where, errors.New("match is empty: this would silence everything; give priority: debug to do that"))
		case s.Until.IsZero():
			add(where, errors.New("until is not given: until when, as in 2030-12-31T18:00:00Z?"))
		case !s.From.IsZero() && !s.From.Before(s.Until):
			add(where, errors.New("from is not before until"))
		case s.Reason == "":
			add(where, errors.New("reason is not given: why is this silenced?"))
		}
		add(where+".sinks", known(s.Sinks, sinks))
	}
	for i, x := range c.Inhibit {
		where := fmt.Sprintf("inhibit[%d]", i)
		add(where+".when", x.When.Validate())
		add(where+".suppress", x.Suppress.Validate())
		add(where+".same", checkFields(x.Same))
		switch {
		case x.When.empty() || x.Suppress.empty():
			add(where, errors.New("when and suppress must both say something"))
		case x.For <= 0:
			add(where, fmt.Errorf("for: %v is not a positive duration", x.For))
		}
	}
	return errors.Join(errs...)
}

func (r Route) validate(where string, sinks []string) (errs []error) {
	add := func(field string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s.%s: %w", where, field, err))
		}
	}
	add("match", r.Match.Validate())
	add("sinks", known(r.Sinks, sinks))
	switch {
	case r.Nobody && len(r.Sinks) > 0:
		add("nobody", errors.New("there are sinks, too: which one?"))
	case r.Sinks != nil && len(r.Sinks) == 0:
		add("sinks", errors.New("is empty: say nobody: true, or leave it out for those of the parent"))
	}
	if g := r.Group; g != nil {
		add("group.by", checkFields(g.By))
		switch {
		case g.Interval < 0:
			add("group.interval", fmt.Errorf("%v is negative", g.Interval))
		case g.Max < 2:
			add("group.max", fmt.Errorf("%d, expected at least 2", g.Max))
		case g.Samples < 0 || g.Samples > 50:
			add("group.samples", fmt.Errorf("%d is not between 0 and 50", g.Samples))
		}
	}
	if t := r.Throttle; t != nil {
		add("throttle.by", checkFields(t.By))
		switch {
		case t.Count < 1:
			add("throttle.count", fmt.Errorf("%d, expected at least 1", t.Count))
		case t.Per <= 0:
			add("throttle.per", fmt.Errorf("%v is not a positive duration", t.Per))
		}
	}
	for i, q := range r.Quiet {
		_, err := q.compile()
		add(fmt.Sprintf("quiet[%d]", i), err)
	}
	for i, child := range r.Routes {
		errs = append(errs, child.validate(fmt.Sprintf("%s.routes[%d]", where, i), sinks)...)
	}
	return errs
}

func known(names, sinks []string) error {
	for _, n := range names {
		if !slices.Contains(sinks, n) {
			return fmt.Errorf("no sink is called %q", n)
		}
	}
	return nil
}
