package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tripline/tripline/internal/telemetry"
	"github.com/tripline/tripline/matcher"
	matchers "github.com/tripline/tripline/matcher/builtin"
	"github.com/tripline/tripline/matcher/ruletest"
	"github.com/tripline/tripline/rules"
)

func newRulesTest() *cobra.Command {
	f := &ruleFlags{}
	verbose := false
	c := &cobra.Command{
		Use:   "test [file or directory…]",
		Short: "Run the tests that stand beside rules; exit code 1 if one fails",
		Long: `Run the tests that stand beside rules: *_test.rego as "opa test" does, and
*_test.yaml, which describe events and what must be found in them, for rules of
any language. A file stands for the tests in it, or for those of the rule in it.`,
		Example: "  tripline rules test\n  tripline rules test ./rules\n  tripline rules test -v rules/shell.yaml",
		RunE: func(cmd *cobra.Command, args []string) error {
			return testRules(cmd, f, args, verbose)
		},
	}
	c.Flags().StringSliceVar(&f.dirs, "rules-dir", []string{matcher.Builtin}, "`directory` or file of rules, or \"builtin\"; repeatable")
	c.Flags().BoolVar(&f.json, "json", false, "one JSON object a line")
	c.Flags().BoolVarP(&verbose, "verbose", "v", false, "show the tests that pass too")
	return c
}

func testRules(cmd *cobra.Command, f *ruleFlags, args []string, verbose bool) error {
	log, err := telemetry.NewLogger(cmd.ErrOrStderr(), telemetry.LogConfig{Level: "warn", Format: "text"})
	if err != nil {
		return err
	}
	cfg := matcher.DefaultConfig()
	cfg.Rules = f.dirs
	if len(args) > 0 {
		cfg.Rules = args
	}
	report, err := ruletest.Run(cmd.Context(), cfg, matchers.Languages(matchers.DefaultConfig(), discard()), rules.Files, log)
	if err != nil {
		return err
	}
	if err := printTests(cmd.OutOrStdout(), report, f.json, verbose); err != nil {
		return err
	}
	for _, p := range report.Problems {
		fmt.Fprintln(cmd.ErrOrStderr(), p.Error())
	}
	failed, errors := 0, 0
	for _, r := range report.Results {
		if r.Failure != "" {
			failed++
		}
	}
	for _, p := range report.Problems {
		if !p.Warning {
			errors++
		}
	}
	switch {
	case failed+errors > 0:
		return fmt.Errorf("%d of %d tests failed, %d errors in files", failed, len(report.Results), errors)
	case len(report.Results) == 0:
		return fmt.Errorf("there are no tests in %s", strings.Join(cfg.Rules, ", "))
	}
	if !f.json {
		fmt.Fprintf(cmd.OutOrStdout(), "%d tests passed\n", len(report.Results))
	}
	return nil
}

// testJSON is a test as `rules test --json` shows it.
type testJSON struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Name    string `json:"name"`
	Result  string `json:"result"` // pass, fail, skip
	Failure string `json:"failure,omitempty"`
	Output  string `json:"output,omitempty"`
}

func printTests(w io.Writer, report *ruletest.Report, asJSON, verbose bool) error {
	enc := json.NewEncoder(w)
	for _, r := range report.Results {
		result := "pass"
		switch {
		case r.Failure != "":
			result = "fail"
		case r.Skipped:
			result = "skip"
		}
		if asJSON {
			if err := enc.Encode(testJSON{r.File, r.Line, r.Name, result, r.Failure, r.Output}); err != nil {
				return err
			}
			continue
		}
		if result == "pass" && !verbose {
			continue
		}
		fmt.Fprintf(w, "%s:%d: %s: %s", r.File, r.Line, clean(r.Name), result)
		if r.Failure != "" {
			fmt.Fprintf(w, ": %s", clean(r.Failure))
		}
		fmt.Fprintln(w)
		for line := range strings.Lines(r.Output) {
			fmt.Fprintf(w, "\t%s\n", clean(strings.TrimSuffix(line, "\n")))
		}
	}
	return nil
}
