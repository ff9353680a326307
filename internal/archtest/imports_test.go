package archtest

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/tripline/tripline"

// rule says what the packages below a folder may import of this module, and
// of third parties where that is limited. The rule with the longest folder
// that holds a package is the one that counts.
type rule struct {
	folder string
	// own lists folders of this module; one that ends in "/..." stands for
	// itself and all below it.
	own []string
	// external, when not nil, lists the only third-party prefixes allowed.
	external []string
	why      string
}

// rules is the import table of ARCHITECTURE.md.
func rules() []rule {
	contract := []string{"pkg/msg", "pkg/msg/catalogue"}
	api := []string{"pkg/detect", "pkg/detect/helpers", "pkg/detect/protocol", "pkg/detect/trace"}
	plus := func(more ...string) []string { return append(append([]string{}, contract...), more...) }
	return []rule{
		{"pkg/msg/catalogue", nil, []string{}, "the catalogue is data: it depends on nothing"},
		{"pkg/msg/catalogue/gen", nil, []string{}, "the generator reads text and writes Go"},
		{"pkg/msg", contract, []string{"google.golang.org/protobuf", "github.com/planetscale/vtprotobuf", "github.com/klauspost/compress/s2"}, "the contract imports the standard library and the codec only"},
		{"pkg/detect", plus(api...), []string{}, "what users build rules against must not drag the engine in"},

		// A program of rules is wired like a command: it is the engine.
		{"pkg/detect/standalone", plus("pkg/detect", "matcher", "matcher/golang", "internal/bus", "internal/actor", "internal/telemetry"), nil, "joins the subjects as one more matcher"},

		{"sensor", contract, nil, "a stage knows the contract, never another stage or the bus"},
		{"sensor/ebpf", plus("sensor", "internal/containerpath"), nil, "a source knows its stage, and what containers' control groups are called"},
		{"sensor/replay", plus("sensor"), nil, "a source knows its stage"},
		{"sensor/builtin", plus("sensor", "sensor/..."), nil, "the list of sources"},

		{"enricher", contract, nil, "a stage knows the contract, never another stage or the bus"},
		{"enricher/process", plus("enricher"), nil, "a step knows its stage"},
		{"enricher/container", plus("enricher", "enricher/container/...", "internal/containerpath"), nil, "a step knows its stage and its own runtimes, and what containers' control groups are called"},
		{"enricher/user", plus("enricher"), nil, "a step knows its stage"},
		{"enricher/builtin", plus("enricher", "enricher/..."), nil, "the ordered list of steps"},

		{"matcher", contract, nil, "a stage knows the contract, never another stage or the bus"},
		{"matcher/rego", plus("matcher", "matcher/rego/..."), nil, "a language knows its stage"},
		{"matcher/golang", plus(append(api, "matcher")...), nil, "a language knows its stage"},
		{"matcher/expr", plus("matcher", "matcher/expr/..."), nil, "a language knows its stage"},
		{"matcher/input", plus("pkg/detect/trace"), []string{}, "readers of recorded events make batches, for whoever evaluates them"},
		{"matcher/ruletest", plus("matcher", "matcher/input"), nil, "tests of rules run them as the matcher does, whatever their language"},
		{"matcher/builtin", plus("matcher", "matcher/...", "rules", "rules/golang"), nil, "the list of languages"},
		{"rules", nil, []string{}, "rule files, embedded"},
		{"rules/golang", plus(append(api, "rules/golang/...")...), []string{}, "a Go rule is written against the public interface alone"},

		{"notifier", plus("notifier/policy"), nil, "a stage knows the contract, never another stage or the bus"},
		{"notifier/policy", contract, []string{}, "decides about detections, and knows neither sinks nor the stage"},
		{"notifier/builtin", plus("notifier", "notifier/..."), nil, "the list of sinks"},
		{"notifier/render", plus("pkg/detect/trace", "pkg/detect/protocol"), nil, "templates know detections, and findings as Tracee's templates do"},
		{"notifier/sinktest", plus("notifier"), nil, "the conformance kit of sinks"},
		// Every other folder of notifier is a sink.
		{"notifier/", plus("notifier", "notifier/render"), nil, "a sink knows its stage and how to render"},

		{"internal/bus", plus("internal/bus"), nil, "the bus knows the contract, not the stages"},
		{"internal/actor", nil, nil, "runs anything"},
		{"internal/containerpath", nil, []string{}, "reads text"},
		{"internal/telemetry", nil, nil, "serves anything"},
		{"internal/archtest", nil, nil, "looks at text"},

		{"cmd/tripline", plus(
			"sensor", "sensor/builtin", "sensor/replay", "enricher", "enricher/builtin", "matcher", "matcher/builtin", "matcher/input", "matcher/ruletest",
			"notifier", "notifier/builtin", "notifier/policy", "notifier/render", "internal/bus", "internal/bus/provision", "internal/actor", "internal/telemetry", "rules",
		), nil, "wires the stages through their lists; never a plugin by name"},
		{"test", []string{"..."}, nil, "tests of the whole use what they need"},
	}
}

