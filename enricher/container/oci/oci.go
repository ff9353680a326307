package oci

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/tripline/tripline/pkg/msg"
)

// spec is what is used of an OCI runtime specification; see config.md and
// config-linux.md there.
type spec struct {
	Process *struct {
		User struct {
			UID      uint32 `json:"uid"`
			GID      uint32 `json:"gid"`
			Username string `json:"username"`
		} `json:"user"`
		Capabilities *struct {
			Bounding []string `json:"bounding"`
		} `json:"capabilities"`
	} `json:"process"`
	Mounts []struct {
		Destination string   `json:"destination"`
		Type        string   `json:"type"`
		Source      string   `json:"source"`
		Options     []string `json:"options"`
	} `json:"mounts"`
	Linux *struct {
		Namespaces []struct {
			Type string `json:"type"`
			Path string `json:"path"`
		} `json:"namespaces"`
		MaskedPaths   []string `json:"maskedPaths"`
		ReadonlyPaths []string `json:"readonlyPaths"`
	} `json:"linux"`
}

// Fill takes from a specification what it says of the container.
func Fill(c *msg.Container, text []byte) error {
	if len(text) == 0 {
		return nil // a container may have none until its task is made
	}
	var s spec
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	if s.Process != nil {
		c.User = s.Process.User.Username
		if c.User == "" {
			c.User = strconv.FormatUint(uint64(s.Process.User.UID), 10) + ":" + strconv.FormatUint(uint64(s.Process.User.GID), 10)
		}
	}
	for _, m := range s.Mounts {
		if m.Type != "bind" && !slices.Contains(m.Options, "bind") && !slices.Contains(m.Options, "rbind") {
			continue // proc, sysfs and the like, which every container has
		}
		out := &msg.Mount{Source: m.Source, Destination: m.Destination, Writable: !slices.Contains(m.Options, "ro")}
		for _, o := range m.Options {
			if p := strings.TrimPrefix(o, "r"); p == "private" || p == "shared" || p == "slave" || p == "unbindable" {
				out.Propagation = o
			}
		}
		c.Mounts = append(c.Mounts, out)
	}
	if s.Linux != nil {
		c.HostPid, c.HostNetwork, c.HostIpc = s.ofHost("pid"), s.ofHost("network"), s.ofHost("ipc")
		c.Privileged = s.privileged()
	}
	return nil
}

// ofHost says whether the container has no namespace of a type, neither one of
// its own nor that of another container.
func (s *spec) ofHost(kind string) bool {
	for _, n := range s.Linux.Namespaces {
		if n.Type == kind {
			return strings.HasPrefix(n.Path, "/proc/1/ns/")
		}
	}
	return true
}

// privileged says whether the specification is what clients make of
// --privileged: the specification has no such word. All capabilities are there, of
// which CAP_SYS_ADMIN and CAP_SYS_MODULE stand for the rest, and no part of
// /proc and /sys is hidden or locked.
func (s *spec) privileged() bool {
	if s.Process == nil || s.Process.Capabilities == nil || len(s.Linux.MaskedPaths)+len(s.Linux.ReadonlyPaths) > 0 {
		return false
	}
	b := s.Process.Capabilities.Bounding
	return slices.Contains(b, "CAP_SYS_ADMIN") && slices.Contains(b, "CAP_SYS_MODULE")
}
