// Conformance holds this implementation of Falco's rule language against
// cases: it reads one JSON object a line on standard input and writes one a
// line on standard output, with the case's id, what was got and whether that
// is what the case expects. It exits with 1 when a case fails that is not
// marked as a quirk.
//
//	go run ./matcher/expr/falco/conformance < cases.jsonl
//
// A case has an id, a kind and what that kind takes:
//
//	parse, compile, evttypes, warn   condition
//	filter                           condition, event
//	format                           format, event
//	load, select, match              yaml or files, and steps or an event
//	plugin_requirements              yaml, plugins
//	wildcard                         pattern, text
//	config_rules                     cli
//	upstream_load, rule_evttypes     file and commit of a repository of rules
//
// Events are objects from names of fields to values: null or a missing name is
// an absent field, {"hex": …} raw bytes, an array a list, which for ancestor
// fields is nearest first.
//
// Messages are not compared word for word, since ours are our own: what a
// message must name, the words in single quotes, is looked for in ours.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
)

// result is what is written for a case.
type result struct {
	ID   string `json:"id"`
	Got  any    `json:"got"`
	Pass bool   `json:"pass"`
	// Why says what differs, or why the case was not run.
	Why string `json:"why,omitempty"`
}

func main() {
	rules := flag.String("rules", "", "a git repository with the rule files that cases of the kinds upstream_load and rule_evttypes name")
	quiet := flag.Bool("failures", false, "write only the cases that fail")
	flag.Parse()
	failed, err := run(os.Stdin, os.Stdout, os.Stderr, runner{repository: *rules}, *quiet)
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(2)
	}
	if failed > 0 {
		os.Exit(1)
	}
}

// run goes through the cases and says how many failed.
func run(in io.Reader, out, summary io.Writer, r runner, quiet bool) (failed int, err error) {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	sc := bufio.NewScanner(in)
	sc.Buffer(nil, 64<<20)
	total, quirks := 0, 0
	for line := 1; sc.Scan(); line++ {
		if len(sc.Bytes()) == 0 {
			continue
		}
		var c testCase
		var res result
		switch err := json.Unmarshal(sc.Bytes(), &c); {
		case err == nil:
			res = r.run(&c)
		case json.Valid(sc.Bytes()):
			// One of another form is no reason to leave out the others.
			res = result{ID: c.ID, Why: fmt.Sprintf("line %d: %v", line, err)}
		default:
			return failed, fmt.Errorf("line %d: %w", line, err)
		}
		total++
		switch {
		case res.Pass:
		case c.Quirk:
			quirks++
		default:
			failed++
		}
		if quiet && res.Pass {
			continue
		}
		if err := enc.Encode(res); err != nil {
			return failed, err
		}
	}
	fmt.Fprintf(summary, "%d cases: %d passed, %d failed, %d failed that are marked as quirks\n", total, total-failed-quirks, failed, quirks)
	return failed, sc.Err()
}
