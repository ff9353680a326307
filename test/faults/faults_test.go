package faults

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	faultEvery = 10 * time.Second
	faultLasts = 5 * time.Second
)

// fault is one thing that is done to one process.
type fault struct{ target, what string }

// The things that are done.
const (
	kill   = "killed"
	freeze = "stopped for 5s"
	cut    = "cut off for 5s"
	mute   = "unheard for 5s" // nothing passes, and nobody is told
)

// draw chooses the next fault: the stages alike, the server as one of them.
func draw(r *rand.Rand, stages []string) fault {
	target := append([]string{"nats"}, stages...)[r.IntN(len(stages)+1)]
	whats := []string{kill, freeze, cut, mute}
	if target == "nats" {
		whats = whats[:3]
	}
	return fault{target, whats[r.IntN(len(whats))]}
}

// do returns when the fault is over.
func (p *pipeline) do(f fault) {
	targets := []*stage{p.stages[f.target]}
	if f.target == "nats" {
		targets = p.all()
	}
	s := p.server
	if f.target != "nats" {
		s = targets[0]
	}
	switch f.what {
	case kill:
		s.signal(syscall.SIGKILL)
	case freeze:
		s.signal(syscall.SIGSTOP)
		time.Sleep(faultLasts)
		s.signal(syscall.SIGCONT)
	case cut:
		for _, t := range targets {
			t.proxy.Down()
		}
		time.Sleep(faultLasts)
		for _, t := range targets {
			t.proxy.Up()
		}
	case mute:
		s.proxy.Hold()
		time.Sleep(faultLasts)
		s.proxy.Release()
	}
}

// setting reads a number from the environment.
func setting(t *testing.T, name string, otherwise int) int {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		return otherwise
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// TestFaults: whatever is killed, stopped or cut off, every marker is found
// once, and what counts counts right.
func TestFaults(t *testing.T) {
	needs(t)
	length, err := time.ParseDuration(os.Getenv("TRIPLINE_FAULTS_FOR"))
	if err != nil {
		t.Skip("needs TRIPLINE_FAULTS_FOR, for how long things are broken: run make test-faults")
	}
	seed := setting(t, "TRIPLINE_FAULTS_SEED", 1)
	run := fmt.Sprintf("tlf%d", os.Getpid())
	dir := t.TempDir()
	loadFile := filepath.Join(dir, "load")
	write(t, loadFile, "")

	p := start(t, run, t.TempDir(), rules(run)+loadRule(run, loadFile), plenty)
	m := startMarkers(t, run, dir)
	p.waitFor(ruleFifth)
	group := controlGroup(t, "load")
	rate := setting(t, "TRIPLINE_FAULTS_LOAD", 0)
	if rate == 0 {
		rate = int(p.capacity(func() *loader { return startLoad(t, group, loadFile, 0) }) / 2)
	}
	t.Logf("seed %d: %v of faults under %d opened files a second, half of what came through at most", seed, length, rate)

	l := startLoad(t, group, loadFile, float64(rate))
	r := rand.New(rand.NewPCG(uint64(seed), 0))
	done := map[fault]int{}
	n := 0
	for began := time.Now(); time.Since(began) < length; n++ {
		f := draw(r, p.names)
		done[f]++
		t.Logf("%6.1fs %s %s", time.Since(began).Seconds(), f.target, f.what)
		p.do(f)
		time.Sleep(time.Until(began.Add(time.Duration(n+1) * faultEvery)))
	}
	opened := l.stop()
	m.finish()
	if m.err != nil {
		t.Fatal(m.err)
	}
	p.settle()

	sensor := p.stages["sensor"]
	rows := judge(m.all, delivered(t, p.sink), func(at time.Time) bool { return sensor.wasDown(at, unwatchedBefore, unwatchedAfter) })
	t.Logf("seed %d, %v, %d faults, %s files opened\n%slost and counted: %s", seed, length, n, opened, table(rows), p.beats.lost())
	for _, row := range rows {
		if row.bad() || row.expected == 0 {
			t.Errorf("%s: %d expected, %d missing, %d not due, %d doubled", row.rule, row.expected, row.missing, row.extra, row.double)
		}
	}
	if s := p.strange(); len(s) > 0 {
		t.Errorf("stages ended by themselves:\n%s", strings.Join(s, "\n"))
	}
}

// capacity is how many events a second come through to the rules when one
// process makes as many as it can.
func (p *pipeline) capacity(start func() *loader) float64 {
	const measure = 5 * time.Second
	l := start()
	defer l.stop()
	time.Sleep(2 * time.Second)
	before, at := p.beats.sum("matcher", "events"), time.Now()
	time.Sleep(measure)
	return float64(p.beats.sum("matcher", "events")-before) / time.Since(at).Seconds()
}
