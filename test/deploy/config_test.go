package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	core "k8s.io/api/core/v1"
)

// accepts has the binary read a configuration for some stages.
func accepts(t *testing.T, file string, stages ...string) {
	t.Helper()
	program := os.Getenv("TRIPLINE_BIN")
	if program == "" {
		t.Skip("needs TRIPLINE_BIN: make test says where it is")
	}
	args := append(append([]string{"run"}, stages...), "--config", file, "--print-config")
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		t.Errorf("tripline %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// TestConfigurations: the binary knows every key of the configurations that are
// deployed.
func TestConfigurations(t *testing.T) {
	files, err := filepath.Glob(root + "/deploy/compose/config/*.yaml")
	if err != nil || len(files) < 5 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, f := range files {
		stage, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(f), ".yaml"), "-")
		t.Run("compose/"+filepath.Base(f), func(t *testing.T) { accepts(t, f, stage) })
	}
	for _, o := range manifests(t) {
		m, ok := o.into.(*core.ConfigMap)
		if !ok || m.Data["tripline.yaml"] == "" {
			continue
		}
		t.Run("kubernetes", func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "tripline.yaml")
			if err := os.WriteFile(file, []byte(m.Data["tripline.yaml"]), 0o644); err != nil {
				t.Fatal(err)
			}
			for _, stage := range []string{"nats", "sensor", "enricher", "matcher", "notifier"} {
				accepts(t, file, stage)
			}
		})
	}
}
