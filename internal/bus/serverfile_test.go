package bus_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/internal/bus/bustest"
)

// confFile writes a configuration in NATS's own form.
func confFile(t testing.TB, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func withFile(t testing.TB, text string) bus.ServerConfig {
	cfg := bus.DefaultServerConfig()
	cfg.Listen, cfg.StoreDir, cfg.ConfigFile = "127.0.0.1:0", t.TempDir(), confFile(t, text)
	return cfg
}

// What the file says stands; what it leaves open is filled in.
func TestEmbedWithFile(t *testing.T) {
	s := bustest.Embed(t, withFile(t, `
server_name: one
max_payload: 4MB
authorization { users: [ {user: u, password: p} ] }
`))
	if _, err := nats.Connect(s.URL()); err == nil {
		t.Error("joined without credentials")
	}
	nc, err := nats.Connect(s.URL(), nats.UserInfo("u", "p"))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if nc.ConnectedServerName() != "one" || nc.MaxPayload() != 4<<20 {
		t.Errorf("server %q, payload %d", nc.ConnectedServerName(), nc.MaxPayload())
	}
	bustest.Dial(t, strings.Replace(s.URL(), "nats://", "nats://u:p@", 1), nil)
}

func TestEmbedWithFileRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"no such key":        {"listen: 127.0.0.1:-1\nlisten_to: x", []string{"config_file", "listen_to", ":2:"}},
		"no syntax":          {"cluster {", []string{"config_file"}},
		"public, no users":   {"listen: 0.0.0.0:-1", []string{"0.0.0.0", "nats init", "public: true"}},
		"public by default":  {"port: -1", []string{"0.0.0.0", "nats init"}},
		"TLS file not there": {"tls { cert_file: /nonexistent.pem, key_file: /nonexistent.key }", []string{"config_file", "nonexistent"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := bus.Embed(context30(t), withFile(t, c.text), bustest.Logger(t))
			if err == nil {
				s.Close()
				t.Fatal("the server started")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
		})
	}
}

func TestEmbedWithFilePublic(t *testing.T) {
	bustest.Embed(t, withFile(t, "port: -1\nauthorization { user: u, password: p }"))
	cfg := withFile(t, "port: -1")
	cfg.Public = true
	bustest.Embed(t, cfg)
}
