package expr_test

import (
	"log/slog"
	"testing"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/matcher/expr"
)

// TestFields: every field says where its value comes from or why there is none.
func TestFields(t *testing.T) {
	cfg := expr.DefaultConfig()
	cfg.StaticFields = map[string]string{"site": "north"}
	var lang matcher.Fielder = expr.New(cfg, slog.New(slog.DiscardHandler))
	byName := map[string]matcher.Field{}
	for _, f := range lang.Fields() {
		if f.Name == "" || f.Type == "" || f.Doc == "" || (f.From == "") == (f.Missing == "") {
			t.Errorf("incomplete: %+v", f)
		}
		byName[f.Name] = f
	}
	for name, want := range map[string]matcher.Field{
		"proc.name":    {Type: "string"},
		"proc.aname":   {Type: "string", Arg: "proc.aname[N]", Several: true},
		"proc.env":     {Type: "string", Arg: "proc.env[KEY]"},
		"evt.rawarg":   {Type: "any", Arg: "evt.rawarg.NAME (needed)"},
		"static.site":  {Type: "string"},
		"proc.fdlimit": {Type: "int64"},
	} {
		got, ok := byName[name]
		if !ok {
			t.Errorf("%s is not there", name)
			continue
		}
		if got.Type != want.Type || got.Arg != want.Arg || got.Several != want.Several {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
	if byName["proc.fdlimit"].Missing == "" {
		t.Errorf("proc.fdlimit has a value: %+v", byName["proc.fdlimit"])
	}
}
