package loki

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/internal/httppost"
	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/pkg/msg"
)

// maxLine bounds one line, in bytes: Loki takes 256 KB unless told otherwise
// (limits_config.max_line_size). A detection that is longer is sent without
// its event.
const maxLine = 250_000

// maxLabel bounds the value of a label, in bytes; Loki takes 2048.
const maxLabel = 256

// Config is a sink of type loki. Its URL is the one under which Loki is
// served.
type Config struct {
	httppost.Target `yaml:",inline"`
	httppost.Login  `yaml:",inline"`
	// Tenant is sent as X-Scope-OrgID when it is given.
	Tenant string `yaml:"tenant"`
	// Labels are added to every stream.
	Labels map[string]string `yaml:"labels"`
}

// DefaultConfig has everything but the URL.
func DefaultConfig() Config { return Config{Target: httppost.DefaultTarget()} }

// labelForm is what Loki calls a label name.
const labelForm = `^[a-zA-Z_][a-zA-Z0-9_]*$`

// Validate reports everything that is wrong and can be told without reading
// files.
func (c Config) Validate() error {
	errs := []error{c.Target.Validate(), c.Login.Validate()}
	form := regexp.MustCompile(labelForm)
	for _, name := range slices.Sorted(maps.Keys(c.Labels)) {
		switch {
		case !form.MatchString(name) || strings.HasPrefix(name, "__"):
			errs = append(errs, fmt.Errorf("labels: %q is not a name for a label", name))
		case slices.Contains([]string{"job", "host", "rule", "priority"}, name):
			errs = append(errs, fmt.Errorf("labels: %s is one that every stream has already", name))
		}
	}
	if !httpguts.ValidHeaderFieldValue(c.Tenant) {
		errs = append(errs, errors.New("tenant: holds characters that no header may hold"))
	}
	return errors.Join(errs...)
}

// Sink pushes.
type Sink struct {
	poster *httppost.Poster
	labels map[string]string
}

var _ notifier.BatchSink = (*Sink)(nil)

// New reads the files that the configuration names and makes a sink.
func New(cfg Config) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	header, secrets, err := cfg.Header()
	if err != nil {
		return nil, err
	}
	if header == nil {
		header = http.Header{}
	}
	if cfg.Tenant != "" {
		header.Set("X-Scope-OrgID", cfg.Tenant)
	}
	p, err := cfg.Open(func(u *url.URL) *url.URL { return u.JoinPath("loki/api/v1/push") }, header, secrets...)
	if err != nil {
		return nil, err
	}
	return &Sink{p, cfg.Labels}, nil
}

type stream struct {
	Stream map[string]string `json:"stream"`
	Values [][2]string       `json:"values"`
}

// Deliver pushes one detection.
func (s *Sink) Deliver(ctx context.Context, d *msg.Detection) error {
	return s.push(ctx, []*msg.Detection{d})
}

// DeliverBatch implements [notifier.BatchSink].
func (s *Sink) DeliverBatch(ctx context.Context, ds []*msg.Stored) (int, error) {
	return notifier.Together(ctx, ds, s.push)
}

// push sends detections with one request.
func (s *Sink) push(ctx context.Context, ds []*msg.Detection) error {
	var streams []*stream
	by := map[string]*stream{}
	for _, d := range ds {
		line, err := entry(d)
		if err != nil {
			return notifier.FailForGood(notifier.ReasonTemplate, err)
		}
		key := d.Host + "\x00" + d.Rule.ID + "\x00" + d.Priority.String()
		st := by[key]
		if st == nil {
			st = &stream{Stream: s.labelsOf(d)}
			by[key] = st
			streams = append(streams, st)
		}
		st.Values = append(st.Values, [2]string{strconv.FormatInt(max(0, d.Time.UnixNano()), 10), line})
	}
	body, err := render.JSON(map[string]any{"streams": streams})
	if err != nil {
		return notifier.FailForGood(notifier.ReasonTemplate, err)
	}
	return s.poster.Post(ctx, body)
}

func (s *Sink) labelsOf(d *msg.Detection) map[string]string {
	out := map[string]string{"job": "tripline", "priority": d.Priority.String()}
	for name, value := range map[string]string{"host": d.Host, "rule": d.Rule.ID} {
		if value != "" {
			out[name] = render.Fit(maxLabel, value, nil)
		}
	}
	maps.Copy(out, s.labels)
	return out
}

// entry is the line of a detection.
func entry(d *msg.Detection) (string, error) {
	b, err := render.JSONLine(d)
	if err == nil && len(b) > maxLine {
		short := *d
		short.Event, short.Data, short.Values = nil, nil, nil
		short.Output = render.Fit(maxLine/8, d.Output, nil)
		b, err = render.JSONLine(&short)
	}
	return strings.TrimSuffix(string(b), "\n"), err
}

// Close lets go of idle connections.
func (s *Sink) Close() error { return s.poster.Close() }
