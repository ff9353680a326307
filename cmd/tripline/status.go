package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/pkg/msg"
)

// listenFor is how long status collects heartbeats: two of each stage, so
// that there are rates.
const listenFor = 2*beatInterval + 300*time.Millisecond

func newStatus() *cobra.Command {
	f := &clientFlags{}
	c := &cobra.Command{
		Use:   "status",
		Short: "Show the stages, their rates, what is lost, and what the kernel lets through",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := f.connect(cmd.Context(), "status")
			if err != nil {
				return err
			}
			defer b.Close()
			return status(cmd.Context(), b, cmd.OutOrStdout(), f.output == "json")
		},
	}
	f.register(c.Flags())
	return c
}

func status(ctx context.Context, b *bus.Bus, w io.Writer, asJSON bool) error {
	before, err := b.Pending(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	listen, stop := context.WithTimeout(ctx, listenFor)
	defer stop()
	seen := map[string]*instance{}
	err = b.WatchHeartbeats(listen, func(h msg.Heartbeat) {
		key := h.Stage + " " + h.Instance
		if i := seen[key]; i != nil {
			i.last = h
		} else {
			seen[key] = &instance{first: h, last: h}
		}
	})
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	all := slices.SortedFunc(maps.Values(seen), func(x, y *instance) int {
		return cmp.Or(stageOrder(x.last.Stage)-stageOrder(y.last.Stage), strings.Compare(x.last.Instance, y.last.Instance))
	})
	if len(all) == 0 {
		return fmt.Errorf("no stage gave a sign of life in %v", listenFor)
	}
	if asJSON {
		enc := json.NewEncoder(w)
		for _, i := range all {
			if err := enc.Encode(i.last); err != nil {
				return err
			}
		}
		return nil
	}
	showStages(w, all)
	showGates(w, all)
	showProblems(w, all)
	showSinks(w, all)
	now, err := b.Pending(ctx)
	if err != nil {
		return err
	}
	showPartitions(w, all, before, now, time.Since(began))
	return showStreams(ctx, w, b, now)
}

// instance is the first and the last heartbeat that was heard of one instance.
type instance struct{ first, last msg.Heartbeat }

func (i *instance) rate(counter string) string {
	took := i.last.Time.Sub(i.first.Time).Seconds()
	if _, ok := i.last.Counters[counter]; !ok || took <= 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f", float64(i.last.Counters[counter]-i.first.Counters[counter])/took)
}

func (i *instance) count(counter string) string {
	if n, ok := i.last.Counters[counter]; ok {
		return fmt.Sprint(n)
	}
	return "-"
}

func stageOrder(stage string) int {
	return slices.Index([]string{stageSensor, stageEnricher, stageMatcher, stageNotifier}, stage)
}

func showStages(w io.Writer, all []*instance) {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "STAGE\tINSTANCE\tUP\tREADY\tEVENTS\tPER SECOND\tLOST\tDETECTIONS\tDELIVERED")
	for _, i := range all {
		ready := "yes"
		if !i.last.Ready {
			ready = "no"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", i.last.Stage, i.last.Instance,
			i.last.Time.Sub(i.last.Started).Round(time.Second), ready,
			i.count("events"), i.rate("events"), i.count("lost"), i.count("detections"), i.count("delivered"))
	}
	t.Flush()
}

// showGates lists what each sensor's kernel lets through.
func showGates(w io.Writer, all []*instance) {
	for _, i := range all {
		if i.last.Stage != stageSensor {
			continue
		}
		names := texts(i.last.Detail["enabled"])
		fmt.Fprintf(w, "\nthe kernel of %s lets through %d events:\n  %s\n", i.last.Host, len(names), strings.Join(names, " "))
		if missing, ok := i.last.Detail["missing"].(map[string]any); ok && len(missing) > 0 {
			fmt.Fprintln(w, "rules ask for events that it does not have:")
			for _, name := range slices.Sorted(maps.Keys(missing)) {
				fmt.Fprintf(w, "  %s: %v\n", name, missing[name])
			}
		}
	}
}

func showProblems(w io.Writer, all []*instance) {
	for _, i := range all {
		if n := i.last.Counters["state_evicted"]; n > 0 {
			fmt.Fprintf(w, "\nthe rules of %s had too much to remember: %d groups of events were dropped (max_state, max_state_bytes)\n", i.last.Instance, n)
		}
		if problems := texts(i.last.Detail["problems"]); len(problems) > 0 {
			fmt.Fprintf(w, "\nthe rules of %s have problems:\n", i.last.Instance)
			for _, p := range problems {
				fmt.Fprintf(w, "  %s\n", strings.ReplaceAll(p, "\n", "\n  "))
			}
		}
	}
}

// showSinks lists what became of the detections, sink by sink.
func showSinks(w io.Writer, all []*instance) {
	for _, i := range all {
		var sinks []notifier.SinkHealth
		if raw, err := json.Marshal(i.last.Detail["sinks"]); i.last.Stage != stageNotifier || err != nil || json.Unmarshal(raw, &sinks) != nil {
			continue
		}
		fmt.Fprintf(w, "\nthe sinks of %s:\n", i.last.Instance)
		t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
		fmt.Fprintln(t, "SINK\tDELIVERED\tRETRIED\tDEAD\tHELD\tSUPPRESSED\tSTATE")
		for _, s := range sinks {
			var why []string
			for _, r := range slices.Sorted(maps.Keys(s.Suppressed)) {
				why = append(why, fmt.Sprintf("%s %d", r, s.Suppressed[r]))
			}
			state := "ok"
			if s.Failing != nil {
				state = "failing since " + s.Failing.UTC().Format(time.RFC3339) + ": " + render.Terminal(s.Error)
			}
			if s.Open {
				state = "given up, " + state
			}
			fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%s\t%s\n", s.Name, s.Delivered, s.Retried, s.Dead, s.Held, cmp.Or(strings.Join(why, ", "), "-"), state)
		}
		t.Flush()
	}
}

func showStreams(ctx context.Context, w io.Writer, b *bus.Bus, waiting bus.Pending) error {
	streams, err := b.Streams(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "STREAM\tKEPT IN\tMESSAGES\tKIB\tOF KIB\tDISCARDED")
	for _, s := range streams {
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%d\t%d\n", s.Name, s.Storage, s.Messages, s.Bytes>>10, s.MaxBytes>>10, s.Discarded)
	}
	t.Flush()
	fmt.Fprintf(w, "\nwaiting: %d raw batches, %d enriched batches", waiting.Raw, waiting.Events)
	for _, sink := range slices.Sorted(maps.Keys(waiting.Detections)) {
		name, ok := msg.Untoken(sink)
		if !ok {
			name = sink
		}
		fmt.Fprintf(w, ", %d detections for %s", waiting.Detections[sink], name)
	}
	fmt.Fprintln(w)
	return nil
}

// texts reads a list of strings out of a heartbeat's detail.
func texts(v any) (out []string) {
	list, _ := v.([]any)
	for _, x := range list {
		if s, ok := x.(string); ok {
			out = append(out, s)
		}
	}
	return out
}
