package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

// stackPatience bounds every wait for the stack: a check of health comes every
// ten seconds, and a killed container is started again with a pause.
const stackPatience = 90 * time.Second

const composeDir = "../../deploy/compose"

// stack is the composed stack on an engine of this test's own.
type stack struct {
	*engine
	t        *testing.T
	receiver string   // id of the container that is told
	more     []string // further files of Compose
}

// compose is a command of Compose on the stack, with what the test adds to it.
func (s *stack) compose(args ...string) []string {
	all := []string{"compose", "--project-directory", composeDir}
	for _, f := range append([]string{composeDir + "/compose.yaml", "stack/compose.yaml"}, s.more...) {
		all = append(all, "-f", f)
	}
	return append(all, args...)
}

// container is what Compose tells of one.
type container struct {
	ID, Name, Service, State, Health string
	ExitCode                         int
}

func (s *stack) containers() []container {
	return lines[container](s.try(s.compose("ps", "--all", "--format", "json")...))
}

// of lists the containers of a service.
func (s *stack) of(service string) (found []container) {
	for _, c := range s.containers() {
		if c.Service == service {
			found = append(found, c)
		}
	}
	return found
}

func (s *stack) eventually(what string, ok func() bool) {
	s.t.Helper()
	began := time.Now()
	defer func() { s.t.Logf("%v until %s", time.Since(began).Round(100*time.Millisecond), what) }()
	for end := time.Now().Add(stackPatience); time.Now().Before(end); time.Sleep(300 * time.Millisecond) {
		if ok() {
			return
		}
	}
	s.t.Fatalf("waited %v in vain for %s\n%s", stackPatience, what, s.try(s.compose("ps", "--all")...))
}

// healthy waits until every stage is, three matchers among them.
func (s *stack) healthy() {
	s.t.Helper()
	want := map[string]int{"nats": 1, "sensor": 1, "enricher": 1, "matcher": 3, "notifier": 1}
	s.eventually("every stage is healthy", func() bool {
		got := map[string]int{}
		for _, c := range s.containers() {
			if c.State == "running" && c.Health == "healthy" {
				got[c.Service]++
			}
		}
		return maps.Equal(got, want)
	})
}

// crash kills the process in a container, as the kernel would: the engine did
// not ask for it and has to start it again.
func (s *stack) crash(c container) {
	s.t.Helper()
	pid, err := strconv.Atoi(strings.TrimSpace(s.try("inspect", "--format", "{{.State.Pid}}", c.ID)))
	if err == nil {
		err = syscall.Kill(pid, syscall.SIGKILL)
	}
	if err != nil {
		s.t.Fatalf("killing %s: %v", c.Name, err)
	}
}

// received lists what the webhook's receiver was told.
func (s *stack) received() []msg.Detection {
	return lines[msg.Detection](s.try("logs", s.receiver))
}

// attack runs the demonstration, with crashes of these meanwhile, and returns the
// id of the attacker's container.
func (s *stack) attack(victims ...container) string {
	s.t.Helper()
	name := fmt.Sprintf("tripline-attacker-%d", time.Now().UnixNano())
	s.try(s.compose("--profile", "demo", "run", "--detach", "--no-deps", "--name", name, "demo")...)
	for _, v := range victims {
		s.crash(v)
	}
	id := strings.TrimSpace(s.try("inspect", "--format", "{{.Id}}", name))
	if code := strings.TrimSpace(s.try("wait", name)); code != "0" {
		s.t.Fatalf("the attacks ended with code %s:\n%s", code, s.try("logs", name))
	}
	s.try("rm", name)
	return id
}

