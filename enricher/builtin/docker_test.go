package builtin

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tripline/tripline/enricher/container/docker/dockertest"
	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

func withRuntimes(kindSocket ...string) func(*Config) {
	return func(c *Config) {
		c.Runtimes = nil
		for i := 0; i < len(kindSocket); i += 2 {
			c.Runtimes = append(c.Runtimes, Runtime{Kind: kindSocket[i], Socket: kindSocket[i+1]})
		}
	}
}

// mkdirEvent sends what a sensor sends when a cgroup is made.
func (s *stage) mkdirEvent(hierarchy uint32, id uint64, path string) {
	var b msg.Builder
	row := b.Process(&msg.Process{Pid: 1, StartTime: 1, Comm: "runc"})
	e, _ := catalogue.Lookup("cgroup_mkdir")
	b.Event(&msg.Event{
		Type: uint32(e.ID), Process: row, Tid: 1, Comm: uint32(b.String("runc")),
		Args: []int64{int64(id), b.String(path), int64(hierarchy)},
	})
	s.send(b.Take())
}

func TestRunningContainer(t *testing.T) {
	engine := dockertest.Start(t)
	id := engine.Create(t, "old", dockertest.Spec{Cmd: []string{"/bin/sleep", "1000"}})
	engine.StartContainer(t, id)
	pid := engine.Pid(t, id)
	s := run(t, withRuntimes("docker", engine.Socket))
	s.connected()
	cg := look(t, "/docker/"+id)

	t.Run("is known from the start", func(t *testing.T) {
		r := s.await(s.exec(pid, cg, "/bin/sh"))
		if c := r.Container(); c.GetName() != "old" || c.GetStartTime() == 0 {
			t.Errorf("got %v", c)
		}
		if !strings.HasSuffix(r.Process().Cgroup, "/docker/"+id) {
			t.Errorf("cgroup %q", r.Process().Cgroup)
		}
		if want := enrichedPartition(id); r.Batch.Partition != want {
			t.Errorf("partition %d, want %d", r.Batch.Partition, want)
		}
	})
	t.Run("has users of its own", func(t *testing.T) {
		p := s.await(s.exec(pid, cg, "/bin/sh")).Process()
		if p.User != "boxroot" || p.Group != "boxusers" {
			t.Errorf("user %q, group %q", p.User, p.Group)
		}
		host := s.await(s.exec(int32(os.Getpid()), look(t, "/"), "/bin/sh")).Process()
		if host.User != "root" || host.Container != 0 {
			t.Errorf("on the host: user %q, container %d", host.User, host.Container)
		}
	})
	t.Run("is renamed", func(t *testing.T) {
		engine.Rename(t, id, "new")
		waitFor(t, "events carry the new name", func() bool {
			return s.await(s.exec(pid, cg, "/bin/sh")).Container().GetName() == "new"
		})
	})
	t.Run("stays known when the engine is killed", func(t *testing.T) {
		engine.Kill()
		if c := s.await(s.exec(pid, cg, "/bin/sh")).Container(); c.GetName() != "new" {
			t.Errorf("got %v", c)
		}
	})
	t.Run("of an engine that comes back, the next is known too", func(t *testing.T) {
		engine.Restart(t)
		s.connected()
		second := engine.Create(t, "second", dockertest.Spec{Cmd: []string{"/bin/sleep", "1000"}})
		engine.StartContainer(t, second)
		if c := s.await(s.exec(engine.Pid(t, second), look(t, "/docker/"+second), "/bin/sh")).Container(); c.GetName() != "second" {
			t.Errorf("got %v", c)
		}
	})
	t.Run("stays known when it is gone", func(t *testing.T) {
		engine.Remove(t, id)
		if c := s.await(s.exec(pid, cg, "/bin/sh")).Container(); c.GetName() != "new" {
			t.Errorf("got %v", c)
		}
	})
}

func enrichedPartition(id string) uint32 { return partitionOf(&msg.Container{Id: id}) }