func TestImports(t *testing.T) {
	root := repository(t)
	seen := 0
	walkGo(t, root, func(file string) {
		if strings.HasSuffix(file, "_test.go") {
			return
		}
		seen++
		pkg := path.Dir(file)
		r, ok := ruleFor(pkg)
		if !ok {
			t.Errorf("%s: folder %s is not in the import table; add a rule with its reason", file, pkg)
			return
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range f.Imports {
			if err := r.check(strings.Trim(spec.Path.Value, `"`)); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	})
	if seen < 20 {
		t.Fatalf("looked at %d files only: the walk is broken", seen)
	}
}

// TestTableRefuses proves that the table can say no.
func TestTableRefuses(t *testing.T) {
	for _, c := range []struct{ pkg, imports string }{
		{"sensor", module + "/enricher"},
		{"enricher", module + "/matcher"},
		{"matcher", module + "/internal/bus"},
		{"matcher/rego", module + "/matcher/expr"},
		{"notifier/webhook", module + "/notifier/stdout"},
		{"notifier", "github.com/nats-io/nats.go"},
		{"cmd/tripline", "github.com/nats-io/nats-server/v2/server"},
		{"cmd/tripline", module + "/sensor/ebpf"},
		{"pkg/msg", module + "/internal/bus"},
		{"pkg/msg", "github.com/spf13/cobra"},
		{"rules/golang", module + "/matcher"},
		{"rules/golang", module + "/pkg/detect/standalone"},
		{"pkg/detect", module + "/matcher"},
		{"pkg/detect/trace", module + "/pkg/detect/standalone"},
	} {
		r, ok := ruleFor(c.pkg)
		if !ok {
			t.Errorf("no rule for %s", c.pkg)
		} else if r.check(c.imports) == nil {
			t.Errorf("%s may import %s, and should not", c.pkg, c.imports)
		}
	}
}

func ruleFor(pkg string) (best rule, ok bool) {
	for _, r := range rules() {
		folder := strings.TrimSuffix(r.folder, "/")
		if (pkg == folder && folder == r.folder || strings.HasPrefix(pkg, folder+"/")) && (!ok || len(r.folder) > len(best.folder)) {
			best, ok = r, true
		}
	}
	return best, ok
}

func (r rule) check(imported string) error {
	if rest, own := strings.CutPrefix(imported, module+"/"); own {
		for _, a := range r.own {
			if below, tree := strings.CutSuffix(a, "..."); rest == a || tree && strings.HasPrefix(rest+"/", below) {
				return nil
			}
		}
		// A package may always use its own sub-folders' parent rule.
		if strings.HasPrefix(rest, strings.TrimSuffix(r.folder, "/")+"/internal/") {
			return nil
		}
		return fmt.Errorf("imports %s: %s may not (%s)", rest, r.folder, r.why)
	}
	if strings.Contains(imported, "nats-io") && r.folder != "internal/bus" {
		return fmt.Errorf("imports %s: only internal/bus may know NATS", imported)
	}
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") || r.external == nil {
		return nil
	}
	for _, e := range r.external {
		if imported == e || strings.HasPrefix(imported, e+"/") {
			return nil
		}
	}
	return fmt.Errorf("imports %s: %s may not (%s)", imported, r.folder, r.why)
}

func walkGo(t *testing.T, root string, visit func(file string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, p)
		if d.IsDir() {
			if name := d.Name(); rel != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "bin") {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(p, ".go") {
			visit(filepath.ToSlash(rel))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func repository(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return root
}