// demoRules are those that the service demo names.
func (s *stack) demoRules() (rules []string) {
	s.t.Helper()
	var file struct {
		Services map[string]struct{ Command []string }
	}
	out, err := s.docker(s.compose("--profile", "demo", "config", "--format", "json")...).Output()
	if err == nil {
		err = json.Unmarshal(out, &file)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	for _, word := range file.Services["demo"].Command {
		if strings.HasPrefix(word, "TR") {
			rules = append(rules, word)
		}
	}
	if len(rules) < 5 {
		s.t.Fatalf("the demonstration names %v", rules)
	}
	return rules
}

// missing lists the rules that the receiver was not told of, of attacks by one
// container.
func (s *stack) missing(attacker string, rules []string) (missing []string) {
	told := map[string]bool{}
	for _, d := range s.received() {
		if c := d.Event.Container; c != nil && c.ID == attacker {
			told[d.Rule.ID] = true
		}
	}
	for _, r := range rules {
		if !told[r] {
			missing = append(missing, r)
		}
	}
	return missing
}

// told waits until the receiver was told of all attacks by one container.
func (s *stack) told(attacker string, rules []string) {
	s.t.Helper()
	var missing []string
	defer func() {
		if len(missing) > 0 {
			s.t.Errorf("attacks by %s that the webhook was not told of: %v", attacker, missing)
		}
	}()
	s.eventually("the webhook is told of all attacks", func() bool {
		missing = s.missing(attacker, rules)
		return len(missing) == 0
	})
}

// newStack makes the images and starts the stack.
func newStack(t *testing.T) *stack {
	t.Helper()
	binary(t)
	if os.Getenv("TRIPLINE_STACK") == "" {
		t.Skip("takes minutes and an engine of its own: make test-e2e runs it")
	}
	s := &stack{engine: newEngine(t), t: t}
	if err := s.docker("compose", "version").Run(); err != nil {
		t.Fatalf("docker compose: %v; make test-e2e installs it", err)
	}

	// A token that only the notifier's user can read.
	secret := filepath.Join(s.dir, "webhook_url")
	if err := os.WriteFile(secret, []byte("http://receiver:8080/hook/s3cret\n"), 0o400); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(secret, 65532, 65532); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TRIPLINE_WEBHOOK_URL_FILE", secret)
	config, err := filepath.Abs("stack/notifier.yaml")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TRIPLINE_NOTIFIER_CONFIG", config)

	s.images()
	t.Cleanup(s.down)
	s.up()
	return s
}

// up starts the stack with three matchers, or brings it in line.
func (s *stack) up() {
	s.t.Helper()
	s.try(s.compose("up", "--detach", "--scale", "matcher=3", "--wait", "--wait-timeout", "120")...)
	s.receiver = s.of("receiver")[0].ID
}

// images makes those of the stages and of the attacker as a user does, and the
// receiver's.
func (s *stack) images() {
	s.t.Helper()
	for _, target := range []string{"image", "image-demo"} {
		cmd := exec.Command("make", "-C", "../..", "--no-print-directory", target)
		// What an outer make tells its children is not for this one.
		cmd.Env = append(s.docker().Env, "MAKEFLAGS=", "MAKELEVEL=")
		out, err := cmd.CombinedOutput()
		if err != nil {
			s.t.Fatalf("make %s: %v\n%s", target, err, tail(string(out)))
		}
		s.t.Logf("make %s\n%s", target, out)
	}
	root := s.t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(root, "receiver"), "./stack/receiver")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		s.t.Fatalf("the receiver: %v\n%s", err, out)
	}
	archive := filepath.Join(s.t.TempDir(), "receiver.tar")
	run(s.t, "tar", "-C", root, "-cf", archive, "receiver")
	s.try("import", "--change", `ENTRYPOINT ["/receiver"]`, archive, "tripline/receiver:local")
}

// down takes the stack away and looks for what it left in the engine.
func (s *stack) down() {
	if s.t.Failed() {
		out, _ := s.docker(s.compose("logs", "--no-color", "--tail", "15", "nats", "sensor", "enricher", "matcher", "notifier")...).CombinedOutput()
		s.t.Logf("the stack's logs\n%s", tail(string(out)))
	}
	s.try(s.compose("--profile", "demo", "--profile", "observability", "down", "--volumes", "--remove-orphans", "--rmi", "all", "--timeout", "20")...)
	for what, args := range map[string][]string{
		"container": {"ps", "--all", "--quiet"},
		"volume":    {"volume", "ls", "--quiet"},
		"network":   {"network", "ls", "--quiet", "--filter", "type=custom"},
	} {
		if left := strings.TrimSpace(s.try(args...)); left != "" {
			s.t.Errorf("left behind in the engine: %s %s", what, left)
		}
	}
	if left := s.try("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "--filter", "reference=*:local"); left != "" {
		s.t.Errorf("left behind in the engine: image %s", left)
	}
}

