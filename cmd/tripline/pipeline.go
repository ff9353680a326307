package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tripline/tripline/enricher"
	enrichers "github.com/tripline/tripline/enricher/builtin"
	"github.com/tripline/tripline/internal/actor"
	"github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/internal/telemetry"
	"github.com/tripline/tripline/matcher"
	matchers "github.com/tripline/tripline/matcher/builtin"
	"github.com/tripline/tripline/notifier"
	notifiers "github.com/tripline/tripline/notifier/builtin"
	"github.com/tripline/tripline/notifier/policy"
	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/rules"
	"github.com/tripline/tripline/sensor"
	sensors "github.com/tripline/tripline/sensor/builtin"
)

// pipeline is the stages of this process, with what they share.
type pipeline struct {
	cfg     *config
	log     *slog.Logger
	reg     *prometheus.Registry
	stdout  io.Writer
	server  *bus.Server // nil when the server is elsewhere
	bus     *bus.Bus    // nil when this process is nothing but a server
	parts   []part
	isReady atomic.Bool

	// What the rules here need and the kernel here lets through, when both
	// stages are in this process.
	needed func() []string
	gate   func() (map[string]uint64, map[string]any)
}

// part is one stage of this process.
type part struct {
	stage  string
	actor  actor.Actor
	health func() (counters map[string]uint64, detail map[string]any)
}

// newPipeline makes the server, the connection and the stages. Whatever can
// fail for a reason the user can mend fails here.
func newPipeline(ctx context.Context, cfg *config, stages stageSet, log *slog.Logger, stdout io.Writer) (_ *pipeline, err error) {
	p := &pipeline{cfg: cfg, log: log, reg: telemetry.NewRegistry(version), stdout: stdout}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	if stages[stageNATS] {
		if p.server, err = bus.Embed(ctx, cfg.NATS.Server, log.With("stage", stageNATS)); err != nil {
			return nil, err
		}
		log.Info("NATS listens", "url", p.server.URL())
	}
	if len(stages) == 1 && stages[stageNATS] {
		return p, p.connect(ctx, "nats")
	}
	if err := p.connect(ctx, "stages"); err != nil {
		return nil, err
	}
	for _, s := range []struct {
		stage string
		add   func(context.Context, *slog.Logger) error
	}{
		{stageSensor, p.addSensor}, {stageEnricher, p.addEnricher}, {stageMatcher, p.addMatcher}, {stageNotifier, p.addNotifier},
	} {
		if stages[s.stage] {
			if err := s.add(ctx, log.With("stage", s.stage)); err != nil {
				return nil, err
			}
		}
	}
	return p, nil
}

// connect joins NATS, in this process or elsewhere, and makes the streams.
func (p *pipeline) connect(ctx context.Context, what string) (err error) {
	c := p.cfg.NATS.Config
	c.Server = p.server
	c.Name = fmt.Sprintf("tripline %s %s %d", what, p.cfg.Host, os.Getpid())
	p.bus, err = bus.Connect(ctx, c, p.log.With("part", "bus"), p.reg)
	return err
}

func (p *pipeline) close() {
	if p.bus != nil {
		p.bus.Close()
	}
	if p.server != nil {
		p.server.Close()
	}
}

func (p *pipeline) add(stage string, run func(context.Context) error, ready func() error, health func() (map[string]uint64, map[string]any), drain func(context.Context) error) {
	a := actor.Actor{Name: stage, Run: run, Ready: ready}
	if p.server != nil {
		// The streams end with this process, or nearly so: work them off. With
		// a server elsewhere what is left waits there for the next start.
		a.Drain = drain
	}
	p.parts = append(p.parts, part{stage, a, health})
}

