package alertmanager

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"

	"golang.org/x/net/http/httpguts"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/internal/httppost"
	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/pkg/msg"
)

// Sink posts alerts.
type Sink struct {
	poster *httppost.Poster
	labels map[string]string
}

var _ notifier.Sink = (*Sink)(nil)

// New reads the files that the configuration names and makes a sink.
func New(cfg Config) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	header, secrets, err := cfg.credentials()
	if err != nil {
		return nil, err
	}
	p, err := cfg.Open(func(u *url.URL) *url.URL { return u.JoinPath("api/v2/alerts") }, header, secrets...)
	if err != nil {
		return nil, err
	}
	return &Sink{p, cfg.Labels}, nil
}

// credentials makes the header for them, and lists what no error may show.
func (c Config) credentials() (http.Header, []notifier.Secret, error) {
	password, err := notifier.ReadSecret("password", c.Password, c.PasswordFile)
	if err != nil {
		return nil, nil, err
	}
	bearer, err := notifier.ReadSecret("bearer", c.Bearer, c.BearerFile)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case c.Username != "":
		basic := base64.StdEncoding.EncodeToString([]byte(c.Username + ":" + string(password)))
		return http.Header{"Authorization": {"Basic " + basic}}, []notifier.Secret{password, notifier.Secret(basic)}, nil
	case bearer == "":
		return nil, nil, nil
	case !httpguts.ValidHeaderFieldValue(string(bearer)):
		return nil, nil, errors.New("bearer_file: what it holds cannot be in a header")
	}
	return http.Header{"Authorization": {"Bearer " + string(bearer)}}, []notifier.Secret{bearer}, nil
}

// Deliver posts one alert.
func (s *Sink) Deliver(ctx context.Context, d *msg.Detection) error {
	body, err := render.JSON([]alert{compose(d, s.labels)})
	if err != nil {
		return notifier.FailForGood(notifier.ReasonTemplate, err)
	}
	return s.poster.Post(ctx, body)
}

// Close lets go of idle connections.
func (s *Sink) Close() error { return s.poster.Close() }
