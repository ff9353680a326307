package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

// kernel is one log.
type kernel struct {
	label string
	// tests are by name, subtests included, with PASS, FAIL or SKIP.
	tests map[string]string
	// left are the tests that were left out, with the reason.
	left   map[string]string
	said   map[string][]string // lines of each test's own
	report report
	whole  bool // the line of the report is there
}

// report is what sensor/ebpf's tests print at their end (report_test.go there).
type report struct {
	Release string            `json:"release"`
	Backend map[string]string `json:"backend"`
	Missing map[string]string `json:"missing"`
	Checked map[string]bool   `json:"checked"`
	Calls   int               `json:"calls"`
}

const reportMark = "tripline: report "

var (
	running = regexp.MustCompile(`^=== (?:RUN|CONT|NAME)\s+(\S+)`)
	result  = regexp.MustCompile(`^\s*--- (PASS|FAIL|SKIP): (\S+) \(`)
	logged  = regexp.MustCompile(`^\s+[a-z0-9_]+\.go:\d+: (.*)`)
)

func read(label, path string) (*kernel, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	k := &kernel{label: label, tests: map[string]string{}, left: map[string]string{}, said: map[string][]string{}}
	current := ""
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := strings.TrimRight(lines.Text(), "\r")
		if m := running.FindStringSubmatch(line); m != nil {
			current = m[1]
		} else if m := result.FindStringSubmatch(line); m != nil {
			k.tests[m[2]] = m[1]
		} else if m := logged.FindStringSubmatch(line); m != nil {
			k.said[current] = append(k.said[current], m[1])
		} else if rest, ok := strings.CutPrefix(line, reportMark); ok {
			if err := json.Unmarshal([]byte(rest), &k.report); err != nil {
				return nil, fmt.Errorf("%s: the report: %w", path, err)
			}
			k.whole = true
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for name, r := range k.tests {
		if r == "SKIP" {
			k.left[name] = k.reason(name)
		}
	}
	if k.label == "" {
		k.label = short(k.report.Release)
	}
	return k, nil
}

// reason is why a test was left out: what it said last.
func (k *kernel) reason(test string) string {
	said := k.said[test]
	if len(said) == 0 {
		return ""
	}
	return said[len(said)-1]
}

// short is a release without what a distribution adds.
func short(release string) string {
	parts := strings.SplitN(release, ".", 3)
	if len(parts) < 2 {
		return release
	}
	return parts[0] + "." + parts[1]
}

func (k *kernel) count(result string) (n int) {
	for _, r := range k.tests {
		if r == result {
			n++
		}
	}
	return n
}

func (k *kernel) summary() string {
	by := map[string]int{}
	for _, b := range k.report.Backend {
		by[b]++
	}
	var served []string
	for b, n := range by {
		served = append(served, fmt.Sprintf("%d by %s", n, b))
	}
	slices.Sort(served)
	return fmt.Sprintf("%d tests passed, %d failed, %d not possible; events: %s, %d not served",
		k.count("PASS"), k.count("FAIL"), k.count("SKIP"), strings.Join(served, ", "), len(k.report.Missing))
}

// excerpt keeps a line readable; the log has the rest.
func excerpt(s string) string {
	const most = 300
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// problems lists what is wrong; of a run of all tests, also what they missed.
func (k *kernel) problems(all bool) []string {
	var out []string
	if !k.whole {
		out = append(out, "the tests did not get to their end")
	}
	for name, r := range k.tests {
		if r == "FAIL" {
			out = append(out, name+" failed: "+excerpt(strings.Join(k.said[name], "; ")))
		}
	}
	for name, reason := range k.left {
		if !strings.HasPrefix(reason, "needs ") {
			out = append(out, fmt.Sprintf("%s was left out and does not say what it needs: %q", name, reason))
		}
	}
	if all && k.whole {
		if len(k.report.Backend) == 0 {
			out = append(out, "no event is served")
		}
		for event := range k.report.Backend {
			if !k.report.Checked[event] {
				out = append(out, event+" is served, but no test has seen it")
			}
		}
	}
	slices.Sort(out)
	return out
}
