package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tripline/tripline/internal/telemetry"
)

// The stages, in the order of the stream, which is the order in which they
// are stopped; the server goes last.
const (
	stageSensor   = "sensor"
	stageEnricher = "enricher"
	stageMatcher  = "matcher"
	stageNotifier = "notifier"
	stageNATS     = "nats"
)

type stageSet map[string]bool

func allStages() []string {
	return []string{stageNATS, stageSensor, stageEnricher, stageMatcher, stageNotifier}
}

func newRun() *cobra.Command {
	f := &runFlags{}
	c := &cobra.Command{
		Use:   "run [nats] [sensor] [enricher] [matcher] [notifier]",
		Short: "Run the named stages, or all of them",
		Long: `Run the named stages in this process; without names, all of them on an
embedded NATS server. With --nats and no names, all of them but the server.`,
		Example: `  tripline run
  tripline run sensor enricher --nats nats://hub:4222
  tripline run matcher --nats nats://hub:4222 --rules-dir builtin --rules-dir ./rules
  tripline run notifier --output json --webhook https://example.org/hook`,
		ValidArgs: allStages(),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := f.config(cmd.Flags())
			if err != nil {
				return err
			}
			stages, err := f.stages(args)
			if err != nil {
				return err
			}
			if err := cfg.validate(stages); err != nil {
				return err
			}
			if f.printConfig {
				return cfg.print(cmd.OutOrStdout())
			}
			return run(cmd.Context(), cfg, stages, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f.register(c.Flags())
	return c
}

// stages reads the arguments of run.
func (f *runFlags) stages(args []string) (stageSet, error) {
	set := stageSet{}
	for _, a := range args {
		if !slices.Contains(allStages(), a) {
			return nil, usagef("no stage is called %q; the stages are %s", a, strings.Join(allStages(), ", "))
		}
		set[a] = true
	}
	if len(set) == 0 {
		for _, s := range allStages() {
			set[s] = s != stageNATS || f.nats == ""
		}
	}
	if set[stageNATS] && f.nats != "" {
		return nil, usagef("--nats names a server elsewhere and the stage nats starts one here: choose one")
	}
	return set, nil
}

// run runs stages until the context ends or one of them fails.
func run(ctx context.Context, cfg *config, stages stageSet, stdout, stderr io.Writer) (err error) {
	log, err := telemetry.NewLogger(stderr, cfg.Telemetry.Log)
	if err != nil {
		return err
	}
	p, err := newPipeline(ctx, cfg, stages, log, stdout)
	if err != nil {
		return err
	}
	defer p.close()
	if err := p.run(ctx); err != nil {
		return err
	}
	p.summary(stderr)
	return nil
}

// summary tells in a few lines what each stage has seen.
func (p *pipeline) summary(w io.Writer) {
	fmt.Fprintln(w)
	for _, s := range p.parts {
		counters, _ := s.health()
		var words []string
		for _, name := range []string{"events", "lost", "detections", "delivered", "dead"} {
			if n, ok := counters[name]; ok {
				words = append(words, fmt.Sprintf("%s %d", name, n))
			}
		}
		for _, name := range slices.Sorted(maps.Keys(counters)) {
			if strings.HasPrefix(name, "lost_") && counters[name] > 0 {
				words = append(words, fmt.Sprintf("%s %d", name, counters[name]))
			}
		}
		fmt.Fprintf(w, "%-9s %s\n", s.stage, strings.Join(words, ", "))
	}
}

// discard is what a command logs to that only speaks to a server for a moment.
func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