// TestStack is the stack as it is deployed: attacks are told to a webhook while
// a matcher and the notifier die, each container has what the table says and no
// more, and nothing is left when it is taken away.
func TestStack(t *testing.T) {
	s := newStack(t)
	s.healthy()
	t.Run("privileges", s.privileges)
	t.Run("pages", s.pages)

	rules := s.demoRules()
	first := s.attack()
	s.told(first, rules)

	// The matcher that has the attacker's partition is one of three: all have
	// their turn.
	var attackers []string
	for _, victims := range [][]container{s.of("matcher")[:1], s.of("notifier"), s.of("matcher")[1:]} {
		attackers = append(attackers, s.attack(victims...))
	}
	for _, a := range attackers {
		s.told(a, rules)
	}
	s.healthy()
	s.restarted(map[string]int{"nats": 0, "sensor": 0, "enricher": 0, "matcher": 1, "notifier": 1})
	s.once(attackers)
	s.quiet(append(attackers, first))
	t.Run("prometheus", s.prometheus)
	t.Run("keys", s.keys)
}

// quiet looks whether Tripline told of itself: of its own stages, or of the
// engine that starts them and their checks of health.
func (s *stack) quiet(attackers []string) {
	s.t.Helper()
	for _, d := range s.received() {
		own := false
		if c := d.Event.Container; c != nil {
			own = strings.HasPrefix(c.Name, "tripline-") && !slices.Contains(attackers, c.ID)
		} else if p := d.Event.Process; p != nil {
			own = strings.Contains(strings.Join(p.Args, " "), s.dir)
			for _, a := range p.Ancestors {
				own = own || strings.Contains(strings.Join(a.Args, " "), s.dir)
			}
		}
		if own {
			s.t.Errorf("told of Tripline itself or its engine: %s (%s): %s", d.Rule.ID, d.Event.Comm, d.Output)
		}
	}
}

// keys gives each stage a key of its own and TLS, as the README says, and looks
// whether attacks are told as before, and nobody without a key is let in.
func (s *stack) keys(t *testing.T) {
	dir := filepath.Join(s.dir, "keys")
	t.Setenv("TRIPLINE_KEYS", dir)
	run(t, composeDir+"/make-keys")
	s.more = []string{composeDir + "/compose.keys.yaml"}
	s.up()
	s.healthy()
	s.told(s.attack(), s.demoRules())
	out, err := s.docker(s.compose("exec", "-T", "-e", "TRIPLINE_NKEY=", "nats", "tripline", "status", "--nats", "tls://nats:4222", "--tls-ca", "/etc/tripline/nats/servers/nats/server.crt")...).CombinedOutput()
	if err == nil || !strings.Contains(strings.ToLower(string(out)), "authoriz") {
		t.Errorf("without a key: %v, %s", err, out)
	}
	// The keys go with the test, and the stack is taken down after it.
	s.more = nil
}

// restarted looks whether those that were killed, and no others, were started
// again.
func (s *stack) restarted(want map[string]int) {
	s.t.Helper()
	for _, c := range s.containers() {
		n, ok := want[c.Service]
		if got := strings.TrimSpace(s.try("inspect", "--format", "{{.RestartCount}}", c.ID)); ok && got != strconv.Itoa(n) {
			s.t.Errorf("%s was started again %s times, want %d", c.Name, got, n)
		}
	}
}

// once looks for detections that were told twice. The notifier was killed once,
// and what it had sent and not yet acknowledged then may come again under its
// id: that is the promise to a receiver.
func (s *stack) once(attackers []string) {
	s.t.Helper()
	told := map[string]int{}
	for _, d := range s.received() {
		if c := d.Event.Container; c != nil && slices.Contains(attackers, c.ID) {
			told[d.ID]++
		}
	}
	again := 0
	for _, n := range told {
		again += n - 1
	}
	s.t.Logf("%d detections of %d attackers were told, %d of them twice", len(told), len(attackers), again)
}

// pages asks every stage for its pages, from inside the network.
func (s *stack) pages(t *testing.T) {
	exported := map[string]bool{}
	for _, stage := range []string{"nats", "sensor", "enricher", "matcher", "notifier"} {
		for page, want := range map[string]string{
			"healthz": "ok", "readyz": "ok", "metrics": "tripline_build_info{",
		} {
			got := s.try(s.compose("exec", "-T", "receiver", "/receiver", "http://"+stage+":9464/"+page)...)
			if !strings.HasPrefix(got, "200 OK\n") || !strings.Contains(got, want) {
				t.Errorf("%s of %s is %q, want 200 with %q", page, stage, tail(got), want)
			}
			for _, m := range regexp.MustCompile(`(?m)^([a-z_]+)[{ ]`).FindAllStringSubmatch(got, -1) {
				exported[m[1]] = true
			}
		}
	}
	dashboardMetrics(t, exported)
}