func TestEngineThatIsAway(t *testing.T) {
	engine := dockertest.Start(t)
	id := engine.Create(t, "late", dockertest.Spec{Cmd: []string{"/bin/sleep", "1000"}})
	engine.StartContainer(t, id)
	pid := engine.Pid(t, id)
	engine.Kill()
	s := run(t, withRuntimes("docker", engine.Socket))
	cg := look(t, "/docker/"+id)
	// Without an engine there is nobody to wait for.
	if c := s.await(s.exec(pid, cg, "/bin/sh")).Container(); c.GetId() != id || c.GetCompleteness() != msg.Completeness_COMPLETENESS_NONE {
		t.Errorf("got %v", c)
	}
	engine.Restart(t)
	waitFor(t, "the container becomes known", func() bool {
		return s.await(s.exec(pid, cg, "/bin/sh")).Container().GetName() == "late"
	})
	waitFor(t, "what went before is amended", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, b := range s.out {
			for _, a := range b.Amendments {
				if c := a.Container; c.Id == id && c.Name == "late" && c.Completeness == msg.Completeness_COMPLETENESS_COMPLETE {
					return true
				}
			}
		}
		return false
	})
}

func TestHungRuntime(t *testing.T) {
	s := run(t, func(c *Config) {
		withRuntimes("docker", hung(t))(c)
		c.HoldFor, c.Container.Wait, c.Container.Timeout = 200*time.Millisecond, 200*time.Millisecond, 50*time.Millisecond
	})
	const id = "00000000000000000000000000000000000000000000000000000000000000ab"
	s.mkdirEvent(0, 1<<40, "/docker/"+id)
	held := s.exec(900001, cgroup{v2: 1 << 40}, "/bin/true")
	host := s.exec(int32(os.Getpid()), look(t, "/"), "/bin/true")
	if s.await(host).Container() != nil {
		t.Error("the host is in a container")
	}
	if c := s.await(held).Container(); c.GetId() != id || c.GetCompleteness() != msg.Completeness_COMPLETENESS_NONE {
		t.Errorf("got %v", c)
	}
	// When it has shown that it does not answer, nobody waits any more.
	waitFor(t, "the runtime is given up", func() bool {
		_, d := s.e.Health()
		return d["container"].(map[string]any)["runtimes"].([]map[string]any)[0]["answers"] == false
	})
	s.mkdirEvent(0, 1<<40+1, "/docker/"+strings.Replace(id, "ab", "cd", 1))
	before, _ := s.e.Health()
	s.await(s.exec(900002, cgroup{v2: 1<<40 + 1}, "/bin/true"))
	if after, _ := s.e.Health(); after["held"] != before["held"] {
		t.Error("events wait for a runtime that does not answer")
	}
}

// TestSlowRuntime: what is asked of an engine that takes its time is waited for,
// by the events of that container alone.
func TestSlowRuntime(t *testing.T) {
	engine := dockertest.Start(t)
	s := run(t, withRuntimes("docker", slowed(t, engine.Socket, 300*time.Millisecond)))
	s.connected()
	id := engine.Create(t, "late", dockertest.Spec{Cmd: []string{"/bin/true"}})
	s.mkdirEvent(0, 1<<40, "/docker/"+id)
	held := s.exec(900001, cgroup{v2: 1 << 40}, "/bin/true")
	host := s.exec(int32(os.Getpid()), look(t, "/"), "/bin/true")
	s.await(host)
	if _, there := s.find(held); there {
		t.Error("went before the host's event that came after it")
	}
	if c := s.await(held).Container(); c.GetName() != "late" || c.GetCompleteness() != msg.Completeness_COMPLETENESS_COMPLETE {
		t.Errorf("got %v", c)
	}
}

func TestFloodOfContainers(t *testing.T) {
	s := run(t, func(c *Config) {
		withRuntimes("docker", hung(t))(c)
		c.HoldFor, c.Container.Wait, c.Container.Timeout = 100*time.Millisecond, 100*time.Millisecond, 50*time.Millisecond
		c.HoldTotal, c.HoldEvents = 64, 16
		c.Container.MaxContainers, c.Container.Queue = 100, 10
	})
	var last uint64
	for i := range 2000 {
		s.mkdirEvent(0, uint64(1<<40+i), fmt.Sprintf("/docker/%064x", i))
		last = s.exec(int32(900000+i), cgroup{v2: uint64(1<<40 + i)}, "/bin/true")
	}
	s.await(last)
	waitFor(t, "every raw batch is answered", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.unsure == 0
	})
	_, d := s.e.Health()
	c := d["container"].(map[string]any)
	if n := c["none"].(int) + c["partial"].(int) + c["complete"].(int); n > 100 {
		t.Errorf("%d containers are remembered, the bound is 100", n)
	}
	var n int
	for _, b := range s.out {
		n += len(b.Events)
	}
	if n != 4000 {
		t.Errorf("%d of 4000 events came through", n)
	}
}
