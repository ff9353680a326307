package pagerduty

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/internal/httppost"
	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/pkg/msg"
)

// PagerDuty takes 1024 characters of a summary and 255 of a dedup_key.
const (
	maxSummary = 1024
	maxField   = 1024
	maxDetail  = 8192
)

// Config is a sink of type pagerduty.
type Config struct {
	// RoutingKey of the integration, or the file that holds it.
	RoutingKey     notifier.Secret `yaml:"routing_key"`
	RoutingKeyFile string          `yaml:"routing_key_file"`
	// APIURL is where events are taken; for accounts in Europe
	// https://events.eu.pagerduty.com.
	APIURL string `yaml:"api_url"`
	// Timeout bounds one request, from connecting to the end of the answer.
	Timeout time.Duration      `yaml:"timeout"`
	TLS     httppost.TLSConfig `yaml:"tls"`
}

// DefaultConfig has everything but the key.
func DefaultConfig() Config {
	return Config{APIURL: "https://events.pagerduty.com", Timeout: httppost.DefaultTarget().Timeout}
}

// Validate reports everything that is wrong and can be told without reading
// files.
func (c Config) Validate() error {
	var errs []error
	if c.RoutingKey == "" && c.RoutingKeyFile == "" {
		errs = append(errs, errors.New("routing_key (or routing_key_file) is not given"))
	}
	if _, err := httppost.ParseURL("api_url", notifier.Secret(c.APIURL)); err != nil {
		errs = append(errs, err)
	}
	if c.Timeout <= 0 {
		errs = append(errs, fmt.Errorf("timeout: %v is not a positive duration", c.Timeout))
	}
	return errors.Join(errs...)
}

// Sink triggers incidents.
type Sink struct {
	key    notifier.Secret
	poster *httppost.Poster
}

var _ notifier.Sink = (*Sink)(nil)

// New reads the files that the configuration names and makes a sink.
func New(cfg Config) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	key, err := notifier.RequireSecret("routing_key", cfg.RoutingKey, cfg.RoutingKeyFile)
	if err != nil {
		return nil, err
	}
	target := httppost.Target{URL: notifier.Secret(strings.TrimRight(cfg.APIURL, "/") + "/v2/enqueue"), Timeout: cfg.Timeout, TLS: cfg.TLS}
	p, err := target.Open(nil, nil, key)
	if err != nil {
		return nil, err
	}
	return &Sink{key, p}, nil
}

type event struct {
	RoutingKey string  `json:"routing_key"`
	Action     string  `json:"event_action"`
	DedupKey   string  `json:"dedup_key"`
	Client     string  `json:"client"`
	Payload    payload `json:"payload"`
}

type payload struct {
	Summary   string            `json:"summary"`
	Source    string            `json:"source"`
	Severity  string            `json:"severity"`
	Timestamp *time.Time        `json:"timestamp,omitempty"`
	Component string            `json:"component,omitempty"`
	Group     string            `json:"group,omitempty"`
	Class     string            `json:"class,omitempty"`
	Details   map[string]string `json:"custom_details"`
}

// Deliver triggers an incident.
func (s *Sink) Deliver(ctx context.Context, d *msg.Detection) error {
	body, err := render.JSON(compose(d, string(s.key)))
	if err != nil {
		return notifier.FailForGood(notifier.ReasonTemplate, err)
	}
	return s.poster.Post(ctx, body)
}

func compose(d *msg.Detection, key string) event {
	source := d.Host
	if source == "" {
		source = "tripline" // it must not be empty
	}
	p := payload{
		Summary: render.Fit(maxSummary, render.Headline(d)+suffix(d), nil), Source: render.Fit(maxField, source, nil),
		Severity: severity(d.Priority), Class: render.Fit(maxField, d.Rule.ID, nil),
		Details: map[string]string{"detection id": render.Fit(maxField, d.ID, nil), "priority": d.Priority.String()},
	}
	container := ""
	if d.Event != nil && d.Event.Container != nil {
		c := d.Event.Container
		container = c.ID
		p.Component = render.Fit(maxField, c.Name, nil)
		if c.Pod != nil {
			p.Group = render.Fit(maxField, c.Pod.Namespace, nil)
		}
	}
	for _, f := range render.Facts(d) {
		p.Details[strings.ToLower(f.Name)] = render.Fit(maxDetail, f.Value, nil)
	}
	if d.Output != "" {
		p.Details["output"] = render.Fit(maxDetail, d.Output, nil)
	}
	if !d.Time.IsZero() {
		at := d.Time.UTC()
		p.Timestamp = &at
	}
	h := sha256.New()
	for _, part := range []string{d.Rule.ID, d.Host, container} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return event{key, "trigger", "tripline-" + hex.EncodeToString(h.Sum(nil)[:16]), "tripline", p}
}

// suffix is the output, where it says more than the rule's name.
func suffix(d *msg.Detection) string {
	if d.Output == "" || d.Output == d.Rule.Name {
		return ""
	}
	return ": " + d.Output
}

// severity is the priority on PagerDuty's scale.
func severity(p msg.Priority) string {
	switch {
	case p <= msg.Critical:
		return "critical"
	case p <= msg.Error:
		return "error"
	case p <= msg.Warning:
		return "warning"
	default:
		return "info"
	}
}

// Close lets go of idle connections.
func (s *Sink) Close() error { return s.poster.Close() }
