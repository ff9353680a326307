package elasticsearch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/internal/httppost"
	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/pkg/msg"
)

// maxBody is from where on a request is sent rather than made longer, in
// bytes; receivers take 100 MiB unless told otherwise.
const maxBody = 5 << 20

// maxAnswer bounds what is read of an answer: some hundred bytes a document.
const maxAnswer = 4 << 20

// Config is a sink of type elasticsearch. Its URL is the one under which the
// cluster is served.
type Config struct {
	httppost.Target `yaml:",inline"`
	httppost.Login  `yaml:",inline"`
	// Index is a template for the name of the index or data stream.
	Index string `yaml:"index"`
	// Pipeline is the ingest pipeline, empty for the index's own.
	Pipeline string `yaml:"pipeline"`
}

// DefaultConfig has everything but the URL: an index a day.
func DefaultConfig() Config {
	return Config{Target: httppost.DefaultTarget(), Index: `tripline-{{.Time | date "2006.01.02"}}`}
}

// Validate reports everything that is wrong and can be told without reading
// files.
func (c Config) Validate() error {
	errs := []error{c.Target.Validate(), c.Login.Validate()}
	if c.Index == "" {
		errs = append(errs, errors.New("index is not given"))
	} else if _, err := render.Parse("index", c.Index); err != nil {
		errs = append(errs, fmt.Errorf("index: %w", err))
	}
	return errors.Join(errs...)
}

// Sink indexes.
type Sink struct {
	poster *httppost.Poster
	index  *render.Template
}

var _ notifier.BatchSink = (*Sink)(nil)

// New reads the files that the configuration names and makes a sink.
func New(cfg Config) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	index, err := render.Parse("index", cfg.Index)
	if err != nil {
		return nil, err
	}
	header, secrets, err := cfg.Header()
	if err != nil {
		return nil, err
	}
	if header == nil {
		header = http.Header{}
	}
	header.Set("Content-Type", "application/x-ndjson")
	bulk := func(u *url.URL) *url.URL {
		out := u.JoinPath("_bulk")
		if cfg.Pipeline != "" {
			q := out.Query()
			q.Set("pipeline", cfg.Pipeline)
			out.RawQuery = q.Encode()
		}
		return out
	}
	p, err := cfg.Open(bulk, header, secrets...)
	if err != nil {
		return nil, err
	}
	return &Sink{p, index}, nil
}

// Deliver indexes one detection.
func (s *Sink) Deliver(ctx context.Context, d *msg.Detection) error {
	_, err := s.DeliverBatch(ctx, []*msg.Stored{msg.StoredOf(d)})
	return err
}

// DeliverBatch implements [notifier.BatchSink].
func (s *Sink) DeliverBatch(ctx context.Context, ds []*msg.Stored) (int, error) {
	done := 0
	for done < len(ds) {
		var body bytes.Buffer
		n := 0
		var bad error
		for ; done+n < len(ds) && (n == 0 || body.Len() < maxBody); n++ {
			if bad = s.add(&body, ds[done+n]); bad != nil {
				break
			}
		}
		if n > 0 {
			taken, err := s.send(ctx, body.Bytes(), n)
			if done += taken; err != nil {
				return done, err
			}
		}
		if bad != nil {
			return done, bad
		}
	}
	return done, nil
}

// add writes what to do, and the document.
func (s *Sink) add(body *bytes.Buffer, stored *msg.Stored) error {
	d, err := stored.Detection()
	if err != nil {
		return notifier.FailForGood(notifier.ReasonOther, err)
	}
	index, err := s.index.Execute(d)
	if err != nil {
		return notifier.FailForGood(notifier.ReasonTemplate, err)
	}
	if err := checkIndex(string(index)); err != nil {
		return notifier.FailForGood(notifier.ReasonTemplate, err)
	}
	what, err := render.JSON(map[string]any{"create": map[string]string{"_index": string(index), "_id": d.ID}})
	if err != nil {
		return notifier.FailForGood(notifier.ReasonTemplate, err)
	}
	doc, err := render.JSON(document(d))
	if err != nil {
		return notifier.FailForGood(notifier.ReasonTemplate, err)
	}
	body.Write(what)
	body.WriteByte('\n')
	body.Write(render.JSONForTerminal(doc))
	body.WriteByte('\n')
	return nil
}

// checkIndex holds a name against what the receivers take.
func checkIndex(name string) error {
	if name == "" || len(name) > 255 || name != strings.ToLower(name) || strings.ContainsAny(name, "\\/*?\"<>| ,#:\x00\n\r\t") || strings.ContainsAny(name[:1], "-_+.") {
		return fmt.Errorf("%s is not a name for an index", render.Fit(300, name, nil))
	}
	return nil
}

// send posts n documents and says how many of the first ones are there.
func (s *Sink) send(ctx context.Context, body []byte, n int) (int, error) {
	answer, err := s.poster.PostAnswer(ctx, body, maxAnswer)
	if err != nil {
		return 0, err
	}
	var bulk struct {
		Errors bool `json:"errors"`
		Items  []map[string]struct {
			Status int `json:"status"`
			Error  struct {
				Type   string `json:"type"`
				Reason string `json:"reason"`
			} `json:"error"`
		} `json:"items"`
	}
	if len(answer) == 0 {
		return n, nil
	}
	if err := json.Unmarshal(answer, &bulk); err != nil {
		return 0, notifier.Fail(notifier.ReasonServer, errors.New("the answer is not that of a bulk request: is this URL the cluster's?"))
	}
	if !bulk.Errors {
		return n, nil
	}
	for i, item := range bulk.Items {
		for _, r := range item {
			if r.Status/100 == 2 || r.Status == http.StatusConflict {
				continue
			}
			text := fmt.Errorf("the receiver answers %d for a document: %s", r.Status,
				render.Fit(300, s.poster.Redact(strings.TrimSpace(r.Error.Type+" "+r.Error.Reason)), nil))
			switch {
			case r.Status == http.StatusTooManyRequests:
				return i, notifier.Fail(notifier.ReasonRateLimited, text)
			case r.Status/100 == 5:
				return i, notifier.Fail(notifier.ReasonServer, text)
			case r.Status == http.StatusUnauthorized || r.Status == http.StatusForbidden:
				return i, notifier.FailForGood(notifier.ReasonAuth, text)
			}
			return i, notifier.FailForGood(notifier.ReasonClient, text)
		}
	}
	return n, nil
}

// Close lets go of idle connections.
func (s *Sink) Close() error { return s.poster.Close() }
