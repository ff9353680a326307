package syslog_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tripline/tripline/notifier/sinktest"
	"github.com/tripline/tripline/notifier/syslog"
)

// rsyslogConfig makes rsyslog write what it has understood of each message.
const rsyslogConfig = `
module(load="imudp")
module(load="imtcp")
global(workDirectory="%[1]s" maxMessageSize="64k")
template(name="parsed" type="string" string="%%pri%%|%%timereported:::date-rfc3339%%|%%hostname%%|%%app-name%%|%%msgid%%|%%structured-data%%|%%msg%%\n")
ruleset(name="all") { action(type="omfile" file="%[1]s/out" template="parsed") }
input(type="imudp" address="127.0.0.1" port="%[2]d" ruleset="all")
input(type="imtcp" address="127.0.0.1" port="%[2]d" ruleset="all")
`

// TestRealDaemon sends every sample to rsyslog by UDP and by TCP in both
// framings, and looks at what it understood.
func TestRealDaemon(t *testing.T) {
	bin, err := exec.LookPath("rsyslogd")
	if err != nil {
		if bin, err = exec.LookPath("/usr/sbin/rsyslogd"); err != nil {
			t.Skip("needs rsyslog: make deps-test")
		}
	}
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	conf := filepath.Join(dir, "conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, rsyslogConfig, dir, port), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "-n", "-f", conf, "-i", filepath.Join(dir, "pid"))
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("rsyslogd: %s", said.String())
		}
	})
	addr := fmt.Sprint("127.0.0.1:", port)
	up := false
	for range 300 {
		c, err := net.Dial("tcp", addr)
		if up = err == nil; up {
			c.Close()
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if !up {
		t.Fatal("rsyslogd does not listen")
	}
	out := func() []string {
		b, _ := os.ReadFile(filepath.Join(dir, "out"))
		return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	}
	n := 0
	for _, way := range []struct{ network, framing string }{{syslog.UDP, syslog.OctetCounting}, {syslog.TCP, syslog.OctetCounting}, {syslog.TCP, syslog.Newline}} {
		cfg := syslog.DefaultConfig()
		cfg.Network, cfg.Framing, cfg.Address = way.network, way.framing, addr
		s, err := syslog.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for _, sample := range sinktest.Samples() {
			if err := s.Deliver(t.Context(), sample.Detection); err != nil {
				t.Fatalf("%v %s: %v", way, sample.Name, err)
			}
			n++
			got := out()
			for range 300 {
				if got = out(); len(got) >= n && got[0] != "" {
					break
				}
				time.Sleep(100 * time.Millisecond)
			}
			if len(got) != n {
				t.Fatalf("%v %s: %d lines, want %d: a message was split or lost:\n%s", way, sample.Name, len(got), n, strings.Join(got, "\n"))
			}
			f := strings.SplitN(got[n-1], "|", 7)
			if len(f) != 7 || f[3] != "tripline" || !strings.Contains(f[5], `id="`+sample.Detection.ID+`"`) {
				t.Errorf("%v %s: understood as %.300s", way, sample.Name, got[n-1])
			}
			sinktest.Harmless(t, got[n-1])
		}
	}
}
