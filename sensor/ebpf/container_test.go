//go:build cgo && linux

package ebpf

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// TestContainers makes and removes the control groups of containers, in every
// hierarchy that there is, before the sensor and after.
func TestContainers(t *testing.T) {
	needRoot(t)
	v2, pids := hierarchies(t)
	var mounts []string
	for _, h := range []*hierarchy{v2, pids} {
		if h != nil {
			mounts = append(mounts, h.mount)
		}
	}
	if len(mounts) == 0 {
		t.Skip("needs a mounted cgroup hierarchy")
	}
	name := func() string { return fmt.Sprintf("%032x%016x%016x", os.Getpid(), rand.Uint64(), rand.Uint64()) }
	group := func(id string, do func(string) error) {
		for _, m := range mounts {
			if err := do(filepath.Join(m, "libpod-"+id+".scope")); err != nil {
				t.Skipf("needs writable cgroups: %v", err)
			}
		}
	}
	makeGroup := func(path string) error {
		t.Cleanup(func() { _ = os.Remove(path) })
		return os.Mkdir(path, 0o755)
	}
	before, after := name(), name()
	group(before, makeGroup)
	w := start(t)
	w.event("existing_container", func(r msg.Record) bool { return text(t, r, "container_id") == before })
	group(after, makeGroup)
	group(after, os.Remove)
	group(before, os.Remove)
	fence := filepath.Join(mounts[0], fmt.Sprintf("tripline-fence-%d", os.Getpid()))
	if err := os.Mkdir(fence, 0o755); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(fence)
	w.event("cgroup_mkdir", func(r msg.Record) bool { return text(t, r, "cgroup_path") == "/"+filepath.Base(fence) })

	var got []string
	for _, r := range w.records() {
		if id, ok := r.Arg("container_id"); ok && (id.Text() == before || id.Text() == after) {
			got = append(got, r.Name()+" "+id.Text())
			want := []any{"podman", id.Text()}
			if r.Name() != "container_remove" {
				made := word(t, r, "ctime")
				if d := r.Event.Time - made; d < -int64(patience) || d > int64(60*patience) {
					t.Errorf("%s: made %d ns before", r.Name(), d)
				}
				want = append(want, int(made), absent{}, absent{}, absent{}, absent{}, absent{}, absent{}, absent{})
			}
			if problem := compare(r, want); problem != "" {
				t.Errorf("%s: %s", r.Name(), problem)
			}
			if pid := r.Process().Pid; r.Name() != "existing_container" && pid != int32(os.Getpid()) {
				t.Errorf("%s by process %d", r.Name(), pid)
			}
		}
	}
	want := []string{"existing_container " + before, "container_create " + after, "container_remove " + after, "container_remove " + before}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestInitNamespaces compares the host's namespaces with /proc.
func TestInitNamespaces(t *testing.T) {
	w := start(t)
	r := w.event("init_namespaces", func(msg.Record) bool { return true })
	e, _ := catalogue.Lookup("init_namespaces")
	for i, p := range e.Params {
		var st unix.Stat_t
		v, ok := r.ArgAt(i)
		if err := unix.Stat("/proc/1/ns/"+p.Name, &st); err != nil {
			// Some machines keep their first process to themselves. What it gives
			// its children is unknown then; the rest is that of kernel threads.
			if strings.HasSuffix(p.Name, "_for_children") {
				if ok {
					t.Errorf("%s is %d, which nobody may know", p.Name, v.Word)
				}
				continue
			}
			if err := unix.Stat("/proc/2/ns/"+p.Name, &st); err != nil {
				t.Fatal(err)
			}
		}
		if !ok || uint64(v.Word) != st.Ino {
			t.Errorf("%s is %d (%v), want %d", p.Name, v.Word, ok, st.Ino)
		}
	}
	if p := r.Process(); p.Pid != 1 || p.Comm == "" {
		t.Errorf("told of %v", p)
	}
}
