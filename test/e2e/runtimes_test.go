package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tripline/tripline/enricher/container/containerd/containerdtest"
	"github.com/tripline/tripline/enricher/container/docker/dockertest"
	"github.com/tripline/tripline/enricher/container/podman/podmantest"
	"github.com/tripline/tripline/pkg/msg"
)

// configured writes a configuration with these container runtimes.
func configured(t *testing.T, runtimes ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "tripline.yaml")
	text := "enricher:\n  runtimes:\n"
	for _, r := range runtimes {
		text += "  - {" + r + "}\n"
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// connected waits until the enricher is connected to this many runtimes.
func connected(t *testing.T, url string, n int) {
	t.Helper()
	eventually(t, "the runtimes are connected", func() bool {
		out := run(t, binary(t), "status", "--nats", url, "-o", "json")
		return strings.Count(out, `"connected":true`) >= n
	})
}

// known counts events of containers by what was known.
type known struct{ complete, partial, none int }

func (k *known) add(c *msg.Container) {
	switch c.GetCompleteness() {
	case msg.Completeness_COMPLETENESS_COMPLETE:
		k.complete++
	case msg.Completeness_COMPLETENESS_PARTIAL:
		k.partial++
	default:
		k.none++
	}
}

func (k known) String() string {
	return fmt.Sprintf("%d complete, %d partial, %d none", k.complete, k.partial, k.none)
}

// entry is the command that the containers run: its argument tells it apart.
func entry(i int) []string { return []string{"/bin/true", "entry-" + strconv.Itoa(i)} }

// TestShortLivedContainers: containers that run one command and die are made
// by every runtime, and the event of that command carries name, image and pod.
// TRIPLINE_TEST_CONTAINERS sets how many.
func TestShortLivedContainers(t *testing.T) {
	n := 5
	if text := os.Getenv("TRIPLINE_TEST_CONTAINERS"); text != "" {
		n, _ = strconv.Atoi(text)
	}
	binary(t)
	for _, c := range []struct {
		name string
		// prepare returns the runtimes to ask, and a function that makes,
		// starts and removes a container and returns its id.
		prepare func(t *testing.T) (runtime string, up int, once func(name string, cmd []string) string)
		// partial says that no more is to be had.
		partial bool
		pod     string
		image   string
	}{
		{"docker", func(t *testing.T) (string, int, func(string, []string) string) {
			e := dockertest.Start(t)
			return "kind: docker, socket: " + e.Socket, 1, func(name string, cmd []string) string {
				id := e.Create(t, name, dockertest.Spec{Cmd: cmd})
				e.StartContainer(t, id)
				e.Wait(t, id)
				e.Remove(t, id)
				return id
			}
		}, false, "", dockertest.Image},
		{"containerd, pods", func(t *testing.T) (string, int, func(string, []string) string) {
			e := containerdtest.Start(t)
			pod := containerdtest.Pod{Name: "shop", Namespace: "prod", UID: "6f8fa6a4-8b1c-4d8e-9a53-0f1b2c3d4e5f"}
			sandbox := ""
			return "kind: containerd, socket: " + e.Socket, 2, func(name string, cmd []string) string {
				if sandbox == "" {
					sandbox = e.RunPod(t, pod)
				}
				id := e.CreateIn(t, pod, sandbox, name, nil, cmd...)
				e.StartContainer(t, id)
				e.Wait(t, id)
				e.RemoveContainer(t, id)
				return id
			}
		}, false, "shop", containerdtest.Image},
		{"containerd, sandboxes of pods", func(t *testing.T) (string, int, func(string, []string) string) {
			e := containerdtest.Start(t)
			return "kind: containerd, socket: " + e.Socket, 2, func(name string, _ []string) string {
				sandbox := e.RunPod(t, containerdtest.Pod{Name: name, Namespace: "prod", UID: "uid-of-" + name})
				e.AwaitPod(t, sandbox)
				e.RemovePod(t, sandbox)
				return sandbox
			}
		}, false, "box", containerdtest.Image},
		{"containerd, other namespaces", func(t *testing.T) (string, int, func(string, []string) string) {
			e := containerdtest.Start(t)
			return "kind: containerd, socket: " + e.Socket, 2, func(name string, cmd []string) string {
				e.Create(t, name, nil, cmd...)
				e.Ctr(t, "tasks", "start", name) // until it has ended
				e.Ctr(t, "containers", "rm", name)
				return containerdtest.Namespace + "/" + name
			}
		}, false, "", containerdtest.Image},
		{"podman with its service", func(t *testing.T) (string, int, func(string, []string) string) {
			e := podmantest.Start(t)
			e.StartService(t)
			return "kind: podman, socket: " + e.Socket, 1, podmanOnce(t, e)
		}, false, "", podmantest.Image},
		{"podman without", func(t *testing.T) (string, int, func(string, []string) string) {
			e := podmantest.Start(t)
			return "kind: podman, storage: " + e.Storage, 1, podmanOnce(t, e)
		}, true, "", podmantest.Image},
	} {
		t.Run(c.name, func(t *testing.T) {
			runtime, up, once := c.prepare(t)
			serve, url := bus(t)
			start(t, append([]string{"run", "nats", "sensor", "enricher", "--config", configured(t, runtime)}, serve...)...).ready()
			connected(t, url, up)
			w := watch(t, url)
			ids := make([]string, n)
			names := map[string]string{}
			for i := range n {
				name := fmt.Sprintf("box-%d", i)
				ids[i] = once(name, entry(i))
				names[ids[i]] = name
			}
			var execs, all known
			seen := map[string]*msg.Container{}
			eventually(t, "the events of all commands", func() bool {
				execs, all = known{}, known{}
				clear(seen)
				for _, b := range w.batches() {
					for i := range b.Events {
						r := b.Record(i)
						box := r.Container()
						if _, ours := names[box.GetId()]; !ours {
							continue
						}
						all.add(box)
						if r.Name() == "sched_process_exec" && isEntry(r.Process().Args) {
							execs.add(box)
							seen[box.Id] = box
						}
					}
				}
				return len(seen) == n
			})
			t.Logf("of %d first commands: %s; of all %d events of these containers: %s",
				n, execs, all.complete+all.partial+all.none, all)
			for id, box := range seen {
				if box.Name != names[id] || box.GetImage().GetName() != c.image || !strings.HasPrefix(box.GetPod().GetName(), c.pod) {
					t.Errorf("%s: %v", id, box)
				}
			}
			if want := map[bool]int{false: execs.complete, true: execs.partial}[c.partial]; want != n {
				t.Errorf("of %d first commands: %s", n, execs)
				for _, h := range lines[msg.Heartbeat](run(t, binary(t), "status", "--nats", url, "-o", "json")) {
					if h.Stage == "enricher" {
						t.Logf("the enricher counts %v", h.Counters)
					}
				}
			}
		})
	}
}

// isEntry says whether a command line is that of a container's first process:
// of [entry], or of the image itself, which is what sandboxes run.
func isEntry(args []string) bool {
	return len(args) == 2 && (args[0] == "/bin/true" && strings.HasPrefix(args[1], "entry-") || slices.Equal(args, []string{"/bin/sleep", "100000"}))
}

func podmanOnce(t *testing.T, e *podmantest.Engine) func(string, []string) string {
	return func(name string, cmd []string) string {
		id := e.Create(t, name, nil, cmd...)
		e.Podman(t, "start", "--attach", id) // until it has ended
		e.Podman(t, "rm", id)
		return id
	}
}

// TestHealthCheck: what Docker runs in a container to see how it is can be told
// from the same command run by somebody inside.
func TestHealthCheck(t *testing.T) {
	binary(t)
	e := dockertest.Start(t)
	serve, url := bus(t)
	start(t, append([]string{"run", "nats", "sensor", "enricher", "--config", configured(t, "kind: docker, socket: "+e.Socket)}, serve...)...).ready()
	connected(t, url, 1)
	w := watch(t, url)
	check := []string{"/bin/cat", "/etc/passwd"}
	id := e.Create(t, "web", dockertest.Spec{
		Cmd:         []string{"/bin/sh", "-c", "while true; do /bin/cat /etc/passwd; sleep 1; done"},
		Healthcheck: &dockertest.Healthcheck{Test: append([]string{"CMD"}, check...), Interval: 1e9},
	})
	e.StartContainer(t, id)
	var checks, imitations int
	eventually(t, "a check and an imitation", func() bool {
		checks, imitations = 0, 0
		for _, b := range w.batches() {
			for i := range b.Events {
				r := b.Record(i)
				if p := r.Process(); r.Container().GetId() == id && r.Name() == "sched_process_exec" && slices.Equal(p.Args, check) {
					outside := p.NsPpid == 0
					if marked := p.Flags&uint32(msg.ProcessFlag_PROCESS_FLAG_HEALTHCHECK) != 0; marked != outside {
						t.Fatalf("process %d, child of %d in the container, is marked %v", p.NsPid, p.NsPpid, marked)
					}
					if outside {
						checks++
					} else {
						imitations++
					}
				}
			}
		}
		return checks > 0 && imitations > 0
	})
}
