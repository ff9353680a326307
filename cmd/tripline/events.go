package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/tripline/tripline/pkg/msg/catalogue"
	sensors "github.com/tripline/tripline/sensor/builtin"
)

func newEvents() *cobra.Command {
	c := &cobra.Command{Use: "events", Short: "The events that Tripline knows"}
	c.AddCommand(newEventsList(), newEventsDescribe())
	return c
}

func newEventsList() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "list [pattern…]",
		Short:   "List events by name, set or pattern",
		Example: "  tripline events list\n  tripline events list 'security_*' fs",
		RunE: func(cmd *cobra.Command, args []string) error {
			var list []*catalogue.Event
			for e := range catalogue.All() {
				if len(args) == 0 || slices.ContainsFunc(args, func(p string) bool { return chosen(e, p) }) {
					list = append(list, e)
				}
			}
			if len(list) == 0 {
				return fmt.Errorf("no event or set matches %s", strings.Join(args, ", "))
			}
			if asJSON {
				enc := json.NewEncoder(cmd.OutOrStdout())
				for _, e := range list {
					if err := enc.Encode(e); err != nil {
						return err
					}
				}
				return nil
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 2, ' ', 0)
			for _, e := range list {
				fmt.Fprintf(w, "%s\t%s\t%s\n", e.Name, strings.Join(e.Sets, ","), signature(e))
			}
			return w.Flush()
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	return c
}

// chosen says whether a pattern (with * and ?) names the event or a set it is in.
func chosen(e *catalogue.Event, pattern string) bool {
	if ok, _ := path.Match(pattern, e.Name); ok {
		return true
	}
	return slices.Contains(e.Sets, pattern)
}

func signature(e *catalogue.Event) string {
	var params []string
	for _, p := range e.Params {
		params = append(params, p.Type+" "+p.Name)
	}
	return "(" + strings.Join(params, ", ") + ")"
}

func newEventsDescribe() *cobra.Command {
	return &cobra.Command{
		Use:   "describe NAME",
		Short: "Show an event's arguments and types, and what serves it",
		Long: "Show an event's arguments and types, and the kernel programs that can serve it.\n" +
			"For root it tries those of this event, to say which one serves it on this machine.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, ok := catalogue.Lookup(args[0])
			if !ok {
				return fmt.Errorf("no event is called %q; tripline events list '*%s*' looks for parts of names", args[0], args[0])
			}
			if err := describeEvent(cmd.OutOrStdout(), e); err != nil {
				return err
			}
			return describeBackends(cmd.Context(), cmd.OutOrStdout(), e)
		},
	}
}

func describeEvent(out io.Writer, e *catalogue.Event) error {
	fmt.Fprintf(out, "%s (id %d)\n", e.Name, e.ID)
	if e.Doc != "" {
		fmt.Fprintf(out, "  %s\n", e.Doc)
	}
	if len(e.Sets) > 0 {
		fmt.Fprintf(out, "  sets: %s\n", strings.Join(e.Sets, ", "))
	}
	if e.Class == catalogue.Syscall {
		fmt.Fprintf(out, "  system call number: %s\n", numbers(e))
	}
	if len(e.Params) == 0 {
		_, err := fmt.Fprintln(out, "  no arguments")
		return err
	}
	fmt.Fprintln(out, "  arguments:")
	w := tabwriter.NewWriter(out, 4, 8, 2, ' ', 0)
	for _, p := range e.Params {
		fmt.Fprintf(w, "    %s\t%s\t%s\n", p.Name, p.Type, names(p.Values))
	}
	return w.Flush()
}

func describeBackends(ctx context.Context, out io.Writer, e *catalogue.Event) error {
	possible := sensors.Possible(e.Name)
	if len(possible) == 0 {
		_, err := fmt.Fprintln(out, "  back-ends: none, nothing makes it yet")
		return err
	}
	here, reason := sensors.Served(ctx, e.Name)
	if here == "" {
		here = "unknown or none: " + reason
	}
	_, err := fmt.Fprintf(out, "  back-ends: %s\n  here: %s\n", strings.Join(possible, ", "), here)
	return err
}

func numbers(e *catalogue.Event) string {
	var parts []string
	for _, n := range []struct {
		arch string
		nr   int
	}{{"x86-64", e.NrX86}, {"i386", e.NrI386}, {"arm64", e.NrArm64}} {
		if n.nr >= 0 {
			parts = append(parts, fmt.Sprintf("%d on %s", n.nr, n.arch))
		}
	}
	return strings.Join(parts, ", ")
}

// names shows the first few names of an argument's values.
func names(v *catalogue.Values) string {
	if v == nil {
		return ""
	}
	const most = 6
	var parts []string
	for i, x := range v.List {
		if i == most {
			parts = append(parts, fmt.Sprintf("… (%d names)", len(v.List)))
			break
		}
		parts = append(parts, x.Name)
	}
	return strings.Join(parts, " ")
}
