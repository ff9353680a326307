package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/internal/telemetry"
	"github.com/tripline/tripline/notifier"
	notifiers "github.com/tripline/tripline/notifier/builtin"
	"github.com/tripline/tripline/notifier/render"
)

func newDead() *cobra.Command {
	c := &cobra.Command{
		Use:   "dead",
		Short: "Look at the detections that could not be delivered, and send them again",
		Long: `A detection that a sink refused for good or for too long becomes a dead letter
with the reason. Dead letters are kept for a month, whatever becomes of the sink.`,
	}
	c.AddCommand(newDeadList(), newDeadShow(), newDeadSend(), newDeadDrop())
	return c
}

func newDeadList() *cobra.Command {
	f := &clientFlags{}
	c := &cobra.Command{
		Use:   "list [sink]",
		Short: "List dead letters, oldest first",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := f.connect(cmd.Context(), "dead list")
			if err != nil {
				return err
			}
			defer b.Close()
			return deadList(cmd.Context(), b, first(args), f.output == "json", cmd.OutOrStdout())
		},
	}
	f.register(c.Flags())
	return c
}

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

func deadList(ctx context.Context, b *bus.Bus, sink string, asJSON bool, w io.Writer) error {
	if asJSON {
		enc := json.NewEncoder(w)
		return b.DeadLetters(ctx, sink, func(d bus.Dead) error { return enc.Encode(d) })
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	n := 0
	err := b.DeadLetters(ctx, sink, func(d bus.Dead) error {
		if n++; n == 1 {
			fmt.Fprintln(t, "NUMBER\tSINK\tBURIED\tREASON\tTRIES\tRULE\tHOST\tERROR")
		}
		rule, host := "-", "-"
		if d.Detection != nil {
			rule, host = d.Detection.Rule.ID, d.Detection.Host
		}
		_, err := fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%d\t%s\t%s\t%s\n", d.Seq, render.Terminal(d.Sink), d.Time.UTC().Format(time.RFC3339), render.Terminal(d.Reason),
			d.Attempts, render.Fit(40, rule, nil), render.Fit(40, host, nil), render.Fit(120, d.Error, nil))
		return err
	})
	if err == nil && n == 0 {
		fmt.Fprintln(t, "no dead letters")
	}
	return errors.Join(err, t.Flush())
}

func newDeadShow() *cobra.Command {
	f := &clientFlags{}
	c := &cobra.Command{
		Use:   "show number",
		Short: "Show one dead letter with its detection, as JSON",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			seq, err := number(args[0])
			if err != nil {
				return err
			}
			b, err := f.connect(cmd.Context(), "dead show")
			if err != nil {
				return err
			}
			defer b.Close()
			d, err := b.DeadLetter(cmd.Context(), seq)
			if err != nil {
				return err
			}
			j, err := json.MarshalIndent(d, "", "  ")
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(append(render.JSONForTerminal(j), '\n'))
			return err
		},
	}
	f.register(c.Flags())
	return c
}

func number(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n == 0 {
		return 0, usagef("%q is not the number of a dead letter, as tripline dead list shows it", s)
	}
	return n, nil
}

func newDeadDrop() *cobra.Command {
	f := &clientFlags{}
	all := false
	c := &cobra.Command{
		Use:   "drop number… | --all sink",
		Short: "Remove dead letters for good",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var seqs []uint64
			if all && len(args) != 1 {
				return usagef("--all goes with the name of one sink")
			}
			for _, a := range args {
				if all {
					break
				}
				n, err := number(a)
				if err != nil {
					return err
				}
				seqs = append(seqs, n)
			}
			b, err := f.connect(cmd.Context(), "dead drop")
			if err != nil {
				return err
			}
			defer b.Close()
			if all {
				if err := b.DeadLetters(cmd.Context(), args[0], func(d bus.Dead) error { seqs = append(seqs, d.Seq); return nil }); err != nil {
					return err
				}
			}
			for _, n := range seqs {
				if err := b.ForgetDead(cmd.Context(), n); err != nil {
					return err
				}
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d removed\n", len(seqs))
			return nil
		},
	}
	f.register(c.Flags())
	c.Flags().BoolVar(&all, "all", false, "all of the sink that is named")
	return c
}

func newDeadSend() *cobra.Command {
	f := &clientFlags{}
	s := &sinkFlags{}
	var only []uint
	giveUp := time.Minute
	c := &cobra.Command{
		Use:   "send sink",
		Short: "Send a sink's dead letters again, oldest first, and remove those that it takes",
		Long: `Send a sink's dead letters again, oldest first. Those that it takes are removed,
the others stay. The sink, and how it is told of many alike, are as in the
configuration; routes, silences and quiet hours do not count, since somebody
asked for it.`,
		Example: "  tripline dead send slack --config tripline.yaml\n  tripline dead send hook --config tripline.yaml --number 17 --number 18",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := s.load()
			if err != nil {
				return err
			}
			b, err := f.connectAs(cmd.Context(), "dead send", cfg, cmd.Flags())
			if err != nil {
				return err
			}
			defer b.Close()
			cfg.Notifier.GiveUp = giveUp
			want := map[uint64]bool{}
			for _, n := range only {
				want[uint64(n)] = true
			}
			return deadSend(cmd.Context(), b, cfg, args[0], want, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f.register(c.Flags())
	s.register(c.Flags())
	c.Flags().UintSliceVar(&only, "number", nil, "only the letters with these `numbers`")
	c.Flags().DurationVar(&giveUp, "give-up", giveUp, "how long to try while the sink takes nothing")
	return c
}

// deadSend runs a notifier of one sink whose source is its dead letters.
func deadSend(ctx context.Context, b *bus.Bus, cfg *config, name string, want map[uint64]bool, stdout, stderr io.Writer) error {
	sink, err := oneSink(cfg, b, name, stdout)
	if err != nil {
		return err
	}
	src, err := b.DeadSource(ctx, name, func(d bus.Dead) bool { return len(want) == 0 || want[d.Seq] })
	if err != nil {
		return err
	}
	defer src.Close()
	log, err := telemetry.NewLogger(stderr, cfg.Telemetry.Log)
	if err != nil {
		return err
	}
	plain := notifiers.Config{Sinks: cfg.Notifier.Sinks}
	plain.Policy.MaxHeld = cfg.Notifier.Policy.MaxHeld
	rules, err := plain.Rules(notifiers.Env{})
	if err != nil {
		return err
	}
	n, err := notifier.New(cfg.Notifier.Config, rules, src, src, []notifier.Named{sink}, log.With(slog.String("command", "dead send")), prometheus.NewRegistry())
	if err != nil {
		return err
	}
	run, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		select {
		case <-src.Ended():
			n.Flush()
		case <-run.Done():
		}
	}()
	go func() {
		select {
		case <-src.Done():
			stop()
		case <-run.Done():
		}
	}()
	if err := n.Run(run); err != nil {
		return err
	}
	sent, kept, err := src.Result()
	fmt.Fprintf(stdout, "%d sent, %d still dead\n", sent, len(kept))
	for i, id := range slices.Sorted(maps.Keys(kept)) {
		if i == 10 {
			fmt.Fprintf(stdout, "  … and %d more\n", len(kept)-i)
			break
		}
		fmt.Fprintf(stdout, "  %s: %s\n", render.Terminal(id), render.Fit(200, kept[id], nil))
	}
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return errors.New("interrupted: what was not sent is still among the dead letters")
	case len(kept) > 0:
		return fmt.Errorf("%s did not take %d of them", name, len(kept))
	}
	return nil
}
