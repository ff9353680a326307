package httppost

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/tripline/tripline/notifier"
)

// Target is the part of a sink's configuration that says where it posts to.
type Target struct {
	// URL of the receiver, or the file that holds it.
	URL     notifier.Secret `yaml:"url"`
	URLFile string          `yaml:"url_file"`
	// Timeout bounds one request, from connecting to the end of the answer.
	Timeout time.Duration `yaml:"timeout"`
	TLS     TLSConfig     `yaml:"tls"`
}

// DefaultTarget has everything but the URL.
func DefaultTarget() Target { return Target{Timeout: 10 * time.Second} }

// Validate reports everything that is wrong and can be told without reading
// files.
func (t Target) Validate() error {
	var errs []error
	if t.URL == "" && t.URLFile == "" {
		errs = append(errs, errors.New("url (or url_file) is not given"))
	}
	if t.URL != "" {
		if _, err := ParseURL("url", t.URL); err != nil {
			errs = append(errs, err)
		}
	}
	if t.Timeout <= 0 {
		errs = append(errs, fmt.Errorf("timeout: %v is not a positive duration", t.Timeout))
	}
	return errors.Join(errs...)
}

// Poster posts to one URL.
type Poster struct {
	url    *url.URL
	header http.Header
	client *Client
}

// Open reads the files that the target names and makes a poster. Adjust, which
// may be nil, changes the URL; header, which may be nil, goes with every
// request; secrets, beside those in the URL, are kept out of errors.
func (t Target) Open(adjust func(*url.URL) *url.URL, header http.Header, secrets ...notifier.Secret) (*Poster, error) {
	raw, err := notifier.RequireSecret("url", t.URL, t.URLFile)
	if err != nil {
		return nil, err
	}
	u, err := ParseURL("url", raw)
	if err != nil {
		return nil, err
	}
	if adjust != nil {
		u = adjust(u)
	}
	client, err := New(t.Timeout, t.TLS, append(SecretsOf(u), secrets...)...)
	if err != nil {
		return nil, err
	}
	h := http.Header{"Content-Type": {"application/json"}, "User-Agent": {"tripline"}}
	for name, values := range header {
		h[http.CanonicalHeaderKey(name)] = values
	}
	return &Poster{url: u, header: h, client: client}, nil
}

// Post sends a body, as JSON unless the header says otherwise, and judges the
// answer as [Client.Do] does.
func (p *Poster) Post(ctx context.Context, body []byte) error {
	_, err := p.PostAnswer(ctx, body, 0)
	return err
}

// PostAnswer is Post for receivers whose answer says more than its status: it
// returns at most limit bytes of the body of a 2xx.
func (p *Poster) PostAnswer(ctx context.Context, body []byte, limit int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url.String(), bytes.NewReader(body))
	if err != nil {
		return nil, notifier.FailForGood(notifier.ReasonClient, errors.New("the request cannot be made"))
	}
	req.Header = p.header.Clone()
	return p.client.Ask(ctx, req, limit)
}

// To is the same for what is below the URL, over the same connections.
func (p *Poster) To(path string) *Poster {
	q := *p
	q.url = p.url.JoinPath(path)
	return &q
}

// Redact hides the secrets of the request in a text.
func (p *Poster) Redact(text string) string { return notifier.Redact(text, p.client.secrets...) }

// RetryAfterIn makes the poster look into the body of an answer that asks for
// patience and does not say in its header how much; at most 4 KiB of it are
// given. It is for before the first Post.
func (p *Poster) RetryAfterIn(find func(body []byte) time.Duration) { p.client.bodyAfter = find }

// Close lets go of idle connections.
func (p *Poster) Close() error { return p.client.Close() }
