package matcher_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/matcher/golang"
	"github.com/tripline/tripline/matcher/rego"
	"github.com/tripline/tripline/pkg/detect"
	"github.com/tripline/tripline/pkg/detect/protocol"
	"github.com/tripline/tripline/pkg/detect/trace"
)

// hostile are rules that would use up a machine if they were let.
func hostile() map[string]string {
	squared := `x0 := to_number("123456789")` + "\n"
	doubled := `s0 := "aaaaaaaaaaaaaaaa"` + "\n"
	for i := range 40 {
		doubled += fmt.Sprintf("\ts%d := concat(\"\", [s%d, s%d])\n", i+1, i, i)
		squared += fmt.Sprintf("\tx%d := x%d * x%d\n", i+1, i, i)
	}
	return map[string]string{
		"ENDLESS":       `some x in numbers.range(1, 100000); some y in numbers.range(1, 100000); x + y == 0`,
		"RANGE":         `count(numbers.range(1, 1000000000)) == 0`,
		"COMPREHENSION": `r := numbers.range(1, 3000); count({[x, y, z] | some x in r; some y in r; some z in r}) == 0`,
		"DOUBLING":      doubled + `	s40 == ""`,
		"SQUARING":      `s := "aaaaaaaaaaaaaaaa"; t := replace(s, "a", s); u := replace(t, "a", t); v := replace(u, "a", u); v == ""`,
		"SHIFT":         `bits.lsh(1, 20000000000) == 0`,
		"NUMBERS":       squared + `	x40 == 0`,
		"NESTED":        `s := twice(twice(twice(twice(twice(twice(1)))))); json.marshal(s) == ""` + "\n}\n\ntwo(x) := [x, x]\n\nfour(x) := two(two(x))\n\nsixteen(x) := four(four(x))\n\ntwice(x) := sixteen(sixteen(x))\n\nnever if {\n\tfalse",
		"EXPRESSION":    `regex.match("(a*)*(a|aa){300}(b|c)", input.argsByName.pathname)`,
		"FORMAT":        `count(sprintf("%[1]s%[1]s%[1]s%[1]s%[1]s", [concat(input.argsByName.pathname, split(input.argsByName.pathname, ""))])) == 0`,
	}
}

// refused are rules that are not loaded, with what is said about them.
func refused() map[string][2]string {
	nested := "\ts0 := [1]\n"
	for i := range 40 {
		nested += fmt.Sprintf("\ts%d := [s%d, s%d]\n", i+1, i, i)
	}
	return map[string][2]string{
		"recursion": {"tracee_match if { again }\nagain if { tracee_match }\n", "recursive"},
		"syntax":    {"tracee_match if { nonsense( }\n", "rego_parse_error"},
		"network":   {`tracee_match if { http.send({"method": "get", "url": "http://127.0.0.1"}).status_code == 200 }`, "a rule may not use the network"},
		"lookup":    {`tracee_match if { net.lookup_ip_addr("example.org")[_] == "x" }`, "a rule may not use the network"},
		"nesting":   {"tracee_match if {\n" + nested + "\tjson.marshal(s40) == \"\"\n}\n", "a value of more than"},
		"equality":  {"tracee_match if {\n" + nested + "\tt := array.concat(s40, [])\n\tt == s40\n}\n", "a value of more than"},
		"template":  {`tracee_match if { strings.render_template("{{range .x}}a{{end}}", {"x": []}) == "" }`, "cannot be stopped"},
	}
}

// TestHostile runs them beside rules that do their work: these find what is to
// be found in every event, whatever the others do, and each of the others is
// named in the report.
func TestHostile(t *testing.T) {
	const head = "package tracee.%s\n\n__rego_metadoc__ := {\"id\": \"%s\"}\n\ntracee_selected_events contains {\"source\": \"tracee\", \"name\": \"sched_process_exec\"}\n\n"
	dir := t.TempDir()
	files := map[string]string{"good.rego": fmt.Sprintf(head, "GOOD", "GOOD-REGO") + "tracee_match if input.eventName == \"sched_process_exec\"\n"}
	for id, body := range hostile() {
		files[strings.ToLower(id)+".rego"] = fmt.Sprintf(head, id, id) + "tracee_match if {\n\t" + body + "\n}\n"
	}
	for name, r := range refused() {
		files[name+".rego"] = fmt.Sprintf(head, name, name) + r[0]
	}
	write(t, dir, files)

	cfg := config()
	cfg.Rules = []string{dir, matcher.Builtin}
	cfg.Guard = matcher.GuardConfig{Failures: 3, Window: time.Hour, Overrun: 10 * time.Second, Stuck: time.Minute}
	limits := rego.DefaultConfig()
	r := start(t, cfg, []matcher.Language{
		golang.New([]func() detect.Signature{
			everyTime("GOOD-BEFORE", "sched_process_exec"),
			func() detect.Signature {
				return &sig{id: "PANIC", selectors: on("sched_process_exec"), onEvent: func(*sig, trace.Event, protocol.Event) error { panic("on purpose") }}
			},
			everyTime("GOOD-AFTER", "sched_process_exec"),
		}, nil),
		rego.New(limits, slog.New(slog.DiscardHandler)),
	})

	// The path is 3 MB long.
	long := "/tmp/" + strings.Repeat("a", 3<<20)
	const events = 12
	began := time.Now()
	for seq := range uint64(events) {
		if err := r.src.feed(t, 0, batch(t, exec(seq+1, long, "")), seq == 0); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d events took %v", events, time.Since(began))

	found := make(map[string]int)
	for _, d := range r.store.all() {
		found[d.Rule.ID]++
	}
	for _, id := range []string{"GOOD-BEFORE", "GOOD-AFTER", "GOOD-REGO"} {
		if found[id] != events {
			t.Errorf("%s found something in %d of %d events", id, found[id], events)
		}
		delete(found, id)
	}
	if len(found) > 0 {
		t.Errorf("hostile rules have found something: %v", found)
	}

	_, detail := r.Health()
	off := make(map[string]string)
	for _, d := range detail["disabled"].([]map[string]any) {
		off[d["rule"].(string)] = fmt.Sprint(d["last"])
	}
	for id := range hostile() {
		if off[id] == "" {
			t.Errorf("%s is not named as disabled: %v", id, off)
		}
		t.Logf("%s: %s", id, off[id])
	}
	if off["PANIC"] != "panic: on purpose" {
		t.Errorf("PANIC is told as %q", off["PANIC"])
	}
	problems := strings.Join(detail["problems"].([]string), "\n")
	for name, r := range refused() {
		if !strings.Contains(problems, name+".rego") || !strings.Contains(problems, r[1]) {
			t.Errorf("%s is not told of as %q:\n%s", name, r[1], problems)
		}
	}
}
