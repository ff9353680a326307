package builtin

import (
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/tripline/tripline/enricher"
	"github.com/tripline/tripline/pkg/msg"
)

func partitionOf(c *msg.Container) uint32 {
	return enricher.Partition(&msg.Process{}, c, enricher.DefaultConfig().Partitions)
}

func TestDefaultConfigIsValid(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Fatal(err)
	}
}

func TestValidateNamesWhatIsWrong(t *testing.T) {
	for want, set := range map[string]func(*Config){
		"partitions is 0":        func(c *Config) { c.Partitions = 0 },
		"hold_for is -1s":        func(c *Config) { c.HoldFor = -time.Second },
		"hold_total":             func(c *Config) { c.HoldTotal = 1 },
		"process: proc is empty": func(c *Config) { c.Process.Proc = "" },
		"max_processes is 3":     func(c *Config) { c.Process.MaxProcesses = 3 },
		"container: tries is 0":  func(c *Config) { c.Container.Tries = 0 },
		"user: check is 0s":      func(c *Config) { c.User.Check = 0 },
		`runtimes[0]: kind "rkt"`: func(c *Config) {
			c.Runtimes = []Runtime{{Kind: "rkt", Socket: "/x"}}
		},
		`runtimes[0]: docker: socket "x"`: func(c *Config) {
			c.Runtimes = []Runtime{{Kind: "docker", Socket: "x"}}
		},
		`runtimes[0]: containerd: socket "x"`: func(c *Config) {
			c.Runtimes = []Runtime{{Kind: "containerd", Socket: "x"}}
		},
		"runtimes[0]: storage is for podman": func(c *Config) {
			c.Runtimes = []Runtime{{Kind: "crio", Socket: "/x", Storage: "/y"}}
		},
	} {
		c := DefaultConfig()
		set(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want something with %q", err, want)
		}
	}
}

func TestConfigFile(t *testing.T) {
	c := DefaultConfig()
	err := yaml.Load([]byte(`
hold_for: 250ms
partitions: 8
process: {keep_dead: 2m}
container: {timeout: 3s}
user: {root: /host}
runtimes:
  - {kind: podman, socket: /run/p.sock}
`), &c, yaml.WithKnownFields())
	if err != nil {
		t.Fatal(err)
	}
	if c.HoldFor != 250*time.Millisecond || c.Partitions != 8 || c.Process.KeepDead != 2*time.Minute ||
		c.Container.Timeout != 3*time.Second || c.User.Root != "/host" || len(c.Runtimes) != 1 || c.Runtimes[0].Kind != "podman" {
		t.Errorf("got %+v", c)
	}
	if c.Process.MaxAncestors != DefaultConfig().Process.MaxAncestors {
		t.Error("what is not said loses its default")
	}
}
