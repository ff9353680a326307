package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// TestRun: right answers pass and wrong ones do not, whatever the kind.
func TestRun(t *testing.T) {
	in, err := os.Open("testdata/cases.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var out, summary bytes.Buffer
	failed, err := run(in, &out, &summary, runner{}, false)
	if err != nil {
		t.Fatal(err)
	}
	if failed != 3 || !strings.Contains(summary.String(), "22 cases: 18 passed, 3 failed, 1 failed") {
		t.Errorf("%d failed; %s", failed, summary.String())
	}
	dec := json.NewDecoder(&out)
	for dec.More() {
		var r result
		if err := dec.Decode(&r); err != nil {
			t.Fatal(err)
		}
		want := true
		switch r.ID {
		case "own-wrong", "own-quirk", "own-kind", "own-git":
			want = false
		}
		if r.Pass != want || r.Pass == (r.Why != "") {
			t.Errorf("%s: pass %t, why %q, got %v", r.ID, r.Pass, r.Why, r.Got)
		}
	}
}

func TestBadInput(t *testing.T) {
	var out, summary bytes.Buffer
	if _, err := run(strings.NewReader("{\"id\":\"a\",\"kind\":\"parse\"}\nnonsense\n"), &out, &summary, runner{}, false); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("got %v", err)
	}
}

// TestOddCase: a case of another form fails, and the others are run.
func TestOddCase(t *testing.T) {
	var out, summary bytes.Buffer
	in := "{\"id\":\"odd\",\"kind\":\"load\",\"enabled_rules\":[]}\n{\"id\":\"good\",\"kind\":\"parse\",\"condition\":\"a\",\"expect\":\"accept\"}\n"
	failed, err := run(strings.NewReader(in), &out, &summary, runner{}, false)
	if err != nil || failed != 1 || !strings.Contains(summary.String(), "2 cases: 1 passed") || !strings.Contains(out.String(), `"id":"odd"`) {
		t.Errorf("%v, %d failed; %s\n%s", err, failed, summary.String(), out.String())
	}
}
