package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Latency is measured with one system call that a rule is about and nobody
// makes otherwise, sched_get_priority_min, while another floods the pipeline at
// a rate. The receiver of the webhook compares its clock with the time of the
// event, which the kernel stamped.
const (
	probed   = "sched_get_priority_min"
	probedNr = syscall.SYS_SCHED_GET_PRIORITY_MIN
	// probes are made in a round, some ms apart, so that none waits for
	// another.
	probes   = 300
	probeGap = 10 * time.Millisecond
)

const probeRule = "package tracee.PROBE\n__rego_metadoc__ := {\"id\": \"PROBE\", \"name\": \"probe\"}\n" +
	"tracee_selected_events[s] { s := {\"source\": \"tracee\", \"name\": \"" + probed + "\"} }\ntracee_match { input.eventName == \"" + probed + "\" }\n"

// hook receives detections and keeps how old they are.
type hook struct {
	mu   sync.Mutex
	ages []time.Duration
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	var d struct{ Time time.Time }
	if err := json.NewDecoder(r.Body).Decode(&d); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ages = append(h.ages, now.Sub(d.Time))
}

func (h *hook) take() []time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := h.ages
	h.ages = nil
	return out
}

func (h *hook) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.ages)
}

// latency prints how long it takes from a system call to a webhook while so
// many others pass.
func latency(bin string, rounds int) error {
	h := &hook{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	go func() { _ = srv.Serve(l) }()
	defer srv.Close()
	url := "http://" + l.Addr().String() + "/"
	fmt.Printf("\nsystem call to webhook, from the kernel's time: %d calls in each of %d rounds; median of medians, worst p99\n", probes, rounds)
	fmt.Printf("%-20s %14s %12s %10s %10s %10s\n", "topology", "events/s", "received", "median ms", "p99 ms", "max ms")
	for _, topology := range []struct {
		name   string
		stages [][]string
	}{
		{"one process", [][]string{{}}},
		{"separate processes", [][]string{{"nats"}, {"sensor"}, {"enricher"}, {"matcher"}, {"notifier"}}},
	} {
		p, err := startProbed(bin, url, topology.stages)
		if err != nil {
			return err
		}
		for _, rate := range []int{100, 10_000, 100_000} {
			if err := p.latencyAt(h, topology.name, rate, rounds); err != nil {
				p.stop()
				return err
			}
		}
		p.stop()
	}
	return nil
}

// startProbed starts the stages with the rule and the webhook.
func startProbed(bin, url string, stages [][]string) (*pipeline, error) {
	dir, err := os.MkdirTemp("", "tripline-bench")
	if err != nil {
		return nil, err
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	p := &pipeline{bin: bin, url: "nats://" + addr, dir: dir}
	rules := filepath.Join(dir, "rules")
	if err := os.Mkdir(rules, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(rules, "probe.rego"), []byte(probeRule), 0o644); err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(config, []byte("sensor: {ebpf: {fold: false}}\n"), 0o644); err != nil {
		return nil, err
	}
	for _, s := range stages {
		args := append([]string{"run", "--config", config}, s...)
		all := len(s) == 0
		if all || s[0] == "nats" {
			args = append(args, "--listen", addr, "--store-dir", filepath.Join(dir, "store"))
		} else {
			args = append(args, "--nats", p.url)
		}
		if all || s[0] == "sensor" {
			args = append(args, "--events", flooded+","+probed)
		}
		if all || s[0] == "matcher" {
			args = append(args, "--rules-dir", rules)
		}
		if all || s[0] == "notifier" {
			args = append(args, "--output", "none", "--webhook", url)
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

// latencyAt measures at one rate.
func (p *pipeline) latencyAt(h *hook, name string, rate, rounds int) error {
	var medians, all []time.Duration
	received := 0
	for range rounds {
		h.take()
		stop := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() { floodUntil(stop, rate) })
		time.Sleep(500 * time.Millisecond) // under way
		for range probes {
			_, _, _ = syscall.RawSyscall(probedNr, 0, 0, 0)
			time.Sleep(probeGap)
		}
		for end := time.Now().Add(30 * time.Second); h.count() < probes && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond)
		}
		close(stop)
		wg.Wait()
		ages := h.take()
		if len(ages) == 0 {
			return fmt.Errorf("nothing was received at %d events/s", rate)
		}
		received += len(ages)
		slices.Sort(ages)
		medians = append(medians, ages[len(ages)/2])
		all = append(all, ages...)
	}
	slices.Sort(medians)
	slices.Sort(all)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	fmt.Printf("%-20s %14d %7d/%4d %10.1f %10.1f %10.1f\n", name, rate, received, rounds*probes, ms(medians[len(medians)/2]), ms(all[len(all)*99/100]), ms(all[len(all)-1]))
	return nil
}

// floodUntil makes calls of the flooded system call at a rate until it is told
// to stop.
func floodUntil(stop <-chan struct{}, rate int) {
	burst := max(1, rate/1000)
	began := time.Now()
	for i := 0; ; i += burst {
		select {
		case <-stop:
			return
		default:
		}
		for range burst {
			_, _, _ = syscall.RawSyscall(floodedNr, 0, 0, 0)
		}
		time.Sleep(time.Until(began.Add(time.Duration(float64(i+burst) / float64(rate) * float64(time.Second)))))
	}
}
