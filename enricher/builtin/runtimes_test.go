package builtin

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tripline/tripline/enricher/container/containerd/containerdtest"
	"github.com/tripline/tripline/enricher/container/docker/dockertest"
	"github.com/tripline/tripline/enricher/container/podman/podmantest"
	"github.com/tripline/tripline/pkg/msg"
)

// made is a container that was made and not yet started.
type made struct {
	id, path string
	start    func()
}

// tally counts what was known of entrypoints.
type tally struct{ complete, partial, none int }

func (t *tally) add(c *msg.Container) {
	switch c.GetCompleteness() {
	case msg.Completeness_COMPLETENESS_COMPLETE:
		t.complete++
	case msg.Completeness_COMPLETENESS_PARTIAL:
		t.partial++
	default:
		t.none++
	}
}

// entrypoints starts containers while the stage runs. As soon as a container's
// cgroup is there, long before its first process runs, the stage is told of
// that process. TRIPLINE_TEST_CONTAINERS sets how many.
func entrypoints(t *testing.T, s *stage, create func(name string) made, check func(name string, c *msg.Container) bool) tally {
	t.Helper()
	n := 5
	if text := os.Getenv("TRIPLINE_TEST_CONTAINERS"); text != "" {
		n, _ = strconv.Atoi(text)
	}
	v2, v1, v1ID := roots(t)
	watched, hierarchy := v2, uint32(0)
	if v1 != "" {
		watched, hierarchy = v1, v1ID
	}
	var all tally
	for i := range n {
		name := fmt.Sprintf("box-%d", i)
		m := create(name)
		seq := make(chan uint64, 1)
		go func() {
			for {
				if ino := inode(filepath.Join(watched, m.path)); ino != 0 {
					s.mkdirEvent(hierarchy, ino, m.path)
					cg := cgroup{path: m.path, v1: ino}
					if v1 == "" {
						cg = cgroup{path: m.path, v2: ino}
					}
					seq <- s.exec(int32(100000+i), cg, "/bin/true")
					return
				}
				time.Sleep(100 * time.Microsecond)
			}
		}()
		m.start()
		c := s.await(<-seq).Container()
		all.add(c)
		if c.GetId() != m.id || !check(name, c) {
			t.Errorf("container %d, %s: %v", i, m.id, c)
		}
	}
	t.Logf("of %d entrypoints %d complete, %d partial, %d none", n, all.complete, all.partial, all.none)
	return all
}

// TestEntrypointIsKnown: the event of a container's first process carries name
// and image, and the pod, whatever runtime made it.
func TestEntrypointIsKnown(t *testing.T) {
	named := func(runtime, image string) func(string, *msg.Container) bool {
		return func(name string, c *msg.Container) bool {
			return c.GetName() == name && c.GetImage().GetName() == image && c.GetRuntime() == runtime
		}
	}
	t.Run("docker", func(t *testing.T) {
		engine := dockertest.Start(t)
		s := run(t, withRuntimes("docker", engine.Socket))
		s.connected()
		all := entrypoints(t, s, func(name string) made {
			id := engine.Create(t, name, dockertest.Spec{Cmd: []string{"/bin/true"}})
			return made{id, "/docker/" + id, func() { engine.StartContainer(t, id) }}
		}, named("docker", dockertest.Image))
		if all.partial+all.none > 0 {
			t.Error("not all complete")
		}
	})
	t.Run("containerd", func(t *testing.T) {
		engine := containerdtest.Start(t)
		s := run(t, withRuntimes("containerd", engine.Socket))
		s.connected()
		t.Run("pods", func(t *testing.T) {
			pod := containerdtest.Pod{Name: "shop", Namespace: "prod", UID: "6f8fa6a4-8b1c-4d8e-9a53-0f1b2c3d4e5f", Labels: map[string]string{"app": "shop"}}
			sandbox := engine.RunPod(t, pod)
			entry := named("containerd", containerdtest.Image)
			all := entrypoints(t, s, func(name string) made {
				id := engine.CreateIn(t, pod, sandbox, name, nil, "/bin/true")
				return made{id, "/kubepods/besteffort/pod" + pod.UID + "/" + id, func() { engine.StartContainer(t, id) }}
			}, func(name string, c *msg.Container) bool {
				p := c.GetPod()
				return entry(name, c) && p.GetName() == "shop" && p.GetNamespace() == "prod" && p.GetUid() == pod.UID &&
					p.GetSandboxId() == sandbox && p.GetLabels()["app"] == "shop"
			})
			if all.partial+all.none > 0 {
				t.Error("not all complete")
			}
		})
		t.Run("other namespaces", func(t *testing.T) {
			all := entrypoints(t, s, func(name string) made {
				engine.Create(t, name, nil, "/bin/true")
				id := containerdtest.Namespace + "/" + name
				return made{id, "/" + id, func() { engine.StartTask(t, name) }}
			}, named("containerd", containerdtest.Image))
			if all.partial+all.none > 0 {
				t.Error("not all complete")
			}
		})
	})
	t.Run("podman", func(t *testing.T) {
		engine := podmantest.Start(t)
		create := func(name string) made {
			id := engine.Create(t, name, nil, "/bin/true")
			return made{id, "/libpod_parent/libpod-" + id, func() { engine.StartContainer(t, id) }}
		}
		t.Run("without a service", func(t *testing.T) {
			s := run(t, func(c *Config) { c.Runtimes = []Runtime{{Kind: "podman", Storage: engine.Storage}} })
			s.connected()
			all := entrypoints(t, s, create, named("podman", podmantest.Image))
			if all.complete+all.none > 0 {
				t.Error("not all partial, which is all that a storage tells")
			}
			engine.Podman(t, "rm", "--all", "--force")
		})
		t.Run("service", func(t *testing.T) {
			engine.StartService(t)
			s := run(t, withRuntimes("podman", engine.Socket))
			s.connected()
			all := entrypoints(t, s, create, named("podman", podmantest.Image))
			if all.partial+all.none > 0 {
				t.Error("not all complete")
			}
		})
	})
}

