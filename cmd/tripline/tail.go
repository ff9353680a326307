package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

func newTail() *cobra.Command {
	f := &clientFlags{}
	var environment []string
	c := &cobra.Command{
		Use:   "tail raw|events|detections [event…]",
		Short: "Follow what passes, live",
		Long: `Follow a subject as it happens: raw events of the sensors, enriched events, or
detections. Events that are named are asked for from the sensors while this
runs; without names, what passes is what rules have asked for.`,
		Example: "  tripline tail events\n  tripline tail events openat connect\n  tripline tail detections -o json",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return tail(cmd.Context(), f, args[0], args[1:], environment, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f.register(c.Flags())
	c.Flags().StringSliceVar(&environment, "environment", nil, "ask for the environment variables of these `names`, too; \"all\" for all")
	return c
}

func tail(ctx context.Context, f *clientFlags, what string, events, environment []string, stdout, stderr io.Writer) error {
	subjects, err := tailSubjects(what, events)
	if err != nil {
		return err
	}
	b, err := f.connect(ctx, "tail")
	if err != nil {
		return err
	}
	defer b.Close()
	if len(events)+len(environment) > 0 && what != "detections" {
		host, err := os.Hostname()
		if err != nil {
			return err
		}
		if err := b.Demand("tail").Announce(ctx, demandFor("tail on "+host, events, environment)); err != nil {
			return err
		}
	}
	p := printer{w: stdout, json: f.output == "json", colour: colours(stdout)}
	type result struct {
		dropped uint64
		err     error
	}
	results := make(chan result, len(subjects))
	for _, s := range subjects {
		go func() {
			dropped, err := b.Tail(ctx, s, p.lockedPrint())
			results <- result{dropped, err}
		}()
	}
	var dropped uint64
	for range subjects {
		r := <-results
		dropped += r.dropped
		if r.err != nil && ctx.Err() == nil {
			return r.err
		}
	}
	if dropped > 0 {
		fmt.Fprintf(stderr, "%d messages came faster than they could be shown and were left out\n", dropped)
	}
	return nil
}

// tailSubjects lists what to subscribe to.
func tailSubjects(what string, events []string) ([]string, error) {
	root := ""
	switch what {
	case "raw":
		root = msg.SubjectTailRaw
	case "events":
		root = msg.SubjectTailEvents
	case "detections":
		if len(events) > 0 {
			return nil, usagef("detections are not chosen by event: %s", strings.Join(events, " "))
		}
		return []string{msg.SubjectDetections + ".>"}, nil
	default:
		return nil, usagef("cannot tail %q, expected raw, events or detections", what)
	}
	if len(events) == 0 {
		return []string{root + ".>"}, nil
	}
	var subjects []string
	for _, e := range events {
		if _, ok := catalogue.Lookup(e); !ok {
			return nil, usagef("no event is called %q; tripline events list shows those there are", e)
		}
		subjects = append(subjects, root+".*."+msg.Token(e))
	}
	return subjects, nil
}

func colours(w io.Writer) bool {
	f, ok := w.(interface{ Fd() uintptr })
	return ok && isatty.IsTerminal(f.Fd()) && os.Getenv("NO_COLOR") == ""
}

// decode reads one message of the mirror or of the detections.
func decode(subject string, data []byte) (e *msg.EventJSON, d *msg.Detection, err error) {
	if strings.HasPrefix(subject, msg.SubjectDetections+".") {
		d = &msg.Detection{}
		return nil, d, json.Unmarshal(data, d)
	}
	e = &msg.EventJSON{}
	return e, nil, json.Unmarshal(data, e)
}
