package sensor

import (
	"os"
	"path/filepath"
	"testing"
)

const (
	boot  = "3f1c9a52-7d0e-4b61-9c3e-0123456789ab"
	other = "00000000-7d0e-4b61-9c3e-0123456789ab"
)

func spilling(t *testing.T, dir string, limit int64) *queue {
	t.Helper()
	s, err := newSpill(dir, boot, limit)
	if err != nil {
		t.Fatal(err)
	}
	q := newQueue(small())
	q.spill = s
	return q
}

// numbered pushes batches of ten events that carry their number as time.
func numbered(t *testing.T, q *queue, from, to int64) (dropped uint64) {
	t.Helper()
	for n := from; n < to; n++ {
		b := batchOf(t, repeat("openat", 10)...)
		for _, e := range b.Events {
			e.Time = n
		}
		for _, d := range q.push(b) {
			dropped += d.count
		}
	}
	return dropped
}

// times takes everything and checks that it is in order.
func times(t *testing.T, q *queue) (n int, first, last int64) {
	t.Helper()
	for b, _ := q.pop(); b != nil; b, _ = q.pop() {
		for _, e := range b.Events {
			if e.Time < last {
				t.Fatalf("an event of %d after one of %d", e.Time, last)
			}
			if n == 0 {
				first = e.Time
			}
			last = e.Time
			n++
		}
	}
	return n, first, last
}

func TestSpill(t *testing.T) {
	dir := t.TempDir()
	q := spilling(t, dir, 1<<30)
	if lost := numbered(t, q, 0, 1000); lost != 0 {
		t.Errorf("%d events dropped although there is room in files", lost)
	}
	events, bytes, err := q.onDisk()
	if events < 8900 || bytes == 0 || err != nil {
		t.Errorf("%d events, %d bytes in files, %v: memory holds 1000 of 10000", events, bytes, err)
	}
	if n, first, last := times(t, q); n != 10000 || first != 0 || last != 999 {
		t.Errorf("%d events from %d to %d, want 10000 from 0 to 999", n, first, last)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, boot, "*")); len(left) != 0 {
		t.Errorf("files are left: %v", left)
	}
	// It goes on after it was empty.
	numbered(t, q, 1000, 1300)
	if n, _, last := times(t, q); n != 3000 || last != 1299 {
		t.Errorf("%d events up to %d, want 3000 up to 1299", n, last)
	}
}

// TestSpillOutlivesTheSensor: what one leaves, the next of the same boot
// publishes first; a crash costs at most the batch that was being written, and
// another boot's is removed.
func TestSpillOutlivesTheSensor(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{other, "something-else"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	q := spilling(t, dir, 1<<30)
	numbered(t, q, 0, 500)
	if err := q.leave(); err != nil {
		t.Fatal(err)
	}
	if b, _ := q.pop(); b != nil {
		t.Error("what was left for the next sensor is published by this one")
	}
	files, _ := filepath.Glob(filepath.Join(dir, boot, "*"))
	f, err := os.OpenFile(files[len(files)-1], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte{0, 0, 1, 0, 'x'}); err != nil {
		t.Fatal(err)
	}
	f.Close()

	next := spilling(t, dir, 1<<30)
	numbered(t, next, 500, 600)
	if n, first, last := times(t, next); n != 6000 || first != 0 || last != 599 {
		t.Errorf("%d events from %d to %d, want 6000 from 0 to 599", n, first, last)
	}
	if _, err := os.Stat(filepath.Join(dir, other)); !os.IsNotExist(err) {
		t.Error("what another boot left is still there")
	}
	if _, err := os.Stat(filepath.Join(dir, "something-else")); err != nil {
		t.Errorf("a directory that is not a boot's was removed: %v", err)
	}
}

// TestSpillIsBounded: when the files are full, too, events go by their class as
// they do without them, and are counted.
func TestSpillIsBounded(t *testing.T) {
	q := spilling(t, t.TempDir(), 20<<10)
	lost := numbered(t, q, 0, 5000)
	_, bytes, _ := q.onDisk()
	n, _, last := times(t, q)
	if bytes > 40<<10 || lost == 0 || n+int(lost) != 50000 || last != 4999 {
		t.Errorf("%d bytes in files, %d events dropped, %d left up to %d", bytes, lost, n, last)
	}
}
