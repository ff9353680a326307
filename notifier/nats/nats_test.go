package nats_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/nats"
	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/notifier/sinktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// published is one message.
type published struct {
	subject, id, data string
	stored            bool
}

func config() nats.Config {
	c := nats.DefaultConfig()
	c.Subject = "security.{{.Host | subject}}.{{.Priority}}.{{with .Event}}{{.Comm | subject}}{{else}}none{{end}}"
	return c
}

func build(t *testing.T, cfg nats.Config, publish nats.Publisher) notifier.Sink {
	t.Helper()
	s, err := nats.New(cfg, publish)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// keep is a publisher that remembers what it was given last.
func keep(into *published) nats.Publisher {
	return func(ctx context.Context, subject, id string, data []byte, stored bool) error {
		*into = published{subject, id, string(data), stored}
		return ctx.Err()
	}
}

func TestConformance(t *testing.T) {
	var last published
	sinktest.Run(t, func(t *testing.T) notifier.Sink { return build(t, config(), keep(&last)) })
}

func TestGolden(t *testing.T) {
	var last published
	s := build(t, config(), keep(&last))
	for _, sample := range sinktest.Samples() {
		if err := s.Deliver(t.Context(), sample.Detection); err != nil {
			t.Fatal(err)
		}
		if last.id != sample.Detection.ID {
			t.Errorf("id %s", last.id)
		}
		sinktest.Harmless(t, strings.TrimSuffix(last.data, "\n"))
		if sample.Name != "huge" {
			sinktest.Golden(t, sample.Name+".txt", []byte(last.subject+"\n"+last.data))
		} else if len(last.data) > 1<<20 {
			t.Errorf("%d bytes", len(last.data))
		}
	}
}

func TestFailures(t *testing.T) {
	var last published
	for _, subject := range []string{"{{.Output}}", "a..{{.Host}}", "trip{{print \"line\"}}.detections.x", "$JS.{{.Host}}", "x.{{.Nothing}}"} {
		cfg := config()
		cfg.Subject = subject
		err := build(t, cfg, keep(&last)).Deliver(t.Context(), sinktest.Hostile())
		if notifier.ReasonOf(err) != notifier.ReasonTemplate || notifier.Retryable(err) {
			t.Errorf("%s: %v", subject, err)
		}
	}
	for want, err := range map[notifier.Reason]error{notifier.ReasonUnreachable: errors.New("nats: connection closed"), notifier.ReasonTimeout: context.DeadlineExceeded} {
		got := build(t, config(), func(context.Context, string, string, []byte, bool) error { return err }).Deliver(t.Context(), sinktest.Plain())
		if notifier.ReasonOf(got) != want || !notifier.Retryable(got) {
			t.Errorf("%v, want %s", got, want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		change func(*nats.Config)
		want   string
	}{
		{func(c *nats.Config) { c.Subject = "" }, "subject is not given"},
		{func(c *nats.Config) { c.Subject = "tripline.raw.x" }, "belongs to the stages"},
		{func(c *nats.Config) { c.Subject = "{{" }, "subject: "},
		{func(c *nats.Config) { c.Timeout = 0 }, "timeout: 0s"},
		{func(c *nats.Config) { c.Format = render.Format{Format: "xml"} }, `format: "xml"`},
	} {
		cfg := config()
		c.change(&cfg)
		if _, err := nats.New(cfg, keep(new(published))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("New = %v, want %q", err, c.want)
		}
	}
	if _, err := nats.New(config(), nil); err == nil || !strings.Contains(err.Error(), "no connection") {
		t.Errorf("without a connection: %v", err)
	}
}
