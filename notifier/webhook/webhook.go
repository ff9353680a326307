package webhook

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"

	"golang.org/x/net/http/httpguts"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/internal/httppost"
	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/pkg/msg"
)

// idHeader carries the id of the detection.
const idHeader = "Tripline-Detection-Id"

// Sink posts detections.
type Sink struct {
	cfg    Config
	url    *url.URL
	header http.Header
	body   func(*msg.Detection) ([]byte, error)
	client *httppost.Client
}

var _ notifier.Sink = (*Sink)(nil)

// New reads the files that the configuration names and makes a sink.
func New(cfg Config) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	raw, err := notifier.RequireSecret("url", cfg.URL, cfg.URLFile)
	if err != nil {
		return nil, err
	}
	u, err := httppost.ParseURL("url", raw)
	if err != nil {
		return nil, err
	}
	secrets := httppost.SecretsOf(u)
	form := payloads()[cfg.Payload]
	contentType := cfg.ContentType
	if contentType == "" {
		contentType = form.contentType
	}
	header := http.Header{"Content-Type": {contentType}, "User-Agent": {"tripline"}}
	for name, value := range cfg.Headers {
		header.Set(name, string(value))
		secrets = append(secrets, value)
	}
	for name, file := range cfg.HeaderFiles {
		value, err := notifier.ReadSecret("header_files."+name, "", file)
		if err != nil {
			return nil, err
		}
		if !httpguts.ValidHeaderFieldValue(string(value)) {
			return nil, fmt.Errorf("header_files: what %s holds for %s cannot be in a header", file, name)
		}
		header.Set(name, string(value))
		secrets = append(secrets, value)
	}
	t, err := render.Load("template", cfg.Template, cfg.TemplateFile)
	if err != nil {
		return nil, err
	}
	body := form.render
	if t != nil {
		body = t.Execute
	}
	client, err := httppost.New(cfg.Timeout, cfg.TLS, secrets...)
	if err != nil {
		return nil, err
	}
	return &Sink{cfg: cfg, url: u, header: header, body: body, client: client}, nil
}

// Deliver posts one detection.
func (s *Sink) Deliver(ctx context.Context, d *msg.Detection) error {
	body, err := s.body(d)
	if err != nil {
		return notifier.FailForGood(notifier.ReasonTemplate, err)
	}
	req, err := http.NewRequestWithContext(ctx, s.cfg.Method, s.url.String(), bytes.NewReader(body))
	if err != nil {
		return notifier.FailForGood(notifier.ReasonClient, fmt.Errorf("the request cannot be made"))
	}
	req.Header = s.header.Clone()
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
	}
	if httpguts.ValidHeaderFieldValue(d.ID) {
		req.Header.Set(idHeader, d.ID)
	}
	return s.client.Do(ctx, req)
}

// Close lets go of idle connections.
func (s *Sink) Close() error { return s.client.Close() }
