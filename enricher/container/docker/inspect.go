package docker

import (
	"sort"
	"strings"
	"time"

	"github.com/tripline/tripline/enricher/container"
	"github.com/tripline/tripline/pkg/msg"
)

// inspected is what is used of GET /containers/{id}/json.
type inspected struct {
	ID    string `json:"Id"`
	Name  string
	Image string // id of the image
	State struct {
		StartedAt string
	}
	Config struct {
		Image  string // as the user wrote it
		User   string
		Labels map[string]string
		// Healthcheck is that of the image unless the container has its own.
		Healthcheck *struct {
			Test []string
		}
	}
	HostConfig struct {
		Privileged  bool
		PidMode     string
		IpcMode     string
		NetworkMode string
	}
	Mounts          []mount
	NetworkSettings struct {
		IPAddress string
		Networks  map[string]struct{ IPAddress string }
	}
}

type mount struct {
	Source, Destination, Mode, Propagation string
	RW                                     bool
}

func (in *inspected) container(runtime string) *msg.Container {
	out := &msg.Container{
		Id: in.ID, Runtime: runtime, Name: strings.TrimPrefix(in.Name, "/"),
		Image: container.ParseImage(in.Config.Image), Labels: in.Config.Labels,
		Privileged: in.HostConfig.Privileged, User: in.Config.User,
		HostPid: in.HostConfig.PidMode == "host", HostIpc: in.HostConfig.IpcMode == "host",
		HostNetwork:  in.HostConfig.NetworkMode == "host",
		Ip:           in.ip(),
		Completeness: msg.Completeness_COMPLETENESS_COMPLETE,
	}
	out.Image.Id = in.Image
	// A container that was created but not started shows the year 1.
	if t, err := time.Parse(time.RFC3339Nano, in.State.StartedAt); err == nil && t.Year() > 1 {
		out.StartTime = t.UnixNano()
	}
	if h := in.Config.Healthcheck; h != nil {
		if args := healthArgs(h.Test); len(args) > 0 {
			out.HealthChecks = []*msg.HealthCheck{{Kind: msg.HealthCheckKind_HEALTH_CHECK_KIND_RUNTIME, Args: args}}
		}
	}
	for _, m := range in.Mounts {
		out.Mounts = append(out.Mounts, &msg.Mount{
			Source: m.Source, Destination: m.Destination, Mode: m.Mode, Writable: m.RW, Propagation: m.Propagation,
		})
	}
	return out
}

// ip returns the address on the default network, else on the first by name.
func (in *inspected) ip() string {
	if ip := in.NetworkSettings.IPAddress; ip != "" {
		return ip
	}
	names := make([]string, 0, len(in.NetworkSettings.Networks))
	for name := range in.NetworkSettings.Networks {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if ip := in.NetworkSettings.Networks[name].IPAddress; ip != "" {
			return ip
		}
	}
	return ""
}

// healthArgs makes the command line of a health check, as the engine does:
// ["CMD", args…] as it is, ["CMD-SHELL", line] by the default shell.
func healthArgs(test []string) []string {
	switch {
	case len(test) > 1 && test[0] == "CMD":
		return test[1:]
	case len(test) > 1 && test[0] == "CMD-SHELL":
		return []string{"/bin/sh", "-c", test[1]}
	}
	return nil
}
