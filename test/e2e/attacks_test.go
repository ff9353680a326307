package e2e

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

const attackScript = "attacks/attack"

// attack is what the script does for one rule, and what is to be seen of it.
type attack struct {
	rule string
	// events are what it needs; where the kernel's sensor does not serve one of
	// them, the attack is skipped and named.
	events []string
	comm   string // of the process
	times  int    // how often the attack does it
	// containerOnly rules say nothing on the host.
	containerOnly bool
}

func attacks() []attack {
	open, connect := []string{"security_file_open"}, []string{"security_socket_connect"}
	return []attack{
		{"TRC-1", []string{"socket_dup"}, "act", 1, false},
		{"TRC-2", []string{"ptrace"}, "act", 1, false},
		{"TRC-3", []string{"ptrace", "process_vm_writev", "security_file_open"}, "act", 3, false},
		{"TRC-4", []string{"mem_prot_alert"}, "act", 1, false},
		{"TRC-5", []string{"sched_process_exec"}, "", 1, false},
		{"TRC-6", []string{"init_module"}, "act", 1, false},
		{"TRC-7", []string{"execve"}, "act", 1, false},
		{"TRC-8", open, "act", 1, true},
		{"TRC-9", []string{"magic_write"}, "act", 1, true},
		{"TRC-10", open, "act", 1, false},
		{"TRC-11", []string{"security_sb_mount"}, "act", 1, true},
		{"TRC-12", []string{"security_bprm_check"}, "nginx", 1, false},
		{"TRC-13", connect, "act", 1, true},
		{"TRC-14", open, "act", 1, true},
		{"TRC-106", open, "act", 1, true},
		{"TRC-109", open, "act", 1, false},
		{"TRC-1011", open, "act", 1, false},
		{"TRC-1012", open, "act", 1, false},
		{"TRC-1015", []string{"magic_write"}, "act", 1, false},
		{"TRC-1019", connect, "act", 1, true},
		{"TRC-1021", open, "act", 1, false},
		{"TRC-1023", open, "act", 1, false},
		{"TRC-1026", open, "act", 1, false},
		{"TRC-1027", open, "act", 1, false},
		{"TRC-1028", open, "act", 1, false},
		{"TRC-1029", open, "act", 1, false},
		{"TRC-1031", open, "act", 1, false},
		{"TRL-1", []string{"sched_process_exec"}, "", 1, false},
		{"TRL-2", []string{"ptrace"}, "act", 1, false},
		{"TRL-3", open, "act", 1, false},
	}
}

// also are rules that an attack for another cannot but set off too.
func also(rule string, contained bool) []string {
	switch {
	case rule == "TRC-1015" && contained:
		return []string{"TRC-9"} // a hidden program is a dropped one as well
	case rule == "TRC-5" && contained:
		return []string{"TRC-9"} // the memory that is run is written first
	case (rule == "TRC-12" || rule == "TRL-1") && contained:
		return []string{"TRC-9"} // programs are copied to where they run
	case !contained:
		return []string{"TRL-1"} // counts what anybody runs below /tmp, this checkout too where it lies there
	}
	return nil
}

// TestAttacks does the real thing for every built-in rule, on the host and in a
// container: the rule fires, once for each time, on the process that did it,
// and no other rule does.
func TestAttacks(t *testing.T) {
	socket, client := docker(t)
	serve, url := bus(t)
	p := start(t, append([]string{"run", "--docker-socket", socket, "--output", "json"}, serve...)...).ready()
	missing := notServed(t, url)
	allAreTried(t)

	for _, place := range []struct {
		name      string
		contained bool
		args      []string
	}{{"host", false, []string{"all"}}, {"container", true, []string{"docker", "all"}}} {
		t.Run(place.name, func(t *testing.T) {
			before := len(p.out.String())
			cmd := exec.Command(attackScript, place.args...)
			cmd.Env = append(cmd.Environ(), "DOCKER="+strings.Join(client().Args, " "))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %v\n%s", cmd.Args, err, out)
			}
			found := func() []msg.Detection {
				var ours []msg.Detection
				for _, d := range lines[msg.Detection](p.out.String()[before:]) {
					mine := below(&d, cmd.Process.Pid)
					if place.contained {
						mine = ofImage(&d)
					}
					if mine && d.Rule.Language != "expr" {
						ours = append(ours, d)
					}
				}
				return ours
			}
			settle(func() int { return len(found()) })
			byAttack := make(map[string][]msg.Detection)
			for _, d := range found() {
				step := stepOf(&d)
				byAttack[step] = append(byAttack[step], d)
			}
			for _, d := range byAttack[""] {
				t.Errorf("%s is of no attack: %s by %v", d.Rule.ID, d.Output, d.Event.Process)
			}
			for _, a := range attacks() {
				t.Run(a.rule, func(t *testing.T) {
					for _, e := range a.events {
						if why, ok := missing[e]; ok {
							t.Skipf("needs the event %s: %s", e, why)
						}
					}
					if a.rule == "TRL-1" && !place.contained {
						countsOurs(t, p)
						return
					}
					a.check(t, byAttack[a.rule], place.contained)
				})
			}
		})
	}
}

