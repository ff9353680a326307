// Command kernels reads what the sensor's tests said on several kernels, writes
// docs/kernels.md of it, and fails if anything is not as it should be: a test
// that failed, a test that was left out without saying what it needs, an event
// that is served and that no test has seen.
//
// scripts/test-kernels runs it:
//
//	kernels -o docs/kernels.md 5.10=log 6.1=log here.log
//
// A log is the output of the test binary with -test.v. The name of the last one,
// without a label, is the release of the kernel that it ran on.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
)

func main() {
	out := flag.String("o", "", "write the matrix to this file")
	flag.Parse()
	if err := run(*out, flag.Args(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "kernels:", err)
		os.Exit(1)
	}
}

func run(out string, logs []string, summary *os.File) error {
	var all []*kernel
	var problems []string
	for _, arg := range logs {
		label, path, ok := strings.Cut(arg, "=")
		if !ok {
			label, path = "", arg
		}
		k, err := read(label, path)
		if err != nil {
			return err
		}
		all = append(all, k)
		fmt.Fprintf(summary, "%-8s %s\n", k.label, k.summary())
		for _, p := range k.problems(out != "") {
			problems = append(problems, k.label+": "+p)
		}
	}
	if out != "" {
		if err := os.WriteFile(out, document(all), 0o644); err != nil {
			return err
		}
		fmt.Fprintln(summary, "written:", out)
	}
	if len(problems) > 0 {
		return fmt.Errorf("%d problems:\n  %s", len(problems), strings.Join(problems, "\n  "))
	}
	return nil
}
