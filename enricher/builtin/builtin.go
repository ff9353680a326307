// Package builtin is the ordered list of the enricher's steps, with the
// configuration of them all.
package builtin

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tripline/tripline/enricher"
	"github.com/tripline/tripline/enricher/container"
	"github.com/tripline/tripline/enricher/container/docker"
	"github.com/tripline/tripline/enricher/process"
	"github.com/tripline/tripline/enricher/user"
)

// Config is the section "enricher" of the configuration file.
type Config struct {
	enricher.Config `yaml:",inline"`

	Process   process.Config   `yaml:"process"`
	Container container.Config `yaml:"container"`
	User      user.Config      `yaml:"user"`
	// Runtimes are the container runtimes to ask. One that is not there is
	// tried again and again, quietly.
	Runtimes []Runtime `yaml:"runtimes"`
}

// Runtime is a container runtime and where to reach it.
type Runtime struct {
	// Kind is docker or podman.
	Kind string `yaml:"kind"`
	// Socket is the path of its unix socket.
	Socket string `yaml:"socket"`
}

// DefaultConfig returns what holds unless configured.
func DefaultConfig() Config {
	return Config{
		Config:    enricher.DefaultConfig(),
		Process:   process.DefaultConfig(),
		Container: container.DefaultConfig(),
		User:      user.DefaultConfig(),
		Runtimes: []Runtime{
			{Kind: "docker", Socket: "/var/run/docker.sock"},
			{Kind: "podman", Socket: "/run/podman/podman.sock"},
		},
	}
}

// Validate reports everything that is wrong with the configuration.
func (c Config) Validate() error {
	errs := []error{c.Config.Validate()}
	for _, x := range []struct {
		name string
		err  error
	}{{"process", c.Process.Validate()}, {"container", c.Container.Validate()}, {"user", c.User.Validate()}} {
		if x.err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", x.name, x.err))
		}
	}
	if _, err := runtimes(c.Runtimes); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Steps makes the steps in the order in which they need one another: processes
// bring their cgroups, cgroups lead to containers, containers have users.
func Steps(c Config, log *slog.Logger, reg prometheus.Registerer) ([]enricher.Step, error) {
	rts, err := runtimes(c.Runtimes)
	if err != nil {
		return nil, err
	}
	p, err := process.New(c.Process, container.PathOf, log, reg)
	if err != nil {
		return nil, err
	}
	ct, err := container.New(c.Container, rts, log, reg)
	if err != nil {
		return nil, err
	}
	u, err := user.New(c.User, log, reg)
	if err != nil {
		return nil, err
	}
	return []enricher.Step{p, ct, u}, nil
}

// runtimes makes the clients of the configured container runtimes.
func runtimes(configs []Runtime) ([]container.Runtime, error) {
	var out []container.Runtime
	for i, r := range configs {
		switch r.Kind {
		case "docker", "podman":
			c, err := docker.New(r.Kind, r.Socket)
			if err != nil {
				return nil, fmt.Errorf("runtimes[%d]: %w", i, err)
			}
			out = append(out, c)
		default:
			return nil, fmt.Errorf("runtimes[%d]: kind %q, expected docker or podman", i, r.Kind)
		}
	}
	return out, nil
}
