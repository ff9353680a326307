package provision

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"

	"github.com/tripline/tripline/internal/bus"
)

// Plan says which servers, hosts and keys there are to be.
type Plan struct {
	// Dir is where the files are written, Install where they will be found on
	// the machines that use them.
	Dir, Install string
	// Hosts each get a key for a sensor, an enricher, and both in one process.
	Hosts []string
	// Servers are the names or addresses under which the NATS servers are
	// reached; three or five make a cluster.
	Servers []string
	// Edges are hosts with a server of their own that stores detections while
	// the servers cannot be reached, and forwards them after.
	Edges []string
	// Publish are further subjects that notifiers may publish to.
	Publish []string
	// StoreDir is where the servers keep their streams; "" leaves it to whoever
	// starts them.
	StoreDir string
	// Address, ClientPort, ClusterPort and LeafPort are listened on by every
	// server. No address is the server's own, where that is its name, and all
	// addresses otherwise.
	Address                           string
	ClientPort, ClusterPort, LeafPort int
	// MaxMemory and MaxStore bound the streams of one server, in bytes.
	MaxMemory, MaxStore int64
}

// DefaultPlan has one server and no host; the ports are those that NATS's own
// documentation uses.
func DefaultPlan() Plan {
	server := bus.DefaultServerConfig()
	return Plan{
		Dir:        "nats",
		Servers:    []string{"localhost"},
		StoreDir:   "/var/lib/tripline/nats",
		ClientPort: 4222, ClusterPort: 6222, LeafPort: 7422,
		MaxMemory: server.MaxMemory, MaxStore: server.MaxStore,
	}
}

// Validate reports the first thing that cannot work.
func (p Plan) Validate() error {
	if p.Dir == "" {
		return errors.New("no directory is named")
	}
	if p.Address != "" && net.ParseIP(p.Address) == nil {
		return fmt.Errorf("listen address %q: expected an address such as 0.0.0.0", p.Address)
	}
	if len(p.Servers) == 0 {
		return errors.New("no server is named: say under which name or address the stages reach it")
	}
	if len(p.Servers) == 2 {
		return errors.New("two servers cannot outvote each other: name one, or three or five for a cluster")
	}
	name := regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$`)
	for what, names := range map[string][]string{"server": p.Servers, "host": p.Hosts, "edge": p.Edges} {
		seen := map[string]bool{}
		for _, n := range names {
			if !name.MatchString(n) && net.ParseIP(n) == nil {
				return fmt.Errorf("%s %q: expected a host name or an address", what, n)
			}
			if seen[n] {
				return fmt.Errorf("%s %q is named twice", what, n)
			}
			seen[n] = true
		}
	}
	for _, e := range p.Edges {
		if !bus.ValidDomain(e) {
			return fmt.Errorf("edge %q: expected letters, digits, - and _, for it is the name of a JetStream domain", e)
		}
		if slices.Contains(p.Servers, e) {
			return fmt.Errorf("%q is named as a server and as an edge", e)
		}
	}
	return nil
}

// roles lists the keys of the plan, in the order in which they are written.
func (p Plan) roles() (out []bus.Role) {
	kinds, perHost := bus.RoleKinds()
	for _, kind := range kinds {
		if !perHost[kind] {
			out = append(out, bus.Role{Kind: kind})
			continue
		}
		for _, host := range p.Hosts {
			out = append(out, bus.Role{Kind: kind, Host: host})
		}
	}
	return out
}
