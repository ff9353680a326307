package file_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/file"
	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/notifier/sinktest"
	"github.com/tripline/tripline/pkg/msg"
)

func config(path string) file.Config {
	c := file.DefaultConfig()
	c.Path = path
	return c
}

func build(t testing.TB, cfg file.Config) *file.Sink {
	t.Helper()
	s, err := file.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestConformance(t *testing.T) {
	sinktest.Run(t, func(t *testing.T) notifier.Sink {
		return build(t, config(filepath.Join(t.TempDir(), "detections.json")))
	})
}

// ids reads the ids of the detections in a file.
func ids(t *testing.T, path string) (out []string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		var d struct{ ID string }
		if err := json.Unmarshal([]byte(line), &d); err != nil {
			t.Fatalf("%v in %q of %s", err, line, path)
		}
		out = append(out, d.ID)
	}
	return out
}

func numbered(id string) *msg.Detection {
	d := sinktest.Plain()
	d.ID = id
	return d
}

func deliver(t *testing.T, s *file.Sink, want ...string) {
	t.Helper()
	for _, id := range want {
		if err := s.Deliver(t.Context(), numbered(id)); err != nil {
			t.Fatal(err)
		}
	}
}

func check(t *testing.T, path string, want ...string) {
	t.Helper()
	if got := strings.Join(ids(t, path), " "); got != strings.Join(want, " ") {
		t.Errorf("%s holds %s, want %s", filepath.Base(path), got, want)
	}
}

func TestAppends(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d.json")
	s := build(t, config(path))
	deliver(t, s, "a")
	s.Close()
	deliver(t, build(t, config(path)), "b")
	check(t, path, "a", "b")
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v: others may read command lines", info.Mode(), err)
	}
}

func TestRotates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d.json")
	cfg := config(path)
	one, err := json.Marshal(numbered("a"))
	if err != nil {
		t.Fatal(err)
	}
	cfg.MaxBytes, cfg.Keep = int64(2*len(one)+10), 2
	s := build(t, cfg)
	deliver(t, s, "a", "b", "c", "d", "e", "f", "g")
	check(t, path, "g")
	check(t, path+".1", "e", "f")
	check(t, path+".2", "c", "d")
	if _, err := os.Stat(path + ".3"); !os.IsNotExist(err) {
		t.Errorf("more files than are to be kept: %v", err)
	}
}

func TestRotatesWithoutKeeping(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d.json")
	cfg := config(path)
	cfg.MaxBytes, cfg.Keep = 1, 0
	deliver(t, build(t, cfg), "a", "b")
	check(t, path, "b")
}

func TestFollowsTheNameWhenMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "d.json")
		s := build(t, config(path))
		deliver(t, s, "a")
		if err := os.Rename(path, path+".moved"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		deliver(t, s, "b")
		check(t, path+".moved", "a")
		check(t, path, "b")
		s.Close()
	})
}

// TestFullDisk fills a real file system.
func TestFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: mounts a small file system")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("needs the right to mount: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	path := filepath.Join(dir, "d.json")
	cfg := config(path)
	cfg.MaxBytes = 0
	s := build(t, cfg)
	n := 0
	var err error
	for err == nil && n < 1000 {
		if err = s.Deliver(t.Context(), numbered("x")); err == nil {
			n++
		}
	}
	if notifier.ReasonOf(err) != notifier.ReasonIO || !notifier.Retryable(err) {
		t.Fatalf("after %d deliveries: %v, want an I/O failure to try again", n, err)
	}
	if got := len(ids(t, path)); got != n {
		t.Errorf("%d whole lines after %d deliveries", got, n)
	}
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	deliver(t, s, "again")
	check(t, path, "again")
	s.Close()
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*file.Config)
		want   string
	}{
		{"no path", func(c *file.Config) { c.Path = "" }, "path is not given"},
		{"no folder", func(c *file.Config) { c.Path = "/nonexistent/d.json" }, "path: open /nonexistent/d.json"},
		{"size", func(c *file.Config) { c.MaxBytes = -1 }, "max_bytes: -1"},
		{"keep", func(c *file.Config) { c.Keep = -1 }, "keep: -1"},
		{"format", func(c *file.Config) { c.Format.Format = "xml" }, `format: "xml"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := config(filepath.Join(t.TempDir(), "d"))
			c.change(&cfg)
			if _, err := file.New(cfg); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("New = %v, want %q", err, c.want)
			}
		})
	}
}

func BenchmarkDeliver(b *testing.B) {
	s := build(b, config(filepath.Join(b.TempDir(), "d.json")))
	d := sinktest.Container()
	for b.Loop() {
		if err := s.Deliver(b.Context(), d); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "detections/s")
}

// TestRecall: a sink that begins where another was killed knows what that wrote,
// in files moved away too, and takes back what it did not write to the end.
func TestRecall(t *testing.T) {
	cfg := config(filepath.Join(t.TempDir(), "d.json"))
	cfg.MaxBytes, cfg.Keep = 30_000, 3
	s := build(t, cfg)
	if got, err := s.Recall(10); len(got) > 0 || err != nil {
		t.Errorf("a new file recalls %v, %v", got, err)
	}
	var want []string
	for i := range 60 {
		id := "id-" + strconv.Itoa(i)
		want = append(want, id)
		d := numbered(id)
		d.Output = strings.Repeat("x", 900)
		if err := s.Deliver(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.OpenFile(cfg.Path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"id":"torn","out`); err != nil {
		t.Fatal(err)
	}
	f.Close()

	next := build(t, cfg)
	for _, n := range []int{1, 7, 45} {
		got, err := next.Recall(n)
		if diff := cmp.Diff(want[60-n:], got); diff != "" || err != nil {
			t.Errorf("the last %d: %v (-want +got):\n%s", n, err, diff)
		}
	}
	if err := next.Deliver(t.Context(), numbered("after")); err != nil {
		t.Fatal(err)
	}
	if got := ids(t, cfg.Path); got[len(got)-1] != "after" || got[len(got)-2] != "id-59" {
		t.Errorf("the file ends with %v", got[len(got)-2:])
	}

	text := config(filepath.Join(t.TempDir(), "d.txt"))
	text.Format.Format = render.FormatClassic
	s = build(t, text)
	if err := s.Deliver(t.Context(), numbered("1")); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Recall(10); len(got) > 0 || err != nil {
		t.Errorf("text recalls %v, %v", got, err)
	}
}