func (p *pipeline) addSensor(ctx context.Context, log *slog.Logger) error {
	src, err := sensors.New(p.cfg.Sensor, log, p.reg)
	if err != nil {
		return err
	}
	pub, err := p.bus.RawPublisher(p.cfg.Host)
	if err != nil {
		return err
	}
	mirror, err := p.bus.Mirror(ctx, msg.SubjectTailRaw)
	if err != nil {
		return err
	}
	boot, err := sensor.BootID()
	if err != nil {
		return err
	}
	if len(p.cfg.Events)+len(p.cfg.Environment) > 0 {
		if err := p.bus.Demand("configured").Announce(ctx, demandFor("configuration of "+p.cfg.Host, p.cfg.Events, p.cfg.Environment)); err != nil {
			return err
		}
	}
	s, err := sensor.New(p.cfg.Sensor.Config, p.cfg.Host, boot, src, mirrored{pub, mirror}, p.bus.Demand(stageSensor), log, p.reg)
	if err != nil {
		return err
	}
	p.gate = s.Health
	p.add(stageSensor, s.Run, func() error { return errors.Join(s.Ready(), p.gateOpen()) }, s.Health, nil)
	// The end of a recording is the end of the work.
	p.parts[len(p.parts)-1].actor.Final = p.cfg.Sensor.Source == "replay"
	return nil
}

func (p *pipeline) addEnricher(ctx context.Context, log *slog.Logger) error {
	steps, err := enrichers.Steps(p.cfg.Enricher, log, p.reg)
	if err != nil {
		return err
	}
	pub, err := p.bus.EventsPublisher(p.cfg.Host)
	if err != nil {
		return err
	}
	mirror, err := p.bus.Mirror(ctx, msg.SubjectTailEvents)
	if err != nil {
		return err
	}
	c := p.cfg.Enricher.Config
	// The stream knows how many partitions there are.
	c.Partitions = p.bus.Partitions()
	src := p.bus.RawConsumer(p.cfg.Host)
	e, err := enricher.New(c, src, mirrored{amending{pub, p.bus, log}, mirror}, steps, log, p.reg)
	if err != nil {
		return err
	}
	p.add(stageEnricher, e.Run, e.Ready, e.Health, drained(func(ctx context.Context) (uint64, error) {
		q, err := p.bus.Pending(ctx)
		return q.Raw, err
	}))
	return nil
}

func (p *pipeline) addMatcher(ctx context.Context, log *slog.Logger) error {
	name := p.cfg.Matcher.Name
	if name == "" {
		name = p.cfg.Host
	}
	pub, err := p.bus.DetectionPublisher()
	if err != nil {
		return err
	}
	src, err := p.bus.PartitionConsumer(ctx, name)
	if err != nil {
		return err
	}
	m, err := matcher.New(p.cfg.Matcher.Config, src, pub, p.bus.Demand(stageMatcher), matchers.Languages(p.cfg.Matcher.Languages, log), rules.Files, log, p.reg)
	if err != nil {
		return err
	}
	p.needed = func() []string { return m.Rules().Events() }
	m.Follow(p.bus)
	run := func(ctx context.Context) error {
		err := m.Run(ctx)
		// Hand the partitions over at once instead of letting them time out.
		leave, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
		defer cancel()
		if e := src.Leave(leave); e != nil {
			log.Warn("partitions were not handed over; they are free when they time out", "error", e)
		}
		return err
	}
	p.add(stageMatcher, run, nil, m.Health, drained(func(ctx context.Context) (uint64, error) {
		q, err := p.bus.Pending(ctx)
		return q.Events, err
	}))
	return nil
}

func (p *pipeline) addNotifier(_ context.Context, log *slog.Logger) error {
	env := sinkEnv(p.bus, p.stdout)
	rules, err := p.cfg.Notifier.Rules(env)
	if err != nil {
		return err
	}
	sinks, err := notifiers.Sinks(p.cfg.Notifier, env)
	if err != nil {
		return err
	}
	src := p.bus.SinkConsumer()
	n, err := notifier.New(p.cfg.Notifier.Config, rules, src, src, sinks, log, p.reg)
	if err != nil {
		return err
	}
	n.Follow(p.bus)
	wait := drained(src.Pending)
	p.add(stageNotifier, n.Run, n.Ready, n.Health, func(ctx context.Context) error {
		// Whoever waits for the end wants the roll-ups before it.
		n.Flush()
		return wait(ctx)
	})
	return nil
}

