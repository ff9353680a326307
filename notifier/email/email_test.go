package email_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/mail"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/email"
	"github.com/tripline/tripline/notifier/sinktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func config(addr string) email.Config {
	cfg := email.DefaultConfig()
	host, port, _ := net.SplitHostPort(addr)
	cfg.Host, cfg.Security, cfg.Timeout = host, email.None, time.Minute
	_, _ = fmt.Sscan(port, &cfg.Port)
	cfg.From, cfg.To, cfg.Hello = "Tripline <tripline@example.org>", []string{"SOC <soc@example.org>", "other@example.org"}, "sensor.example.org"
	return cfg
}

func build(t *testing.T, cfg email.Config) notifier.Sink {
	t.Helper()
	s, err := email.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// server answers as it is told, where a real one would need to be broken: the
// answers are by the first word of what the client says; "HANG" says nothing,
// "DROP" hangs up. The messages that it took are sent to got.
func server(t *testing.T, answers map[string]string, got chan<- string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			stop := context.AfterFunc(ctx, func() { c.Close() })
			serve(ctx, c, answers, got)
			stop()
			c.Close()
		}
	}()
	t.Cleanup(func() { cancel(); l.Close(); <-done })
	return l.Addr().String()
}

func serve(ctx context.Context, c net.Conn, answers map[string]string, got chan<- string) {
	in := bufio.NewReader(c)
	say := func(what, usual string) bool {
		a, ok := answers[what]
		if !ok {
			a = usual
		}
		switch a {
		case "HANG":
			<-ctx.Done()
			return false
		case "DROP":
			return false
		}
		_, err := io.WriteString(c, a+"\r\n")
		return err == nil
	}
	if !say("", "220 test ESMTP") {
		return
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		word, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " ")
		switch word {
		case "EHLO", "HELO":
			if !say(word, "250-test\r\n250-AUTH PLAIN\r\n250 8BITMIME") {
				return
			}
		case "DATA":
			if !say(word, "354 go on") {
				return
			}
			var b strings.Builder
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				b.WriteString(line)
			}
			if got != nil {
				got <- b.String()
			}
			if !say(".", "250 taken") {
				return
			}
		case "QUIT":
			say(word, "221 bye")
			return
		default:
			if !say(word, "250 ok") {
				return
			}
		}
	}
}

func TestConformance(t *testing.T) {
	sinktest.Run(t, func(t *testing.T) notifier.Sink { return build(t, config(server(t, nil, nil))) })
}

func TestGolden(t *testing.T) {
	got := make(chan string, 1)
	s := build(t, config(server(t, nil, got)))
	for _, sample := range sinktest.Samples() {
		if err := s.Deliver(t.Context(), sample.Detection); err != nil {
			t.Fatal(err)
		}
		raw := <-got
		m, err := mail.ReadMessage(strings.NewReader(raw))
		if err != nil {
			t.Fatalf("%s: %v in\n%s", sample.Name, err, raw)
		}
		if len(m.Header["To"]) != 1 || len(m.Header["Subject"]) != 1 || m.Header.Get("Auto-Submitted") != "auto-generated" || m.Header.Get("Bcc") != "" {
			t.Errorf("%s: header %v", sample.Name, m.Header)
		}
		if want := "<" + sample.Detection.ID + "@tripline.invalid>"; m.Header.Get("Message-Id") != want {
			t.Errorf("%s: id %s", sample.Name, m.Header.Get("Message-Id"))
		}
		sinktest.Harmless(t, strings.ReplaceAll(raw, "\r\n", "\n"))
		for line := range strings.Lines(raw) {
			if len(line) > 1000 {
				t.Errorf("%s: a line of %d bytes", sample.Name, len(line))
			}
		}
		if sample.Name != "huge" {
			sinktest.Golden(t, sample.Name+".eml", []byte(raw))
		} else if len(raw) > 200_000 {
			t.Errorf("%d bytes", len(raw))
		}
	}
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		name    string
		answers map[string]string
		change  func(*email.Config)
		reason  notifier.Reason
		retry   bool
	}{
		{"busy", map[string]string{"": "421 too many connections"}, nil, notifier.ReasonServer, true},
		{"no such person", map[string]string{"RCPT": "550 \x1b[2Jno such person"}, nil, notifier.ReasonClient, false},
		{"greylisted", map[string]string{"RCPT": "451 come again"}, nil, notifier.ReasonServer, true},
		{"sender refused", map[string]string{"MAIL": "553 not you"}, nil, notifier.ReasonClient, false},
		{"message refused", map[string]string{".": "554 looks bad"}, nil, notifier.ReasonClient, false},
		{"full", map[string]string{".": "452 no room"}, nil, notifier.ReasonServer, true},
		{"no TLS", nil, func(c *email.Config) { c.Security = email.StartTLS }, notifier.ReasonTLS, true},
		{"hang", map[string]string{"MAIL": "HANG"}, func(c *email.Config) { c.Timeout = 300 * time.Millisecond }, notifier.ReasonTimeout, true},
		{"silent", map[string]string{"": "HANG"}, func(c *email.Config) { c.Timeout = 300 * time.Millisecond }, notifier.ReasonTimeout, true},
		{"hangs up", map[string]string{"DATA": "DROP"}, nil, notifier.ReasonUnreachable, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := config(server(t, c.answers, nil))
			if c.change != nil {
				c.change(&cfg)
			}
			began := time.Now()
			err := build(t, cfg).Deliver(t.Context(), sinktest.Plain())
			if notifier.ReasonOf(err) != c.reason || notifier.Retryable(err) != c.retry {
				t.Errorf("%v (%s, again %v)", err, notifier.ReasonOf(err), notifier.Retryable(err))
			}
			if err != nil && strings.ContainsAny(err.Error(), "\x1b\r\n") {
				t.Errorf("%q", err)
			}
			if took := time.Since(began); took > 30*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
	t.Run("taken, and then gone", func(t *testing.T) {
		if err := build(t, config(server(t, map[string]string{"QUIT": "DROP"}, nil))).Deliver(t.Context(), sinktest.Plain()); err != nil {
			t.Errorf("it has the message: %v", err)
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		if err := build(t, config(l.Addr().String())).Deliver(t.Context(), sinktest.Plain()); notifier.ReasonOf(err) != notifier.ReasonUnreachable || !notifier.Retryable(err) {
			t.Errorf("%v (%s)", err, notifier.ReasonOf(err))
		}
	})
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		change func(*email.Config)
		want   string
	}{
		{func(c *email.Config) { c.Host = "" }, `host: ""`},
		{func(c *email.Config) { c.Port = 0 }, "port: 0"},
		{func(c *email.Config) { c.Security = "ssl" }, `security: "ssl"`},
		{func(c *email.Config) { c.From = "me" }, `from: "me"`},
		{func(c *email.Config) { c.To = nil }, "to is not given"},
		{func(c *email.Config) { c.To = []string{"x\r\nBcc: y@z"} }, "to: "},
		{func(c *email.Config) { c.Username = "u" }, "go together"},
		{func(c *email.Config) { c.Username, c.Password = "u", "p" }, "none would show the password"},
		{func(c *email.Config) { c.Timeout = 0 }, "timeout"},
		{func(c *email.Config) { c.TLS.CAFile = "/nonexistent" }, "tls.ca_file"},
	} {
		cfg := config("127.0.0.1:25")
		c.change(&cfg)
		if _, err := email.New(cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("New = %v, want %q", err, c.want)
		}
	}
}
