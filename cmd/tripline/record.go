package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/sensor/replay"
)

// recordFlags are the flags of record.
type recordFlags struct {
	client      clientFlags
	span        time.Duration
	events      []string
	environment []string
	force       bool
}

func newRecord() *cobra.Command {
	f := &recordFlags{}
	c := &cobra.Command{
		Use:   "record raw|events FILE",
		Short: "Store a stretch of what passes in a file",
		Long: `Store the batches that pass in a file, until the time given with --for is over or
until it is interrupted: raw as sensors send them, or events with what the
enricher added. "tripline replay FILE" holds them against rules again, and
"tripline run --replay FILE" sends them through all the stages.`,
		Example: "  tripline record events attack.rec --for 10s\n  tripline record raw attack.rec --events openat,connect",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return record(cmd.Context(), f, args[0], args[1], cmd.OutOrStdout())
		},
	}
	fs := c.Flags()
	f.client.register(fs)
	fs.DurationVar(&f.span, "for", 0, "how long; 0 is until interrupted")
	fs.StringSliceVar(&f.events, "events", nil, "ask the sensors for these `events` while recording")
	fs.StringSliceVar(&f.environment, "environment", nil, "ask for the environment variables of these `names` while recording; \"all\" for all")
	fs.BoolVar(&f.force, "force", false, "overwrite the file")
	return c
}

func record(ctx context.Context, f *recordFlags, what, path string, stdout io.Writer) (err error) {
	subject := map[string]string{"raw": msg.SubjectRaw + ".>", "events": msg.SubjectEvents + ".>"}[what]
	if subject == "" {
		return usagef("cannot record %q, expected raw or events", what)
	}
	if f.span < 0 {
		return usagef("--for: %s is not a length of time", f.span)
	}
	if _, err := tailSubjects(what, f.events); err != nil {
		return err
	}
	b, err := f.client.connect(ctx, "record")
	if err != nil {
		return err
	}
	defer b.Close()
	if len(f.events)+len(f.environment) > 0 {
		host, err := os.Hostname()
		if err != nil {
			return err
		}
		if err := b.Demand("record").Announce(ctx, demandFor("record on "+host, f.events, f.environment)); err != nil {
			return err
		}
	}
	mode := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if f.force {
		mode = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	// What processes were told on their command lines is not for everybody.
	file, err := os.OpenFile(path, mode, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s is there already; remove it or give --force", path)
	} else if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if f.span > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, f.span)
		defer stop()
	}
	r, err := newRecorder(file)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	dropped, err := b.Tail(ctx, subject, func(_ string, frame []byte) {
		if err := r.add(frame); err != nil {
			stop(err)
		}
	})
	if r.failed != nil {
		err = errors.Join(err, fmt.Errorf("%s: %w", path, r.failed))
	}
	err = errors.Join(err, r.w.Flush())
	fmt.Fprintf(stdout, "%d events in %d batches", r.events, r.batches)
	if dropped+r.malformed > 0 {
		fmt.Fprintf(stdout, "; %d batches came faster than they could be written, %d could not be read", dropped, r.malformed)
	}
	fmt.Fprintln(stdout)
	return err
}

// recorder writes frames to a recording and counts.
type recorder struct {
	w                          *replay.Writer
	batches, events, malformed uint64
	failed                     error
}

func newRecorder(w io.Writer) (*recorder, error) {
	rw, err := replay.NewWriter(w)
	return &recorder{w: rw}, err
}

func (r *recorder) add(frame []byte) error {
	if r.failed != nil {
		return r.failed
	}
	b := &msg.Batch{}
	if err := msg.Unmarshal(frame, b); err != nil {
		r.malformed++
		return nil
	}
	if r.failed = r.w.Write(b); r.failed != nil {
		return r.failed
	}
	r.batches++
	r.events += uint64(len(b.Events))
	return nil
}
