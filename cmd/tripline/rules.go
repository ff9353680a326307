package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tripline/tripline/matcher"
	matchers "github.com/tripline/tripline/matcher/builtin"
	"github.com/tripline/tripline/rules"
)

func newRules() *cobra.Command {
	c := &cobra.Command{Use: "rules", Short: "The rules: what loads, from where, and what is wrong with it"}
	c.AddCommand(newRulesList(), newRulesDescribe(), newRulesFields(), newRulesLint(), newRulesTest())
	return c
}

// ruleFlags say which rules are meant.
type ruleFlags struct {
	dirs []string
	sel  []string
	json bool
}

func (f *ruleFlags) register(fs *pflag.FlagSet) {
	fs.StringSliceVar(&f.dirs, "rules-dir", []string{matcher.Builtin}, "`directory` or file of rules, or \"builtin\"; repeatable")
	fs.StringSliceVar(&f.sel, "rules", nil, "only the rules with these `ids` (or patterns of ids and names, or tag:NAME; with ! before it, all but those)")
	fs.BoolVar(&f.json, "json", false, "one JSON object a line")
}

// load loads what the flags and the arguments name; arguments win.
func (f *ruleFlags) load(args []string) (*matcher.Ruleset, error) {
	cfg := matcher.DefaultConfig()
	cfg.Rules, cfg.Select = f.dirs, f.sel
	if len(args) > 0 {
		cfg.Rules = args
	}
	if err := cfg.Validate(); err != nil {
		return nil, usageError{err}
	}
	return matcher.Load(cfg, matchers.Languages(matchers.DefaultConfig(), discard()), rules.Files)
}

func newRulesList() *cobra.Command {
	f := &ruleFlags{}
	c := &cobra.Command{
		Use:   "list [file or directory…]",
		Short: "List rules with their severity, events, source and hash",
		RunE: func(cmd *cobra.Command, args []string) error {
			rs, err := f.load(args)
			if err != nil {
				return err
			}
			problems(cmd.ErrOrStderr(), rs)
			return listRules(cmd.OutOrStdout(), rs, f.json)
		},
	}
	f.register(c.Flags())
	return c
}

// ruleJSON is a rule as `rules list --json` shows it.
type ruleJSON struct {
	matcher.Rule
	Events []string `json:"events"`
}

func listRules(w io.Writer, rs *matcher.Ruleset, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(w)
		for _, r := range rs.Rules {
			if err := enc.Encode(ruleJSON{r, eventNames(r)}); err != nil {
				return err
			}
		}
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tNAME\tLANGUAGE\tPRIORITY\tEVENTS\tSOURCE\tSHA-256")
	for _, r := range rs.Rules {
		state := ""
		if r.Disabled {
			state = " (disabled)"
		}
		fmt.Fprintf(t, "%s\t%s%s\t%s\t%s\t%s\t%s\t%s\n", clean(r.Info.ID), clean(r.Info.Name), state, r.Info.Language, r.Priority,
			strings.Join(eventNames(r), ","), r.File, r.Hash[:min(12, len(r.Hash))])
	}
	return t.Flush()
}

func eventNames(r matcher.Rule) (names []string) {
	seen := map[string]bool{}
	for _, s := range r.Select {
		name := s.Event
		if name == "" {
			name = "*"
		}
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

func newRulesLint() *cobra.Command {
	f := &ruleFlags{}
	c := &cobra.Command{
		Use:   "lint [file or directory…]",
		Short: "Say what is wrong with rules; exit code 1 if anything is",
		RunE: func(cmd *cobra.Command, args []string) error {
			rs, err := f.load(args)
			if err != nil {
				return err
			}
			if bad := problems(cmd.OutOrStdout(), rs); bad > 0 {
				return fmt.Errorf("%d errors; %d rules load", bad, len(rs.Rules))
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d rules load\n", len(rs.Rules))
			return nil
		},
	}
	f.register(c.Flags())
	return c
}

// problems prints what is wrong and counts the errors in it.
func problems(w io.Writer, rs *matcher.Ruleset) (bad int) {
	for _, p := range rs.Problems {
		fmt.Fprintln(w, p.Error())
		if !p.Warning {
			bad++
		}
	}
	return bad
}
