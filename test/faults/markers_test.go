package faults

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	groups    = 6
	markEvery = 400 * time.Millisecond // a new marker in each group
	trio      = 3                      // how often each is made
	trioPause = 2 * time.Second        // between those
)

// made is one start of a marker's program.
type made struct {
	group       int
	arg         string
	pid         int
	begin, ends time.Time
}

// markers makes them until it is told to stop.
type markers struct {
	run  string // what the arguments of this run begin with
	stop chan struct{}
	wg   sync.WaitGroup

	mu  sync.Mutex
	all []made
	err error
}

// program is the name of the marker's program in a group: rules group by it.
func program(group int) string { return "tlmark" + strconv.Itoa(group) }

func startMarkers(t *testing.T, run, dir string) *markers {
	t.Helper()
	m := &markers{run: run, stop: make(chan struct{})}
	for g := range groups {
		path := filepath.Join(dir, program(g))
		if err := copyProgram("/bin/true", path); err != nil {
			t.Fatal(err)
		}
		c := child(t, controlGroup(t, "mark"+strconv.Itoa(g)), "mark", path)
		in, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		m.wg.Go(func() {
			m.ask(in, g)
			_ = c.Wait()
		})
		m.wg.Go(func() { m.note(out, g) })
	}
	t.Cleanup(m.finish)
	return m
}

// ask has markers made at their times: a new one every markEvery, each trio
// times.
func (m *markers) ask(in io.WriteCloser, group int) {
	defer in.Close()
	tick := time.NewTicker(markEvery)
	defer tick.Stop()
	lag := int(trioPause / markEvery)
	for n := 0; ; n++ {
		select {
		case <-m.stop:
			return
		case <-tick.C:
		}
		for again := range trio {
			if i := n - again*lag; i >= 0 {
				if _, err := fmt.Fprintf(in, "%s-%d-%d\n", m.run, group, i); err != nil {
					m.fail(err)
					return
				}
			}
		}
	}
}

// note reads what was made.
func (m *markers) note(out io.Reader, group int) {
	for lines := bufio.NewScanner(out); lines.Scan(); {
		w := strings.Fields(lines.Text())
		if len(w) != 4 {
			m.fail(fmt.Errorf("marker: %q", lines.Text()))
			return
		}
		var n [3]int64
		for i := range n {
			var err error
			if n[i], err = strconv.ParseInt(w[i+1], 10, 64); err != nil {
				m.fail(err)
				return
			}
		}
		m.mu.Lock()
		m.all = append(m.all, made{group, w[0], int(n[0]), time.Unix(0, n[1]), time.Unix(0, n[2])})
		m.mu.Unlock()
	}
}

func (m *markers) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err == nil {
		m.err = err
	}
}

// finish makes no more and returns when what was asked for is made.
func (m *markers) finish() {
	select {
	case <-m.stop:
	default:
		close(m.stop)
	}
	m.wg.Wait()
}

func copyProgram(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o755)
}

// rules are those that the markers are for.
func rules(run string) string {
	return fmt.Sprintf(`
- rule: Marker
  desc: a marker was made; one event decides
  condition: evt.type = execve and proc.name startswith tlmark and proc.args startswith "%[1]s-"
  output: "%%proc.args"
  priority: NOTICE
- rule: Marker made three times
  desc: counts within what a change of owner may fall into
  condition: evt.type = execve and proc.name startswith tlmark and proc.args startswith "%[1]s-"
  output: "%%proc.args"
  priority: WARNING
  threshold: {count: 3, within: 2m, by: [proc.args]}
- rule: Every fifth marker
  desc: counts for ever, so that where a count begins matters
  condition: evt.type = execve and proc.name startswith tlmark and proc.args startswith "%[1]s-"
  output: "%%proc.args"
  priority: ERROR
  threshold: {count: 5, within: 1m, by: [proc.name]}
`, run)
}

// loadRule is what the load is for.
func loadRule(run, file string) string {
	return fmt.Sprintf(`
- rule: Load
  desc: has every open looked at, and finds nothing
  condition: evt.type in (open, openat, openat2) and fd.name = "%[2]s.not" and proc.cmdline contains "%[1]s"
  output: "none"
  priority: DEBUG
`, run, file)
}

const (
	ruleOne   = "marker"
	ruleTrio  = "marker-made-three-times"
	ruleFifth = "every-fifth-marker"
)
