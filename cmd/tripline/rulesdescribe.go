package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/notifier/render"
)

func newRulesDescribe() *cobra.Command {
	f := &ruleFlags{}
	c := &cobra.Command{
		Use:     "describe ID",
		Short:   "Show what is known of one rule",
		Example: "  tripline rules describe TRC-2\n  tripline rules describe 'Terminal shell in container'",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			rs, err := f.load(nil)
			if err != nil {
				return err
			}
			found := 0
			for _, r := range rs.Rules {
				if r.Info.ID != args[0] && r.Info.Name != args[0] {
					continue
				}
				found++
				if err := describeRule(cmd.OutOrStdout(), r, f.json); err != nil {
					return err
				}
				about(cmd.ErrOrStderr(), rs, r)
			}
			if found == 0 {
				bad := problems(cmd.ErrOrStderr(), rs)
				return fmt.Errorf("none of the %d rules has the id or name %q (%d errors in files); tripline rules list shows them", len(rs.Rules), args[0], bad)
			}
			return nil
		},
	}
	f.register(c.Flags())
	return c
}

// about prints what is wrong with one rule.
func about(w io.Writer, rs *matcher.Ruleset, r matcher.Rule) {
	for _, p := range rs.Problems {
		if p.File == r.File && (p.Rule == "" || p.Rule == r.Info.ID || p.Rule == r.Info.Name) {
			fmt.Fprintln(w, p.Error())
		}
	}
}

func describeRule(w io.Writer, r matcher.Rule, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(ruleJSON{r, eventNames(r)})
	}
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "  %-12s %s\n", name+":", clean(value))
		}
	}
	fmt.Fprintf(w, "%s: %s\n", clean(r.Info.ID), clean(r.Info.Name))
	line("language", r.Info.Language)
	line("version", r.Info.Version)
	line("priority", fmt.Sprintf("%s (severity %d)", r.Priority, r.Priority.Severity()))
	line("MITRE", r.Info.MITRE)
	line("tags", strings.Join(r.Info.Tags, ", "))
	if r.Disabled {
		line("state", "disabled")
	}
	line("events", strings.Join(selectors(r), ", "))
	line("environment", strings.Join(r.Environment, ", "))
	source := r.File
	if r.Line > 0 {
		source = fmt.Sprintf("%s:%d", r.File, r.Line)
	}
	line("source", source)
	line("SHA-256", r.Hash)
	for _, name := range slices.Sorted(maps.Keys(r.Info.Properties)) {
		if len(r.Environment) > 0 && strings.EqualFold(name, "environment") {
			continue
		}
		line(name, render.Value(r.Info.Properties[name]))
	}
	if d := strings.TrimSpace(r.Info.Description); d != "" {
		fmt.Fprintf(w, "\n%s\n", clean(d))
	}
	return nil
}

// selectors names the events with where they must come from and what their
// arguments must be.
func selectors(r matcher.Rule) (out []string) {
	for _, s := range r.Select {
		text := s.Event
		if text == "" {
			text = "every event"
		}
		switch s.Origin {
		case matcher.HostOrigin:
			text += " on the host"
		case matcher.ContainerOrigin:
			text += " in containers"
		}
		for i, a := range s.Args {
			joint := " with"
			if i > 0 {
				joint = " and"
			}
			text += fmt.Sprintf("%s %s %s %s", joint, a.Name, a.Op, strings.Join(a.Values, " or "))
		}
		out = append(out, text)
	}
	return out
}
