//go:build cgo && linux && amd64

package ebpf

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

func TestPrefixes(t *testing.T) {
	openat, _ := catalogue.Lookup("openat")
	of := func(op string, values ...string) msg.EventDemand {
		return msg.EventDemand{Name: "openat", Args: []msg.ArgDemand{{Name: "pathname", Op: op, Values: values}}}
	}
	long := strings.Repeat("x", 100)
	for _, c := range []struct {
		name    string
		demands []msg.EventDemand
		want    []string
	}{
		{"nothing asked for", nil, nil},
		{"prefix", []msg.EventDemand{of("prefix", "/etc/", "/root/")}, []string{"/etc/", "/root/"}},
		{"equal", []msg.EventDemand{of("=", "/etc/shadow")}, []string{"/etc/shadow\x00"}},
		{"two who ask", []msg.EventDemand{of("=", "/b"), of("prefix", "/a")}, []string{"/a", "/b\x00"}},
		{"one wants all", []msg.EventDemand{of("=", "/b"), {Name: "openat"}}, nil},
		{"another argument", []msg.EventDemand{{Name: "openat", Args: []msg.ArgDemand{{Name: "flags", Op: "=", Values: []string{"1"}}}}}, nil},
		{"too long", []msg.EventDemand{of("=", long)}, []string{long[:maxPrefix]}},
		{"too many", []msg.EventDemand{of("prefix", strings.Split("abcdefghi", "")...)}, nil},
	} {
		if position, got := prefixes(openat, c.demands); !slices.Equal(got, c.want) || (position != 0) != (c.want != nil) {
			t.Errorf("%s: position %d, %q; want %q", c.name, position, got, c.want)
		}
	}
}

// TestPrefixInKernel opens files of which some are asked for: the others make
// no record, and are counted.
func TestPrefixInKernel(t *testing.T) {
	w := start(t, "getpriority")
	w.Want([]msg.EventDemand{{Name: "getpriority"}, {Name: "openat", Args: []msg.ArgDemand{
		{Name: "pathname", Op: "prefix", Values: []string{"/nonexistent/a", "relative"}},
	}}})
	tid := onThread(t)
	before := w.leftOut(skippedArgs)
	w.mark(t, 0)
	for _, path := range []string{"/nonexistent/abc", "/nonexistent/b", "relative/x", "/nonexistent", "/nonexistent/a"} {
		if _, err := unix.Openat(unix.AT_FDCWD, path, 0, 0); err == nil {
			t.Fatal(path)
		}
	}
	w.mark(t, 1)
	w.Want([]msg.EventDemand{{Name: "getpriority"}, {Name: "openat", Args: []msg.ArgDemand{
		{Name: "pathname", Op: "=", Values: []string{"/nonexistent"}},
	}}})
	w.mark(t, 2)
	for _, path := range []string{"/nonexistent/abc", "/nonexistent"} {
		_, _ = unix.Openat(unix.AT_FDCWD, path, 0, 0)
	}
	w.mark(t, 3)
	between := w.betweenMarks(tid, 3)
	for i, want := range map[int][]string{0: {"/nonexistent/abc", "relative/x", "/nonexistent/a"}, 2: {"/nonexistent"}} {
		var got []string
		for _, r := range between[i] {
			got = append(got, text(t, r, "pathname"))
		}
		if !slices.Equal(got, want) {
			t.Errorf("stretch %d: opened %q, want %q", i, got, want)
		}
	}
	if n := w.leftOut(skippedArgs) - before; n < 3 {
		t.Errorf("%d calls are counted as left out, of at least 3", n)
	}
}
