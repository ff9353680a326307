package provision_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/internal/bus/bustest"
	"github.com/tripline/tripline/internal/bus/provision"
)

// The test binary runs itself as a server of its own process, to be killed.
const (
	serverEnv = "TRIPLINE_PROVISION_TEST_CONF"
	storeEnv  = "TRIPLINE_PROVISION_TEST_STORE"
)

func TestMain(m *testing.M) {
	conf := os.Getenv(serverEnv)
	if conf == "" {
		os.Exit(m.Run())
	}
	cfg := bus.DefaultServerConfig()
	cfg.ConfigFile, cfg.StoreDir = conf, os.Getenv(storeEnv)
	_, err := bus.Embed(context.Background(), cfg, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})))
	fmt.Println(err)
	if err == nil {
		select {}
	}
}

// server is a NATS server as a process.
type server struct {
	conf, store string
	cmd         *exec.Cmd
}

// run starts the server of a plan and waits until it serves.
func (s *server) run(t testing.TB) {
	t.Helper()
	s.cmd = exec.Command(os.Args[0])
	s.cmd.Env = append(os.Environ(), serverEnv+"="+s.conf, storeEnv+"="+s.store)
	out, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	if line != "<nil>\n" {
		t.Fatalf("server %s: %s %v", s.conf, line, err)
	}
}

// start starts without waiting, as the servers of a cluster need each other.
func start(t testing.TB, servers ...*server) {
	t.Helper()
	done := make(chan bool)
	for _, s := range servers {
		go func() {
			defer func() { done <- true }()
			s.run(t)
		}()
	}
	for range servers {
		<-done
	}
}

func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// servers are those of a plan, by name.
func servers(t testing.TB, p provision.Plan) map[string]*server {
	t.Helper()
	if _, err := provision.Write(p); err != nil {
		t.Fatal(err)
	}
	out := map[string]*server{}
	for kind, names := range map[string][]string{"servers": p.Servers, "edges": p.Edges} {
		for _, name := range names {
			out[name] = &server{
				conf:  filepath.Join(p.Dir, kind, name, "nats.conf"),
				store: filepath.Join(p.Dir, "store-"+name),
			}
		}
	}
	return out
}

// free finds n ports that are free on loopback.
func free(t testing.TB, n int) (ports []int) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// dial joins servers over TLS with the key of a role.
func dial(t testing.TB, p provision.Plan, role string, change func(*bus.Config), names ...string) *bus.Bus {
	t.Helper()
	var urls []string
	for _, n := range names {
		urls = append(urls, fmt.Sprintf("tls://%s:%d", n, p.ClientPort))
	}
	return bustest.Dial(t, strings.Join(urls, ","), func(c *bus.Config) {
		c.NKeyFile, c.TLS.CAFile = keyFile(p, role), filepath.Join(p.Dir, "ca.crt")
		c.ConnectWait = bustest.Wait
		if change != nil {
			change(c)
		}
	})
}
