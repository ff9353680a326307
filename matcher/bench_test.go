package matcher_test

import (
	"log/slog"
	"testing"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/pkg/detect"
	"github.com/tripline/tripline/pkg/detect/protocol"
	"github.com/tripline/tripline/pkg/detect/trace"
	"github.com/tripline/tripline/pkg/msg"
	golangrules "github.com/tripline/tripline/rules/golang"
)

// BenchmarkEvaluator shows ns per event: of one that no rule names, of one
// that a native Go rule sees and does not fire on, and the same with twelve.
func BenchmarkEvaluator(b *testing.B) {
	quiet := func(id string) func() detect.Signature {
		return func() detect.Signature {
			return &sig{id: id, selectors: on("openat"), onEvent: func(*sig, trace.Event, protocol.Event) error { return nil }}
		}
	}
	var twelve []func() detect.Signature
	for _, id := range "abcdefghijkl" {
		twelve = append(twelve, quiet(string(id)))
	}
	var opens, execs []act
	for i := range 256 {
		opens = append(opens, act{seq: uint64(i), event: "openat", comm: "find", args: map[string]any{"dirfd": -100, "pathname": "/usr/lib/x.so", "flags": 0}})
		execs = append(execs, exec(uint64(i), "/usr/bin/true", "abc"))
	}
	for _, c := range []struct {
		name  string
		langs []matcher.Language
		batch *msg.Batch
	}{
		{"unnamed", goLanguage(golangrules.Signatures()...), batch(b, opens...)},
		{"one Go rule", goLanguage(quiet("a")), batch(b, opens...)},
		{"twelve Go rules", goLanguage(twelve...), batch(b, opens...)},
		{"TRL-1", goLanguage(golangrules.Signatures()...), batch(b, execs...)},
	} {
		b.Run(c.name, func(b *testing.B) {
			e, err := matcher.NewEvaluator(mustLoad(b, config(), c.langs), slog.New(slog.DiscardHandler))
			if err != nil {
				b.Fatal(err)
			}
			defer e.Close()
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				e.Batch(c.batch, func(*msg.Detection) {})
				n += len(c.batch.Events)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/event")
		})
	}
}
