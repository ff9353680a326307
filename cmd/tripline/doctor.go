package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	sensors "github.com/tripline/tripline/sensor/builtin"
)

func newDoctor() *cobra.Command {
	f := &clientFlags{}
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Check whether this machine can run Tripline, and say what to do where not",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return doctor(cmd.Context(), f, cmd.OutOrStdout())
		},
	}
	f.register(c.Flags())
	return c
}

// check is one thing that was looked at.
type check struct {
	name   string
	ok     bool
	detail string
	fix    string
}

func doctor(ctx context.Context, f *clientFlags, w io.Writer) error {
	var checks []check
	for _, s := range sensors.Check(ctx) {
		checks = append(checks, check{s.Name, s.OK, s.Detail, s.Fix})
	}
	checks = append(checks, cgroups(), runtimeSocket(), server(ctx, f))
	bad := 0
	for _, c := range checks {
		mark := "ok  "
		if !c.ok {
			mark = "FAIL"
			bad++
		}
		fmt.Fprintf(w, "%s  %-28s %s\n", mark, c.name, c.detail)
		if !c.ok && c.fix != "" {
			fmt.Fprintf(w, "      %-28s -> %s\n", "", c.fix)
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d checks failed", bad, len(checks))
	}
	return nil
}

// cgroups says which hierarchies lead from a process to its container.
func cgroups() check {
	c := check{name: "cgroups", fix: "mount cgroup v2 at /sys/fs/cgroup, or the v1 pids controller"}
	b, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		c.detail = err.Error()
		return c
	}
	var v2, pids bool
	for line := range strings.Lines(string(b)) {
		fields := strings.Fields(line)
		if len(fields) < 4 {
			continue
		}
		v2 = v2 || fields[2] == "cgroup2"
		pids = pids || fields[2] == "cgroup" && strings.Contains(","+fields[3]+",", ",pids,")
	}
	switch {
	case v2 && pids:
		c.detail = "v1 and v2 side by side"
	case v2:
		c.detail = "v2"
	case pids:
		c.detail = "v1"
	default:
		c.detail = "neither a v2 hierarchy nor the v1 pids controller is mounted"
	}
	c.ok = v2 || pids
	return c
}

// runtimeSocket looks for a container runtime; a machine may have none.
func runtimeSocket() check {
	c := check{name: "container runtime", ok: true, detail: "none found; containers will be known by id only"}
	cfg, err := defaultConfig()
	if err != nil {
		return c
	}
	var found []string
	for _, r := range cfg.Enricher.Runtimes {
		for _, pattern := range []string{r.Socket, r.Storage} {
			if _, err := os.Stat(pattern); err != nil && !errors.Is(err, os.ErrNotExist) {
				c.ok, c.fix = false, "let the enricher read the socket"
				found = append(found, err.Error())
			}
			paths, _ := filepath.Glob(pattern)
			for _, path := range paths {
				found = append(found, r.Kind+" at "+path)
			}
		}
	}
	if len(found) > 0 {
		c.detail = strings.Join(found, ", ")
	}
	return c
}

// server asks whether a Tripline is running; none is no failure.
func server(ctx context.Context, f *clientFlags) check {
	c := check{name: "NATS", ok: true}
	b, err := f.connect(ctx, "doctor")
	if err != nil {
		c.detail = "no server at " + f.nats + "; tripline run starts one"
		var usage usageError
		if errors.As(err, &usage) {
			c.ok, c.detail = false, err.Error()
		}
		return c
	}
	defer b.Close()
	c.detail = "server at " + f.nats
	return c
}
