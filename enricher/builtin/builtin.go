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
	"github.com/tripline/tripline/enricher/container/containerd"
	"github.com/tripline/tripline/enricher/container/cri"
	"github.com/tripline/tripline/enricher/container/docker"
	"github.com/tripline/tripline/enricher/container/podman"
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
	// Kind is docker, podman, containerd or crio.
	Kind string `yaml:"kind"`
	// Socket is the path of its unix socket; for Podman, which has one for each
	// user, it may be a pattern, and empty where there is none.
	Socket string `yaml:"socket,omitempty"`
	// Storage is the directory, or a pattern of directories, that Podman keeps
	// containers in, for those that no service tells of.
	Storage string `yaml:"storage,omitempty"`
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
			{Kind: "containerd", Socket: "/run/containerd/containerd.sock"},
			{Kind: "containerd", Socket: "/run/k3s/containerd/containerd.sock"},
			{Kind: "crio", Socket: "/run/crio/crio.sock"},
			{Kind: "podman", Socket: "/run/podman/podman.sock", Storage: "/var/lib/containers/storage"},
			{Kind: "podman", Socket: "/run/user/*/podman/podman.sock", Storage: "/home/*/.local/share/containers/storage"},
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

// kind makes the clients of one kind of runtime.
type kind struct {
	name string
	make func(Runtime) ([]container.Runtime, error)
}

// kinds is the list of container runtimes. A runtime with two interfaces has a
// client for each.
func kinds() []kind {
	return []kind{
		{"docker", func(r Runtime) ([]container.Runtime, error) { return one(docker.New("docker", r.Socket)) }},
		{"podman", func(r Runtime) ([]container.Runtime, error) {
			return one(podman.New(given(r.Socket), given(r.Storage)))
		}},
		{"containerd", func(r Runtime) ([]container.Runtime, error) {
			own, err := containerd.New(r.Socket)
			if err != nil {
				return nil, err
			}
			pods, err := cri.New("containerd", r.Socket)
			return []container.Runtime{own, pods}, err
		}},
		{"crio", func(r Runtime) ([]container.Runtime, error) { return one(cri.New("crio", r.Socket)) }},
	}
}

// runtimes makes the clients of the configured container runtimes.
func runtimes(configs []Runtime) ([]container.Runtime, error) {
	var out []container.Runtime
	for i, r := range configs {
		k, ok := kindOf(r.Kind)
		if !ok {
			return nil, fmt.Errorf("runtimes[%d]: kind %q, expected docker, podman, containerd or crio", i, r.Kind)
		}
		if r.Storage != "" && r.Kind != "podman" {
			return nil, fmt.Errorf("runtimes[%d]: storage is for podman, not for %s", i, r.Kind)
		}
		made, err := k.make(r)
		if err != nil {
			return nil, fmt.Errorf("runtimes[%d]: %w", i, err)
		}
		out = append(out, made...)
	}
	return out, nil
}

func kindOf(name string) (kind, bool) {
	for _, k := range kinds() {
		if k.name == name {
			return k, true
		}
	}
	return kind{}, false
}

func one[R container.Runtime](r R, err error) ([]container.Runtime, error) {
	if err != nil {
		return nil, err
	}
	return []container.Runtime{r}, nil
}

// given makes a list of what is set.
func given(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}
