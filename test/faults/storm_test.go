package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/test/storm"
)

// stormRules are the rules by which each kind of attack is told. All but one
// come with Tripline: none of those is about a host's connection to itself.
var stormRules = map[string][]string{
	"execution from shared memory":    {"program-run-from-shared-memory"},
	"sensitive file read":             {"sensitive-file-read"},
	"process traced":                  {"process-traced-by-another"},
	"program from memory":             {"TRC-5", "program-started-from-memory"},
	"symbolic link to a secret":       {"symbolic-link-to-a-sensitive-file"},
	"hard link to a secret":           {"hard-link-to-a-sensitive-file"},
	"connection":                      {"discard-service-asked"},
	"namespace entered":               {"namespace-of-other-processes-entered"},
	"history removed":                 {"shell-history-removed"},
	"set-uid bit":                     {"program-given-the-rights-of-its-owner"},
	"standard input from the network": {"TRC-1"},
}

const discardRule = `
- rule: Discard service asked
  desc: a connection that only the storm makes
  condition: evt.type = connect and fd.rport = 9
  output: "%proc.name"
  priority: NOTICE
`

// bare is a pipeline before anything of it runs, as it comes: nothing stands
// between the stages and the server. It returns the file of its rules, too.
func bare(t *testing.T, run, rules string) (p *pipeline, ruleFile string) {
	t.Helper()
	p = &pipeline{t: t, host: run, dir: t.TempDir(), stages: map[string]*stage{}}
	p.addr = freePort(t)
	p.config = filepath.Join(p.dir, "config.yaml")
	p.sink = filepath.Join(p.dir, "detections.json")
	ruleFile = filepath.Join(p.dir, "rules.yaml")
	write(t, ruleFile, rules)
	write(t, p.config, fmt.Sprintf(`
nats:
  server: {store_dir: %s, listen: %s}
notifier:
  sinks:
    - {name: file, type: file, format: json, path: %s, max_bytes: 0}
`, t.TempDir(), p.addr, p.sink))
	t.Cleanup(func() {
		if t.Failed() {
			p.explain()
		}
	})
	return p, ruleFile
}

// everything runs the whole pipeline in one process with all rules.
func everything(t *testing.T, run, rules string) *pipeline {
	t.Helper()
	p, extra := bare(t, run, rules)
	p.server = p.stage("tripline", nil, "run", "--rules-dir", "builtin", "--rules-dir", extra)
	p.server.begin()
	p.beats = listen(t, p.addr)
	return p
}

// TestStorm: while one process opens and closes files as fast as it can, every
// attack becomes a detection, and what is dropped is counted.
func TestStorm(t *testing.T) {
	needs(t)
	length, err := time.ParseDuration(os.Getenv("TRIPLINE_STORM_FOR"))
	if err != nil {
		t.Skip("needs TRIPLINE_STORM_FOR, for how long: run make bench-storm-pipeline")
	}
	p := everything(t, fmt.Sprintf("tls%d", os.Getpid()), discardRule)
	r, err := storm.Run(t.Context(), storm.Config{Dir: t.TempDir(), Duration: length, Rounds: setting(t, "TRIPLINE_STORM_ROUNDS", 5), Files: 1})
	if err != nil {
		t.Fatal(err)
	}
	p.settle()
	of := map[int32][]msg.Detection{}
	for _, d := range delivered(t, p.sink) {
		if d.Event != nil && d.Event.Process != nil {
			of[d.Event.Process.NSPID] = append(of[d.Event.Process.NSPID], d)
		}
	}
	found, made, slow := map[string]int{}, map[string]int{}, map[string]time.Duration{}
	for _, a := range r.Attacks {
		made[a.Kind]++
		var rules []string
		hit := false
		for _, d := range of[int32(a.Pid)] {
			rules = append(rules, d.Rule.ID)
			if slices.Contains(stormRules[a.Kind], d.Rule.ID) && !hit {
				hit = true
				slow[a.Kind] = max(slow[a.Kind], d.Detected.Sub(d.Time))
			}
		}
		if hit {
			found[a.Kind]++
		} else {
			t.Errorf("%s, round %d, by process %d: detections of it: %v", a.Kind, a.Round, a.Pid, rules)
		}
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "attack\tdone\tdetected\tslowest\t")
	total := 0
	for _, kind := range storm.Kinds() {
		total += found[kind]
		fmt.Fprintf(w, "%s\t%d\t%d\t%v\t\n", kind, made[kind], found[kind], slow[kind].Round(time.Millisecond))
	}
	w.Flush()
	t.Logf("%d of %d attacks detected while %.0f files a second were opened and closed for %v\n%slost and counted: %s",
		total, len(r.Attacks), float64(r.Pairs)/r.Took.Seconds(), r.Took.Round(time.Second), b.String(), p.beats.lost())
}