// TestContainerdThatIsAway: containerd killed and started again is known of
// again, without help; its containers meanwhile are known as they were.
func TestContainerdThatIsAway(t *testing.T) {
	engine := containerdtest.Start(t)
	pod := containerdtest.Pod{Name: "shop", Namespace: "prod", UID: "6f8fa6a4-8b1c-4d8e-9a53-0f1b2c3d4e5f"}
	sandbox := engine.RunPod(t, pod)
	dir := "/kubepods/besteffort/pod" + pod.UID + "/"
	inPod := func(name string) (int32, cgroup) {
		id := engine.CreateIn(t, pod, sandbox, name, nil, "/bin/sleep", "1000")
		engine.StartContainer(t, id)
		return engine.Pid(t, id), look(t, dir+id)
	}
	plain := func(name string) (int32, cgroup) {
		engine.Create(t, name, nil, "/bin/sleep", "1000")
		engine.StartTask(t, name)
		return engine.TaskPid(t, name), look(t, "/"+containerdtest.Namespace+"/"+name)
	}
	pid, cg := inPod("old")
	plainPid, plainCg := plain("plain-old")
	s := run(t, withRuntimes("containerd", engine.Socket))
	s.connected()
	name := func(pid int32, cg cgroup) string {
		c := s.await(s.exec(pid, cg, "/bin/sh")).Container()
		return c.GetName() + " " + c.GetPod().GetName()
	}
	check := func(when string) {
		t.Helper()
		if got := name(pid, cg); got != "old shop" {
			t.Errorf("%s: the pod's container is %q", when, got)
		}
		if got := name(plainPid, plainCg); got != "plain-old " {
			t.Errorf("%s: the other container is %q", when, got)
		}
	}
	waitFor(t, "containers that ran before are known", func() bool { return name(plainPid, plainCg) == "plain-old " && name(pid, cg) == "old shop" })

	engine.Freeze(true)
	check("containerd hangs")
	engine.Freeze(false)
	engine.Kill()
	check("containerd is gone")
	waitFor(t, "the loss is noticed", func() bool { return !s.up() })
	engine.Restart(t)
	s.connected()
	check("containerd is back")
	pid2, cg2 := inPod("new")
	if got := name(pid2, cg2); got != "new shop" {
		t.Errorf("the next container of the pod is %q", got)
	}
	pid3, cg3 := plain("plain-new")
	if got := name(pid3, cg3); got != "plain-new " {
		t.Errorf("the next other container is %q", got)
	}
}

// TestPathsThatNameNoContainer: what looks like a cgroup of containerd's is the
// host's unless containerd knows it.
func TestPathsThatNameNoContainer(t *testing.T) {
	s := run(t, withRuntimes("containerd", hung(t)))
	s.mkdirEvent(0, 1<<40, "/batch/jobs")
	if c := s.await(s.exec(900001, cgroup{v2: 1 << 40}, "/bin/true")).Container(); c != nil {
		t.Errorf("got %v", c)
	}
	if !strings.HasPrefix(s.await(s.seq).Process().Cgroup, "/batch") {
		t.Error("the cgroup is lost")
	}
}
