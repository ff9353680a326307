package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/tripline/tripline/enricher/container/containerd/containerdtest"
	"github.com/tripline/tripline/pkg/msg"
)

// TestModuleRules does the real thing for the rules about modules of the kernel.
// TRIPLINE_TEST_MODULE is one that fits the running kernel: scripts/test-kernels
// runs this in its virtual machines, where ACT is the program of that name.
func TestModuleRules(t *testing.T) {
	module := os.Getenv("TRIPLINE_TEST_MODULE")
	if module == "" {
		t.Skip("needs a module that fits the running kernel, and a kernel that takes modules: make test-kernels")
	}
	serve, _ := bus(t)
	p := start(t, append([]string{"run", "--config", rulesConfigured(t), "--output", "json"}, serve...)...).ready()
	rules := allRulesAreTried(t)
	cmd := exec.Command(rulesScript, "machine")
	cmd.Env = append(cmd.Environ(), "MODULE="+module)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	for file, output := range machineOutputs() {
		fires(t, p, rules[file].Info.ID, func(d msg.Detection) bool {
			return stepOf(&d) == file && strings.Contains(d.Output, output) &&
				(d.Event.Container != nil) == (file == "kernel_module_from_container")
		})
	}
}

// fires waits for a detection of a rule which is as it should be.
func fires(t *testing.T, p *process, rule string, is func(msg.Detection) bool) {
	t.Helper()
	eventually(t, "a finding of "+rule, func() bool {
		return slices.ContainsFunc(lines[msg.Detection](p.out.String()), func(d msg.Detection) bool { return d.Rule.ID == rule && is(d) })
	})
}

// TestPodRules does the real thing for the rules about pods, in one that
// containerd makes.
func TestPodRules(t *testing.T) {
	binary(t)
	if !containerdtest.CanNetwork() {
		t.Skip("needs the network plugins of containernetworking-plugins: make deps-test")
	}
	engine := containerdtest.Start(t)
	serve, url := bus(t)
	p := start(t, append([]string{
		"run", "--scope", "container", "--output", "json", "--config",
		rulesConfigured(t, "enricher:\n  runtimes: [{kind: containerd, socket: "+engine.Socket+"}]\n"),
	}, serve...)...).ready()
	connected(t, url, 1)
	rules := allRulesAreTried(t)
	act, err := filepath.Abs("../../bin/attacks/act") // which the script has built
	if err != nil {
		t.Fatal(err)
	}
	shop := containerdtest.Pod{Name: "shop", Namespace: "restricted", UID: "7a8fa6a4-8b1c-4d8e-9a53-0f1b2c3d4e60", OwnNetwork: true}
	sandbox := engine.RunPod(t, shop)
	id := engine.CreateIn(t, shop, sandbox, "till", []*runtimeapi.Mount{{ContainerPath: "/act", HostPath: act, Readonly: true}}, "/bin/sleep", "1000")
	engine.StartContainer(t, id)
	// The address is nobody's; here it is the pod's own.
	pid := strconv.Itoa(int(engine.Pid(t, id)))
	run(t, "nsenter", "-t", pid, "-n", "ip", "addr", "add", "203.0.113.9/32", "dev", "lo")
	engine.Exec(t, id, "/act", "dial", "tcp", "203.0.113.9:80")
	for file, output := range podOutputs() {
		fires(t, p, rules[file].Info.ID, func(d msg.Detection) bool { return strings.Contains(d.Output, output) })
	}
}
