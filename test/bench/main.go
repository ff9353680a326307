package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// flooded is the system call of the flood: as cheap as they come, so that the
// pipeline and not the caller is what is measured, and one that nobody else
// makes meanwhile.
const (
	flooded   = "sched_get_priority_max"
	floodedNr = syscall.SYS_SCHED_GET_PRIORITY_MAX
)

// settled is how long nothing must have come for a round to be over. The
// sensor asks the kernel once a second what it dropped.
const settled = 2500 * time.Millisecond

func main() {
	rounds := flag.Int("rounds", 3, "rounds of each measurement")
	calls := flag.Int("calls", 3_000_000, "system calls in a round")
	what := flag.String("what", "all", "flood, latency or all")
	flag.Parse()
	if err := bench(*what, *rounds, *calls); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(what string, rounds, calls int) error {
	bin := os.Getenv("TRIPLINE_BIN")
	if bin == "" {
		return errors.New("TRIPLINE_BIN names no binary: run make bench")
	}
	switch what {
	case "flood":
		return rates(bin, rounds, calls)
	case "latency":
		return latency(bin, rounds)
	case "all":
		return errors.Join(rates(bin, rounds, calls), latency(bin, rounds))
	}
	return fmt.Errorf("-what %q is not one of flood, latency, all", what)
}

// rates prints how many events per second go through.
func rates(bin string, rounds, calls int) error {
	fmt.Printf("flood: one thread makes %d calls of %s; medians of %d rounds\n", calls, flooded, rounds)
	fmt.Printf("%-20s %10s %10s %10s %10s %12s %10s %10s\n", "topology", "rate", "made", "sensor", "matcher", "counted lost", "CPU us/ev", "difference")
	fmt.Println("  (difference: seen + lost - made; the process lifecycle of the machine is in what is seen, so it is a little above 0, and never below)")
	for _, topology := range []struct {
		name   string
		stages [][]string
	}{
		{"one process", [][]string{{}}},
		{"separate processes", [][]string{{"nats"}, {"sensor"}, {"enricher"}, {"matcher"}}},
	} {
		p, err := startAll(bin, topology.stages)
		if err != nil {
			return err
		}
		// Unlimited, then paced: at what rate is nothing dropped?
		for _, rate := range []int{0, 400_000, 200_000} {
			var results []result
			for range rounds {
				r, err := p.round(calls, rate)
				if err != nil {
					p.stop()
					return err
				}
				results = append(results, r)
			}
			slices.SortFunc(results, func(a, b result) int { return int(a.rate() - b.rate()) })
			fmt.Printf("%-20s %s\n", topology.name, results[len(results)/2])
		}
		p.stop()
	}
	return nil
}

// result is what one round gave.
type result struct {
	made, sensor, matcher, lost uint64
	// took runs from the first call until the matcher has seen the last event.
	took time.Duration
	cpu  time.Duration
}

func (r result) rate() float64 { return float64(r.matcher) / r.took.Seconds() }

func (r result) String() string {
	return fmt.Sprintf("%8.0f/s %10d %10d %10d %12d %10.2f %10d", r.rate(), r.made, r.sensor, r.matcher, r.lost,
		r.cpu.Seconds()*1e6/float64(max(r.matcher, 1)), int64(r.matcher)+int64(r.lost)-int64(r.made))
}

// pipeline is the processes under measurement.
type pipeline struct {
	bin, url, dir string
	procs         []*exec.Cmd
	http          []string // where their metrics are
}

func startAll(bin string, stages [][]string) (*pipeline, error) {
	dir, err := os.MkdirTemp("", "tripline-bench")
	if err != nil {
		return nil, err
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	p := &pipeline{bin: bin, url: "nats://" + addr, dir: dir}
	// A rule that is never asked: the matcher wants at least one.
	rule := filepath.Join(dir, "rules")
	if err := os.Mkdir(rule, 0o755); err != nil {
		return nil, err
	}
	const never = "package tracee.NEVER\n__rego_metadoc__ := {\"id\": \"NEVER\", \"name\": \"never\"}\n" +
		"tracee_selected_events[s] { s := {\"source\": \"tracee\", \"name\": \"kexec_load\"} }\ntracee_match { false }\n"
	if err := os.WriteFile(filepath.Join(rule, "never.rego"), []byte(never), 0o644); err != nil {
		return nil, err
	}
	// Every call of the flood is to go all the way, none counted in the kernel.
	config := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(config, []byte("sensor: {ebpf: {fold: false}}\n"), 0o644); err != nil {
		return nil, err
	}
	for _, s := range stages {
		args := append([]string{"run", "--config", config}, s...)
		if len(s) == 0 || s[0] == "nats" {
			args = append(args, "--listen", addr, "--store-dir", filepath.Join(dir, "store"))
		} else {
			args = append(args, "--nats", p.url)
		}
		if len(s) == 0 || s[0] == "sensor" {
			args = append(args, "--events", flooded)
		}
		if len(s) == 0 || s[0] == "matcher" {
			args = append(args, "--rules-dir", rule)
		}
		web, err := freeAddr()
		if err != nil {
			return nil, err
		}
		p.http = append(p.http, web)
		if err := p.start(append(args, "--http", web)); err != nil {
			p.stop()
			return nil, err
		}
	}
	return p, nil
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// start runs one process and waits until it says that it is ready.
func (p *pipeline) start(args []string) error {
	cmd := exec.Command(p.bin, args...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	p.procs = append(p.procs, cmd)
	ready := make(chan error, 1)
	go func() {
		var seen bytes.Buffer
		for sc := bufio.NewScanner(stderr); sc.Scan(); {
			if seen.WriteString(sc.Text() + "\n"); strings.Contains(sc.Text(), `"msg":"ready"`) {
				ready <- nil
				for sc.Scan() {
				}
				return
			}
		}
		ready <- fmt.Errorf("tripline %v ended: %s", args, seen.String())
	}()
	select {
	case err := <-ready:
		return err
	case <-time.After(30 * time.Second):
		return fmt.Errorf("tripline %v is not ready after 30 s", args)
	}
}

func (p *pipeline) stop() {
	for _, c := range slices.Backward(p.procs) {
		_ = c.Process.Signal(syscall.SIGTERM)
		_ = c.Wait()
	}
	_ = os.RemoveAll(p.dir)
}

// round floods once and waits until all is seen or counted as lost.
func (p *pipeline) round(calls, rate int) (result, error) {
	before, err := p.counters()
	if err != nil {
		return result{}, err
	}
	cpu := p.cpu()
	began := time.Now()
	flood(calls, rate)
	r := result{made: uint64(calls)}
	// All is seen when nothing has come for a while; the last change is the end.
	for last := time.Now(); time.Since(last) < settled && time.Since(began) < time.Minute; time.Sleep(20 * time.Millisecond) {
		now, err := p.counters()
		if err != nil {
			return result{}, err
		}
		if m := now.matcher - before.matcher; m != r.matcher {
			// A few process events trickle in all the time; the flood is over
			// when as many have come as were made and not lost.
			if r.matcher+r.lost < r.made {
				r.took, r.cpu = time.Since(began), p.cpu()-cpu
			}
			if m-r.matcher > 100 {
				last = time.Now()
			}
			r.matcher = m
		}
		r.sensor, r.lost = now.sensor-before.sensor, now.lost-before.lost
	}
	return r, nil
}

// flood makes the calls from one thread, at a rate per second or, with 0, as
// fast as it goes.
func flood(calls, rate int) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const burst = 100
	began := time.Now()
	for i := 0; i < calls; {
		for range burst {
			_, _, _ = syscall.RawSyscall(floodedNr, 0, 0, 0)
			i++
		}
		if rate > 0 {
			for time.Since(began) < time.Duration(float64(i)/float64(rate)*float64(time.Second)) {
				time.Sleep(50 * time.Microsecond)
			}
		}
	}
}

// counters is what the stages say of themselves.
type counters struct {
	sensor, matcher, lost uint64
}

// counters reads the metrics of all processes.
func (p *pipeline) counters() (c counters, err error) {
	for _, addr := range p.http {
		resp, err := http.Get("http://" + addr + "/metrics")
		if err != nil {
			return c, err
		}
		for sc := bufio.NewScanner(resp.Body); sc.Scan(); {
			name, value, _ := strings.Cut(sc.Text(), " ")
			name, labels, _ := strings.Cut(name, "{")
			n, _ := strconv.ParseFloat(value, 64)
			switch name {
			case "tripline_sensor_events_total":
				c.sensor += uint64(n)
			case "tripline_matcher_events_total":
				c.matcher += uint64(n)
			case "tripline_sensor_dropped_events_total", "tripline_matcher_lost_events_total":
				c.lost += uint64(n)
			case "tripline_enricher_lost_events_total":
				// The other causes are the sensor's own, passed on.
				if strings.Contains(labels, `cause="stream"`) {
					c.lost += uint64(n)
				}
			}
		}
		resp.Body.Close()
	}
	return c, nil
}

// cpu is the time that the processes have used so far.
func (p *pipeline) cpu() (sum time.Duration) {
	for _, c := range p.procs {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.Process.Pid))
		if err != nil {
			continue
		}
		// Fields 14 and 15 are user and system time in ticks of 10 ms (proc(5)).
		f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
		for _, i := range []int{11, 12} {
			var n int64
			n, _ = strconv.ParseInt(string(f[i]), 10, 64)
			sum += time.Duration(n) * 10 * time.Millisecond
		}
	}
	return sum
}
