package e2e

import (
	"net"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// TestSystemdIsTold: started with Type=notify and a watchdog, a process says that
// it is ready, then with every beat that it lives, and in the end that it stops.
// There is no systemd here; the test listens in its place (sd_notify(3)).
func TestSystemdIsTold(t *testing.T) {
	binary(t)
	socket := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var mu sync.Mutex
	var told []string
	go func() {
		b := make([]byte, 256)
		for {
			n, err := l.Read(b)
			if err != nil {
				return
			}
			mu.Lock()
			told = append(told, string(b[:n]))
			mu.Unlock()
		}
	}()
	count := func(state string) (n int) {
		mu.Lock()
		defer mu.Unlock()
		for _, s := range told {
			if s == state {
				n++
			}
		}
		return n
	}
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", "30000000")
	serve, _ := bus(t)
	p := start(t, append([]string{"run", "nats"}, serve...)...).ready()
	eventually(t, "READY=1", func() bool { return count("READY=1") == 1 })
	eventually(t, "signs of life", func() bool { return count("WATCHDOG=1") >= 3 })
	if count("STOPPING=1") != 0 {
		t.Error("says that it stops, and goes on")
	}
	p.stop()
	eventually(t, "STOPPING=1", func() bool { return count("STOPPING=1") == 1 })
	mu.Lock()
	defer mu.Unlock()
	if slices.Index(told, "READY=1") > slices.Index(told, "STOPPING=1") {
		t.Errorf("told %v", told)
	}
}