func (a attack) check(t *testing.T, found []msg.Detection, contained bool) {
	want := a.times
	if a.containerOnly && !contained {
		want = 0
	}
	n := 0
	for _, d := range found {
		if d.Rule.ID != a.rule {
			if !slices.Contains(also(a.rule, contained), d.Rule.ID) {
				t.Errorf("%s fired as well: %s %v", d.Rule.ID, d.Output, d.Data)
			}
			continue
		}
		n++
		if d.Event.Process == nil || a.comm != "" && d.Event.Comm != a.comm {
			t.Errorf("it names %q, %+v, want the process %q", d.Event.Comm, d.Event.Process, a.comm)
		}
	}
	if n != want {
		t.Errorf("it fired %d times, want %d", n, want)
	}
}

// countsOurs is for the rule that counts programs run anywhere on the host: what
// else runs here may complete the count, but ours are in it.
func countsOurs(t *testing.T, p *process) {
	ours := regexp.MustCompile(`/tmp/attack\.\w+/[abc]\b`)
	for _, d := range lines[msg.Detection](p.out.String()) {
		if d.Rule.ID == "TRL-1" && d.Event.Container == nil && ours.MatchString(fmt.Sprint(d.Data["files"])) {
			return
		}
	}
	t.Error("no finding counts the programs of the attack")
}

// allAreTried compares the table with the rules there are and with the script.
func allAreTried(t *testing.T) {
	t.Helper()
	var have []string
	for _, a := range attacks() {
		have = append(have, a.rule)
	}
	if listed := strings.Fields(run(t, attackScript, "list")); !slices.Equal(listed, have) {
		t.Errorf("the script has attacks for %v, the table for %v", listed, have)
	}
	compiled := regexp.MustCompile(`(?m)^(\S+) .* (?:golang|rego) `).FindAllStringSubmatch(run(t, binary(t), "rules", "list"), -1)
	if len(compiled) == 0 {
		t.Error("no rules are listed")
	}
	for _, rule := range compiled {
		if !slices.Contains(have, rule[1]) {
			t.Errorf("no attack for rule %s", rule[1])
		}
	}
}

// notServed are the events that rules want and this machine's sensor does not
// serve, with the reason.
func notServed(t *testing.T, url string) map[string]string {
	t.Helper()
	out := run(t, binary(t), "status", "--nats", url, "-o", "json")
	missing := make(map[string]string)
	for _, h := range lines[msg.Heartbeat](out) {
		if h.Stage == "sensor" {
			b, _ := json.Marshal(h.Detail["missing"])
			_ = json.Unmarshal(b, &missing)
		}
	}
	if len(missing) > 0 {
		t.Logf("not served here: %v", missing)
	}
	return missing
}

// settle waits until a count stands still for three seconds.
func settle(count func() int) {
	last, since := count(), time.Now()
	for time.Since(since) < 3*time.Second {
		time.Sleep(100 * time.Millisecond)
		if n := count(); n != last {
			last, since = n, time.Now()
		}
	}
}

// below says whether the process of a detection is pid or was started by it.
func below(d *msg.Detection, pid int) bool {
	p := d.Event.Process
	return p != nil && (p.PID == int32(pid) || slices.ContainsFunc(p.Ancestors, func(a msg.AncestorJSON) bool { return a.PID == int32(pid) }))
}

// ofImage says whether it happened in a container of the script's image.
func ofImage(d *msg.Detection) bool {
	return d.Event.Container != nil && strings.HasPrefix(d.Event.Container.Image, "tripline/attack")
}

// stepOf is the rule that the attack was for: the scripts do each in a process
// "attack one RULE" or "rules one RULE".
func stepOf(d *msg.Detection) string {
	p := d.Event.Process
	if p == nil {
		return ""
	}
	of := func(args []string) string {
		for i, a := range args {
			if base := filepath.Base(a); (base == "attack" || base == "rules") && i+2 < len(args) && args[i+1] == "one" {
				return args[i+2]
			}
		}
		return ""
	}
	if rule := of(p.Args); rule != "" {
		return rule
	}
	for _, a := range p.Ancestors {
		if rule := of(a.Args); rule != "" {
			return rule
		}
	}
	return ""
}

// TestQuietDay does nothing out of the ordinary: no rule of any language says
// anything about it.
func TestQuietDay(t *testing.T) {
	socket, client := docker(t)
	serve, _ := bus(t)
	p := start(t, append([]string{"run", "--docker-socket", socket, "--output", "json"}, serve...)...).ready()
	cmd := exec.Command(attackScript, "quiet")
	cmd.Env = append(cmd.Environ(), "DOCKER="+strings.Join(client().Args, " "))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// An attack after it shows that the pipeline has come this far.
	last := exec.Command(attackScript, "TRC-2")
	if out, err := last.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	found := func() []msg.Detection { return lines[msg.Detection](p.out.String()) }
	eventually(t, "the attack after the quiet day", func() bool {
		return slices.ContainsFunc(found(), func(d msg.Detection) bool { return d.Rule.ID == "TRC-2" && below(&d, last.Process.Pid) })
	})
	for _, d := range found() {
		if ofImage(&d) || below(&d, cmd.Process.Pid) {
			t.Errorf("%s (%s) on %s: %s %v, by %s %q", d.Rule.ID, d.Rule.Language, d.Event.Name, d.Output, d.Data, d.Event.Comm, d.Event.Process.Args)
		}
	}
}
