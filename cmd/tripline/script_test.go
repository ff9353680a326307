package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes the test binary stand in for the command "tripline", in a
// process of its own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"tripline": main})
}

// TestScripts runs the command lines in testdata/script.
func TestScripts(t *testing.T) {
	samples, err := filepath.Abs("../../matcher/input/testdata")
	if err != nil {
		t.Fatal(err)
	}
	rules, err := filepath.Abs("../../rules")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			// What Tracee 0.7's own types and encoders wrote, and our rules.
			e.Setenv("SAMPLES", samples)
			e.Setenv("RULES", rules)
			e.Setenv("NO_COLOR", "1")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": code, "hook": hook, "posted": posted, "long": long, "expand": expand,
		},
	})
}

// code runs tripline and checks its exit code: code 2 match --input x.
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N arguments of tripline…")
	}
	want := args[0]
	err := ts.Exec("tripline", args[1:]...)
	got := "0"
	if err != nil {
		got = "killed"
		if e, ok := err.(interface{ ExitCode() int }); ok {
			got = strconv.Itoa(e.ExitCode())
		}
	}
	if got != want {
		ts.Fatalf("exit code %s, want %s", got, want)
	}
}

// hook starts a receiver and puts its address into $HOOK. It keeps what is
// posted in the file hooked; the first N requests it refuses: hook N STATUS.
func hook(ts *testscript.TestScript, _ bool, args []string) {
	refuse, status := 0, http.StatusServiceUnavailable
	if len(args) == 2 {
		var err error
		refuse, err = strconv.Atoi(args[0])
		ts.Check(err)
		status, err = strconv.Atoi(args[1])
		ts.Check(err)
	}
	var mu sync.Mutex
	out, err := os.Create(ts.MkAbs("hooked"))
	ts.Check(err)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if refuse > 0 {
			refuse--
			http.Error(w, "not now", status)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fmt.Fprintf(out, "%s %s: %s\n", r.Method, r.Header.Get("Content-Type"), body)
	}))
	ts.Setenv("HOOK", srv.URL)
	ts.Defer(func() {
		srv.Close()
		_ = out.Close()
	})
}

// expand puts variables of the environment into a copy of a file: expand FILE COPY.
func expand(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(os.Expand(ts.ReadFile(args[0]), ts.Getenv)), 0o600))
}

// posted checks how often something was posted: posted N.
func posted(ts *testscript.TestScript, _ bool, args []string) {
	n := strings.Count(ts.ReadFile("hooked"), "POST ")
	if len(args) != 1 || strconv.Itoa(n) != args[0] {
		ts.Fatalf("posted %d times, want %v", n, args)
	}
}

// long writes an event with an argument of N bytes: long N FILE.
func long(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	path := make([]byte, n)
	for i := range path {
		path[i] = 'a'
	}
	line := fmt.Sprintf(`{"eventName":"security_file_open","hostName":"h","processName":"p","hostProcessId":1,"processId":1,"args":[{"name":"pathname","type":"const char*","value":"/%s"},{"name":"flags","type":"string","value":"O_RDONLY"}]}`, path)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(line+"\n"), 0o600))
}
