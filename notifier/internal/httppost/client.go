package httppost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/render"
)

const (
	// maxDrain is how much of an answer is read to keep the connection.
	maxDrain = 256 << 10
	// maxQuote is how much of an answer that refuses is quoted, in bytes.
	maxQuote = 300
	// minSecret is the length from which a part of a URL is worth hiding;
	// hiding "/" would only make errors unreadable.
	minSecret = 4
)

// Client sends requests to one receiver.
type Client struct {
	http    *http.Client
	timeout time.Duration
	secrets []notifier.Secret
	// bodyAfter finds what the receiver asks for in the body of an answer
	// that has no Retry-After; may be nil.
	bodyAfter func(body []byte) time.Duration
}

// New makes a client that gives each request the time; secrets are kept out
// of errors.
func New(timeout time.Duration, tlsConfig TLSConfig, secrets ...notifier.Secret) (*Client, error) {
	t, err := tlsConfig.Build()
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: t, ForceAttemptHTTP2: true,
		MaxIdleConns: 4, MaxIdleConnsPerHost: 4, IdleConnTimeout: 90 * time.Second,
		TLSHandshakeTimeout: timeout, ResponseHeaderTimeout: timeout,
	}
	return &Client{
		timeout: timeout, secrets: longestFirst(secrets),
		http: &http.Client{
			Transport: transport,
			// A redirected POST becomes a GET somewhere else: never what was meant.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// ParseURL checks the URL of a receiver. The error does not show it, since
// tokens live in URLs.
func ParseURL(field string, s notifier.Secret) (*url.URL, error) {
	u, err := url.Parse(string(s))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: is not a URL", field)
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("%s: begins with neither http:// nor https://", field)
	case u.Host == "":
		return nil, fmt.Errorf("%s: has no host", field)
	}
	return u, nil
}

// SecretsOf lists the parts of a URL that may be secret: all but scheme, host
// and port.
func SecretsOf(u *url.URL) []notifier.Secret {
	var out []notifier.Secret
	add := func(s string) {
		if len(s) >= minSecret {
			out = append(out, notifier.Secret(s))
		}
	}
	add(u.RequestURI())
	add(u.Path)
	add(u.EscapedPath())
	add(u.RawQuery)
	for _, part := range strings.Split(u.Path, "/") {
		add(part)
	}
	for _, values := range u.Query() {
		for _, v := range values {
			add(v)
		}
	}
	if u.User != nil {
		add(u.User.String())
		p, _ := u.User.Password()
		add(p)
	}
	return out
}

// longestFirst orders secrets so that hiding one does not leave half of
// another.
func longestFirst(secrets []notifier.Secret) []notifier.Secret {
	out := slices.Clone(secrets)
	slices.SortFunc(out, func(a, b notifier.Secret) int { return len(b) - len(a) })
	return out
}

// Do sends a request and returns nil when the answer is 2xx, otherwise a
// [notifier.Failure].
func (c *Client) Do(ctx context.Context, req *http.Request) error {
	_, err := c.Ask(ctx, req, 0)
	return err
}

// Ask is Do for receivers whose answer says more than its status: it returns
// at most limit bytes of the body of a 2xx.
func (c *Client) Ask(ctx context.Context, req *http.Request, limit int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	resp, err := c.http.Do(req.WithContext(ctx))
	if err != nil {
		return nil, c.broken(ctx, err)
	}
	defer resp.Body.Close()
	ok := resp.StatusCode/100 == 2
	if !ok {
		limit = 0
	}
	head, err := io.ReadAll(io.LimitReader(resp.Body, max(limit, 4<<10)))
	if err == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, maxDrain))
	}
	switch {
	case ok && limit > 0 && err != nil:
		return nil, c.broken(ctx, err)
	case ok:
		// It has taken the detection, whatever became of the rest of its answer.
		return head, nil
	}
	if err != nil {
		head = nil
	}
	return nil, c.refused(resp, head)
}

// broken judges a request without an answer.
func (c *Client) broken(ctx context.Context, err error) error {
	// url.Error repeats the URL.
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	reason := notifier.ReasonOf(err)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		reason, err = notifier.ReasonTimeout, fmt.Errorf("no answer within %v: %w", c.timeout, err)
	case reason == notifier.ReasonOther:
		reason = notifier.ReasonUnreachable
	}
	return notifier.Fail(reason, notifier.RedactError(err, c.secrets...))
}

// refused judges an answer that is not 2xx.
func (c *Client) refused(resp *http.Response, body []byte) error {
	f := &notifier.Failure{Reason: notifier.ReasonClient, Permanent: true}
	switch s := resp.StatusCode; {
	case s == http.StatusUnauthorized, s == http.StatusForbidden, s == http.StatusProxyAuthRequired:
		f.Reason = notifier.ReasonAuth
	case s == http.StatusTooManyRequests:
		f.Reason, f.Permanent = notifier.ReasonRateLimited, false
	case s == http.StatusRequestTimeout:
		f.Reason, f.Permanent = notifier.ReasonTimeout, false
	case s == http.StatusTooEarly, s/100 == 5:
		f.Reason, f.Permanent = notifier.ReasonServer, false
	}
	if !f.Permanent {
		f.After = retryAfter(resp.Header.Get("Retry-After"), time.Now())
		if f.After == 0 && c.bodyAfter != nil {
			f.After = max(0, c.bodyAfter(body))
		}
	}
	text := "the receiver answers " + resp.Status
	if resp.StatusCode/100 == 3 {
		text += "; redirects are not followed, configure the new address"
	}
	// Redacted whole before it is cut, or half a secret could remain.
	if quote := strings.TrimSpace(notifier.Redact(string(body), c.secrets...)); quote != "" {
		text += ": " + render.Terminal(render.Truncate(maxQuote, quote))
	}
	f.Err = notifier.RedactError(errors.New(text), c.secrets...)
	return f
}

// retryAfter reads the header of RFC 9110, 10.2.3: seconds or a date.
func retryAfter(v string, now time.Time) time.Duration {
	v = strings.TrimSpace(v)
	if n, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// Close lets go of idle connections.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}
