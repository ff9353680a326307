package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tripline/tripline/internal/telemetry"
	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/pkg/msg"
)

// matchFlags are the flags of match and replay.
type matchFlags struct {
	rules      ruleFlags
	list       bool
	listEvents bool
	inputs     []string
	out        matchOutput
	log        telemetry.LogConfig
}

func (f *matchFlags) register(fs *pflag.FlagSet) {
	fs.StringSliceVar(&f.rules.dirs, "rules-dir", []string{matcher.Builtin}, "`directory` or file of rules, or \"builtin\"; repeatable")
	fs.StringSliceVar(&f.rules.sel, "rules", nil, "only the rules with these `ids` (or patterns of ids and names, or tag:NAME; with ! before it, all but those)")
	fs.BoolVar(&f.list, "list", false, "list the rules and end")
	fs.BoolVar(&f.listEvents, "list-events", false, "print the events that the rules need, joined by commas, and end")
	f.out.register(fs)
	f.log = telemetry.LogConfig{Level: "warn", Format: "text"}
	fs.StringVar(&f.log.Level, "log-level", f.log.Level, "debug, info, warn or error")
}

func newMatch() *cobra.Command {
	f := &matchFlags{}
	c := &cobra.Command{
		Use:   "match --input file:PATH --input format:json|gob|tripline",
		Short: "Hold recorded events against rules, without a kernel or a server",
		Long: `Hold recorded events against rules: what tracee-rules does. Events come from
files or standard input: Tracee's (json, gob), those of tripline tail -o json
(json) or of tripline record (tripline). Without a format, it is seen from the
beginning of the input.

What cannot be read is reported, counted and skipped. The exit code is 1 if the
input or a rule source could not be read to its end, if no rule could be
loaded, or if a detection could not be delivered.`,
		Example: `  tripline match --rules-dir ./signatures --input file:events.json
  tracee-ebpf -o format:gob | tripline match --input file:stdin --input format:gob
  tripline match --list-events --rules TRC-2 --rules TRC-7
  tripline match --input file:events.json --webhook https://example.org/hook \
      --webhook-template ./my.tmpl --webhook-content-type application/json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.register(c.Flags())
	c.Flags().StringArrayVar(&f.inputs, "input", nil, "file:`PATH` or file:stdin, and format:json, gob or tripline; repeatable")
	c.Flags().SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "input-tracee" { // as tracee-rules calls it
			name = "input"
		}
		return pflag.NormalizedName(name)
	})
	return c
}

// newReplay is match of a recording.
func newReplay() *cobra.Command {
	f := &matchFlags{}
	c := &cobra.Command{
		Use:   "replay FILE",
		Short: "Hold a recording against rules",
		Long: `Hold a recording that tripline record made against rules: match with the format
tripline. To send one through all the stages, at the pace at which it happened,
use tripline run --replay FILE.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.inputs = []string{"file:" + args[0], "format:" + formatTripline}
			return f.run(cmd)
		},
	}
	f.register(c.Flags())
	return c
}

func (f *matchFlags) run(cmd *cobra.Command) error {
	stdout, stderr := cmd.OutOrStdout(), cmd.ErrOrStderr()
	log, err := telemetry.NewLogger(stderr, f.log)
	if err != nil {
		return usagef("--log-%w", err)
	}
	out, err := f.out.open(stdout)
	if err != nil {
		return err
	}
	defer out.close()
	var in *matchInput
	if !f.list && !f.listEvents {
		if in, err = parseInput(f.inputs); err != nil {
			return err
		}
	}
	rs, err := f.rules.load(nil)
	if err != nil {
		return err
	}
	bad := problems(stderr, rs)
	switch {
	case f.listEvents:
		_, err := fmt.Fprintln(stdout, strings.Join(rs.Events(), ","))
		return err
	case f.list:
		fmt.Fprintln(stdout, loaded(rs))
		return listSignatures(stdout, rs)
	case len(rs.Rules) == 0:
		return fmt.Errorf("no rule could be loaded: %d errors in the rules", bad)
	}
	if out.lines() {
		fmt.Fprintln(stdout, loaded(rs))
	} else {
		fmt.Fprintln(stderr, loaded(rs))
	}
	return match(cmd.Context(), rs, in, cmd.InOrStdin(), out, log, stderr)
}

// loaded is the line that tracee-rules begins with.
func loaded(rs *matcher.Ruleset) string {
	ids := make([]string, len(rs.Rules))
	for i, r := range rs.Rules {
		if ids[i] = r.Info.ID; ids[i] == "" {
			ids[i] = r.Info.Name
		}
		ids[i] = clean(ids[i])
	}
	return fmt.Sprintf("Loaded %d signature(s): %s", len(ids), ids)
}

// listSignatures prints the rules in tracee-rules' columns.
func listSignatures(w io.Writer, rs *matcher.Ruleset) error {
	if _, err := fmt.Fprintf(w, "%-10s %-35s %s %s\n", "ID", "NAME", "VERSION", "DESCRIPTION"); err != nil {
		return err
	}
	for _, r := range rs.Rules {
		if _, err := fmt.Fprintf(w, "%-10s %-35s %-7s %s\n", clean(r.Info.ID), clean(r.Info.Name), clean(r.Info.Version), clean(r.Info.Description)); err != nil {
			return err
		}
	}
	return nil
}

// match holds everything in the input against the rules.
func match(ctx context.Context, rs *matcher.Ruleset, in *matchInput, stdin io.Reader, out *detectionWriter, log *slog.Logger, stderr io.Writer) error {
	e, err := matcher.NewEvaluator(rs, log)
	if err != nil {
		return err
	}
	defer e.Close()
	host := ""
	emit := func(d *msg.Detection) { out.write(ctx, d) }
	tally := newTally(stderr)
	var readErr error
	for b, err := range in.batches(ctx, stdin, tally) {
		if err != nil {
			readErr = errors.Join(readErr, err)
			continue
		}
		host = b.Host
		e.Batch(b, emit)
		if err := out.flush(); err != nil {
			return err
		}
	}
	if host == "" {
		if host, err = os.Hostname(); err != nil {
			host = "localhost"
		}
	}
	// The rules are told that the source is complete also when it was
	// interrupted or broke off: what they hold until then is not lost.
	e.End(host, emit)
	err = errors.Join(readErr, out.flush())
	tally.print()
	if out.failed > 0 {
		err = errors.Join(err, fmt.Errorf("%d of %d detections could not be delivered; the first: %w", out.failed, out.detections, out.err))
	}
	return err
}