// sinkEnv is what sinks get from this process; without a bus those that
// publish there cannot be made.
func sinkEnv(b *bus.Bus, stdout io.Writer) notifiers.Env {
	e := notifiers.Env{Stdout: stdout, Condition: condition}
	if b != nil {
		e.Publish = b.Publish
	}
	return e
}

// condition lends the notifier the language of the rules.
func condition(text string) (policy.Condition, error) { return matchers.Condition(text) }

// leaveTimeout bounds how long a matcher takes to hand its partitions over.
const leaveTimeout = 2 * time.Second

var errGate = errors.New("the kernel does not yet let through what the rules need")

// gateOpen says whether the kernel lets through what the rules of this process
// need, so that "ready" means that nothing is missed from now on.
func (p *pipeline) gateOpen() error {
	if p.needed == nil || p.isReady.Load() {
		return nil
	}
	_, detail := p.gate()
	enabled, _ := detail["enabled"].([]string)
	missing, _ := detail["missing"].(map[string]string)
	for _, e := range p.needed() {
		if _, ok := missing[e]; !ok && !slices.Contains(enabled, e) {
			return errGate
		}
	}
	return nil
}

// drained waits until nothing is left to be received any more.
func drained(pending func(context.Context) (uint64, error)) func(context.Context) error {
	return func(ctx context.Context) error {
		for {
			left, err := pending(ctx)
			if err != nil {
				return err
			}
			if left == 0 {
				return nil
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("%d messages are left", left)
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
}

// run runs the stages until the context ends, and then stops them in the
// order of the stream.
func (p *pipeline) run(ctx context.Context) error {
	var groups []actor.Group
	for _, s := range p.parts {
		groups = append(groups, actor.Group{s.actor})
	}
	var set *actor.Set
	notReady := func() (reasons []string) {
		for _, s := range set.NotReady() {
			reasons = append(reasons, s.Name+": "+s.NotReady.Error())
		}
		if !p.bus.Connected() {
			reasons = append(reasons, "nats: no connection to the server")
		}
		return reasons
	}
	last := actor.Group{{Name: "heartbeat", Run: func(ctx context.Context) error { return p.beat(ctx, notReady) }}}
	if p.cfg.Telemetry.HTTP.Listen != "" {
		srv, err := telemetry.NewServer(p.cfg.Telemetry.HTTP, p.reg, notReady, p.log)
		if err != nil {
			return err
		}
		last = append(last, actor.Actor{Name: "http", Run: srv.Run, Ready: srv.Ready})
	}
	set, err := actor.New(p.log, append(groups, last)...)
	if err != nil {
		return err
	}
	return set.Run(ctx)
}

// publisher is what stages publish batches by.
type publisher interface {
	Publish(ctx context.Context, b *msg.Batch, done func(error)) error
}

// mirrored shows live what it has handed to the publisher.
type mirrored struct {
	pub    publisher
	mirror *bus.Mirror
}

// amending says amendments in readable form, too, when they are stored.
type amending struct {
	pub publisher
	bus *bus.Bus
	log *slog.Logger
}

// Publish implements enricher.Publisher.
func (a amending) Publish(ctx context.Context, b *msg.Batch, done func(error)) error {
	if len(b.Amendments) == 0 {
		return a.pub.Publish(ctx, b, done)
	}
	return a.pub.Publish(ctx, b, func(err error) {
		if err == nil {
			if e := a.bus.PublishAmendments(b); e != nil {
				a.log.Debug("what became known late is not told of", "error", e)
			}
		}
		done(err)
	})
}

// Publish implements sensor.Publisher and enricher.Publisher.
func (m mirrored) Publish(ctx context.Context, b *msg.Batch, done func(error)) error {
	if err := m.pub.Publish(ctx, b, done); err != nil {
		return err
	}
	m.mirror.Show(b)
	return nil
}
