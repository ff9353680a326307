package standalone

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tripline/tripline/internal/actor"
	"github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/internal/telemetry"
	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/matcher/golang"
	"github.com/tripline/tripline/pkg/detect"
	"github.com/tripline/tripline/pkg/msg"
)

const (
	// leaveTimeout bounds how long a program that stops waits for its
	// partitions to be free.
	leaveTimeout = 3 * time.Second
	beatInterval = time.Second
)

// Main runs signatures, one for each constructor, until SIGINT or SIGTERM, and
// ends the process: with 0 then, 1 after a failure, 2 when the command line
// cannot be understood. Each constructor is called once for every partition of
// the events; see package detect.
func Main(constructors ...func() detect.Signature) {
	cfg, err := parse(os.Args[1:], os.Getenv, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(0)
	case err != nil:
		fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[0], err)
		os.Exit(2)
	}
	log, err := telemetry.NewLogger(os.Stderr, telemetry.LogConfig{Level: cfg.LogLevel, Format: "auto"})
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		context.AfterFunc(ctx, stop) // a second signal kills
		err = Run(ctx, cfg, log, prometheus.NewRegistry(), constructors...)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[0], err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Run is Main for programs that have a main of their own: it runs until the
// context ends and then returns nil. A signature that cannot be loaded is an
// error.
func Run(ctx context.Context, cfg Config, log *slog.Logger, reg prometheus.Registerer, constructors ...func() detect.Signature) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	instance := fmt.Sprintf("%s-%s-%d", cfg.Group, host, os.Getpid())
	langs := []matcher.Language{golang.New(constructors, nil)}
	mc := matcher.DefaultConfig()
	mc.Name, mc.Workers, mc.Watch = cfg.Group, cfg.Workers, false
	if err := check(mc, langs); err != nil {
		return err
	}

	bc := bus.DefaultConfig()
	bc.URL, bc.CredentialsFile, bc.Name = cfg.NATS, cfg.Credentials, "tripline "+instance
	b, err := bus.Connect(ctx, bc, log.With("part", "bus"), reg)
	if err != nil {
		return err
	}
	defer b.Close()
	pub, err := b.DetectionPublisher()
	if err != nil {
		return err
	}
	src, err := b.GroupConsumer(ctx, cfg.Group, instance)
	if err != nil {
		return err
	}
	m, err := matcher.New(mc, src, pub, b.Demand("matcher"), langs, nil, log, reg)
	if err != nil {
		return err
	}
	log.Info("joined", "group", cfg.Group)
	work := actor.Actor{Name: "matcher", Run: func(ctx context.Context) error {
		err := m.Run(ctx)
		leave, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
		defer cancel()
		if e := src.Leave(leave); e != nil {
			log.Warn("partitions were not handed over; they are free when they time out", "error", e)
		}
		return err
	}}
	beat := heartbeat{bus: b, log: log, group: cfg.Group, health: m.Health, h: msg.Heartbeat{
		Stage: "matcher", Instance: instance, Host: host, PID: os.Getpid(), Version: version(), Started: time.Now().UTC(), Ready: true,
	}}
	return actor.Run(ctx, log, actor.Group{work}, actor.Group{{Name: "heartbeat", Run: beat.run}})
}

// check reports signatures that cannot be loaded, all of them.
func check(cfg matcher.Config, langs []matcher.Language) error {
	rs, err := matcher.Load(cfg, langs, nil)
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range rs.Problems {
		if !p.Warning {
			errs = append(errs, errors.New(p.Error()))
		}
	}
	if len(errs) == 0 && len(rs.Rules) == 0 {
		return errors.New("no signatures, expected at least one")
	}
	return errors.Join(errs...)
}

// heartbeat says that the program lives, so that `tripline status` shows it.
type heartbeat struct {
	bus    *bus.Bus
	log    *slog.Logger
	group  string
	health func() (map[string]uint64, map[string]any)
	h      msg.Heartbeat
}

func (b *heartbeat) run(ctx context.Context) error {
	t := time.NewTicker(beatInterval)
	defer t.Stop()
	for {
		b.h.Time = time.Now().UTC()
		b.h.Counters, b.h.Detail = b.health()
		b.h.Detail["group"] = b.group
		if err := b.bus.PublishHeartbeat(ctx, b.h); err != nil {
			b.log.Debug("heartbeat", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// version is that of the program's module.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "dev"
}
