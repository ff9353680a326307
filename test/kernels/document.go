package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// document is docs/kernels.md.
func document(all []*kernel) []byte {
	var b bytes.Buffer
	fmt.Fprintln(&b, "# Kernels")
	fmt.Fprintln(&b)
	fmt.Fprintln(&b, "Written by `make test-kernels`, which runs the sensor's tests on these kernels; do not edit.")
	fmt.Fprintln(&b, "All but the last are Debian's, booted in QEMU; the last is the one of the machine that ran it.")
	fmt.Fprintln(&b)
	kernelTable(&b, all)
	eventTable(&b, all)
	leftTable(&b, all)
	return b.Bytes()
}

func row(b *bytes.Buffer, cells ...string) { fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | ")) }

func header(b *bytes.Buffer, cells ...string) {
	row(b, cells...)
	row(b, slices.Repeat([]string{"---"}, len(cells))...)
}

func labels(all []*kernel) []string {
	var out []string
	for _, k := range all {
		out = append(out, k.label)
	}
	return out
}

func kernelTable(b *bytes.Buffer, all []*kernel) {
	header(b, "kernel", "release", "tests passed", "not possible", "system calls", "other events served", "system calls that a test made")
	for _, k := range all {
		made := 0
		for event := range k.report.Checked {
			if e, ok := catalogue.Lookup(event); ok && e.Class == catalogue.Syscall {
				made++
			}
		}
		row(b, k.label, k.report.Release, fmt.Sprint(k.count("PASS")), fmt.Sprint(k.count("SKIP")),
			fmt.Sprint(k.report.Calls), fmt.Sprint(len(k.report.Backend)), fmt.Sprint(made))
	}
	fmt.Fprintln(b)
}

// eventTable has a row for each event that some kernel serves, and a note for
// each reason why another does not.
func eventTable(b *bytes.Buffer, all []*kernel) {
	fmt.Fprintf(b, "## Events and what serves them\n\n")
	fmt.Fprintf(b, "System calls come from the tracepoints at their entry and exit on every kernel. In brackets: why not.\n\n")
	header(b, append([]string{"event"}, labels(all)...)...)
	var notes []string
	for e := range catalogue.All() {
		if e.Class == catalogue.Syscall || !slices.ContainsFunc(all, func(k *kernel) bool { return k.report.Backend[e.Name] != "" }) {
			continue
		}
		cells := []string{"`" + e.Name + "`"}
		for _, k := range all {
			if by := k.report.Backend[e.Name]; by != "" {
				cells = append(cells, by)
				continue
			}
			reason := k.report.Missing[e.Name]
			i := slices.Index(notes, reason)
			if i < 0 {
				i = len(notes)
				notes = append(notes, reason)
			}
			cells = append(cells, fmt.Sprintf("– [%d]", i+1))
		}
		row(b, cells...)
	}
	fmt.Fprintln(b)
	for i, n := range notes {
		fmt.Fprintf(b, "%d. %s\n", i+1, n)
	}
	if len(notes) > 0 {
		fmt.Fprintln(b)
	}
}

// leftTable lists the tests that some kernel cannot run.
func leftTable(b *bytes.Buffer, all []*kernel) {
	names := map[string]bool{}
	for _, k := range all {
		for name := range k.left {
			names[name] = true
		}
	}
	fmt.Fprintf(b, "## Tests that are not possible everywhere\n\n")
	if len(names) == 0 {
		fmt.Fprintln(b, "None.")
		return
	}
	header(b, append([]string{"test"}, labels(all)...)...)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		cells := []string{name}
		for _, k := range all {
			reason, left := k.left[name]
			switch {
			case left:
				cells = append(cells, strings.ReplaceAll(reason, "|", `\|`))
			case k.tests[name] == "":
				cells = append(cells, "")
			default:
				cells = append(cells, "passed")
			}
		}
		row(b, cells...)
	}
}
