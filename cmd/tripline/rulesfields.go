package main

import (
	"encoding/json"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/tripline/tripline/matcher"
	matchers "github.com/tripline/tripline/matcher/builtin"
)

func newRulesFields() *cobra.Command {
	var asJSON, missing bool
	c := &cobra.Command{
		Use:   "fields [pattern…]",
		Short: "List the fields that rules in YAML look at: type, argument, where the value comes from",
		Long: `List the fields that rules in YAML look at: how each is written, its type and
where its value comes from, or why Tripline cannot have it; a rule that uses such
a field loads with a warning.`,
		Example: "  tripline rules fields\n  tripline rules fields 'proc.*' fd.name\n  tripline rules fields --missing",
		RunE: func(cmd *cobra.Command, args []string) error {
			var list []matcher.Field
			for _, lang := range matchers.Languages(matchers.DefaultConfig(), discard()) {
				if f, ok := lang.(matcher.Fielder); ok {
					list = append(list, f.Fields()...)
				}
			}
			list = slices.DeleteFunc(list, func(f matcher.Field) bool {
				return missing && f.Missing == "" || len(args) > 0 && !slices.ContainsFunc(args, func(p string) bool {
					ok, _ := path.Match(p, f.Name)
					return ok
				})
			})
			if len(list) == 0 {
				return fmt.Errorf("no field matches %s", strings.Join(args, ", "))
			}
			return listFields(cmd.OutOrStdout(), list, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	c.Flags().BoolVar(&missing, "missing", false, "only the fields that never have a value here")
	return c
}

func listFields(w io.Writer, list []matcher.Field, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(w)
		for _, f := range list {
			if err := enc.Encode(f); err != nil {
				return err
			}
		}
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tTYPE\tARGUMENT\tVALUE FROM\tMEANING")
	for _, f := range list {
		from := f.From
		if f.Missing != "" {
			from = "never: " + f.Missing
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", f.Name, f.Type, f.Arg, from, f.Doc)
	}
	return t.Flush()
}
