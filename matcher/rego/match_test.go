package rego

import (
	"os"
	"testing"
)

func TestTRC2(t *testing.T) {
	src, err := os.ReadFile("../../rules/rego/anti_debugging.rego")
	if err != nil {
		t.Fatal(err)
	}
	p := load(t, string(src))
	for request, want := range map[int]int{0: 1, 12: 0, 99: 0} {
		got, err := match(t, p, ptrace(t, request))
		if err != nil || len(got) != want {
			t.Errorf("request %d: %v, %v, want %d findings", request, got, err, want)
		}
	}
}
