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
	text := "enricher:\n"
	if os.Getenv("TRIPLINE_TEST_CONTAINERS") == "" {
		// A few on a machine of any speed: only what is counted is counted
		// with the limits that hold unless configured.
		text += "  hold_for: 10s\n  container: {wait: 10s, timeout: 10s}\n"
	}
	text += "  runtimes:\n"
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
	engine, ctd, pod, bare := dockertest.Start(t), containerdtest.Start(t), podmantest.Start(t), podmantest.Start(t)
	pod.StartService(t)
	serve, url := bus(t)
	start(t, append([]string{"run", "nats", "sensor", "enricher", "--config", configured(t,
		"kind: docker, socket: "+engine.Socket, "kind: containerd, socket: "+ctd.Socket,
		"kind: podman, socket: "+pod.Socket, "kind: podman, storage: "+bare.Storage)}, serve...)...).ready()
	connected(t, url, 5)
	shop := containerdtest.Pod{Name: "shop", Namespace: "prod", UID: "6f8fa6a4-8b1c-4d8e-9a53-0f1b2c3d4e5f"}
	sandbox := ctd.RunPod(t, shop)
	for _, c := range []struct {
		name string
		// once makes, starts and removes a container and returns its id.
		once func(t *testing.T, name string, cmd []string) string
		// partial says that no more is to be had.
		partial bool
		pod     string
	}{
		{"docker", func(t *testing.T, name string, cmd []string) string {
			id := engine.Create(t, name, dockertest.Spec{Cmd: cmd})
			engine.StartContainer(t, id)
			engine.Wait(t, id)
			engine.Remove(t, id)
			return id
		}, false, ""},
		{"containerd, pods", func(t *testing.T, name string, cmd []string) string {
			id := ctd.CreateIn(t, shop, sandbox, name, nil, cmd...)
			ctd.StartContainer(t, id)
			ctd.Wait(t, id)
			ctd.RemoveContainer(t, id)
			return id
		}, false, "shop"},
		{"containerd, sandboxes of pods", func(t *testing.T, name string, _ []string) string {
			id := ctd.RunPod(t, containerdtest.Pod{Name: name, Namespace: "prod", UID: "uid-of-" + name})
			ctd.AwaitPod(t, id)
			ctd.RemovePod(t, id)
			return id
		}, false, "box"},
		{"containerd, other namespaces", func(t *testing.T, name string, cmd []string) string {
			ctd.Create(t, name, nil, cmd...)
			ctd.Ctr(t, "tasks", "start", name) // until it has ended
			ctd.Ctr(t, "containers", "rm", name)
			return containerdtest.Namespace + "/" + name
		}, false, ""},
		{"podman with its service", podmanOnce(pod), false, ""},
		{"podman without", podmanOnce(bare), true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := watch(t, url)
			ids := make([]string, n)
			names := map[string]string{}
			for i := range n {
				name := fmt.Sprintf("box-%d", i)
				ids[i] = c.once(t, name, entry(i))
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
				if box.Name != names[id] || box.GetImage().GetName() != dockertest.Image || !strings.HasPrefix(box.GetPod().GetName(), c.pod) {
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

func podmanOnce(e *podmantest.Engine) func(*testing.T, string, []string) string {
	return func(t *testing.T, name string, cmd []string) string {
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
