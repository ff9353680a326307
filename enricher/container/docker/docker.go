// Package docker asks Docker Engine, and Podman by the same interface, about
// containers: plain HTTP over the unix socket, reading only.
//
// The fields are those of the Docker Engine API, which both serve without a
// version in the path (https://docs.docker.com/reference/api/engine/).
package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tripline/tripline/enricher/container"
	"github.com/tripline/tripline/pkg/msg"
)

// Client is a runtime of package container.
type Client struct {
	name   string
	socket string
	// ask has a time limit for the header of an answer; follow has none, for
	// the events of a quiet host.
	http   *http.Client
	images imageCache
}

var _ container.Runtime = (*Client)(nil)

// New returns a client. Name is docker or podman; socket is the path of the
// unix socket, also with unix:// before it.
func New(name, socket string) (*Client, error) {
	if name != "docker" && name != "podman" {
		return nil, fmt.Errorf("docker: runtime %q, expected docker or podman", name)
	}
	path := strings.TrimPrefix(socket, "unix://")
	if !strings.HasPrefix(path, "/") {
		return nil, fmt.Errorf("docker: socket %q, expected an absolute path", socket)
	}
	dialer := &net.Dialer{}
	return &Client{
		name: name, socket: path,
		http: &http.Client{Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return dialer.DialContext(ctx, "unix", path)
			},
			MaxIdleConns: 8, MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute,
			DisableCompression: true,
		}},
		images: imageCache{m: make(map[string]cachedImage)},
	}, nil
}

// Name is docker or podman.
func (c *Client) Name() string { return c.name }

// Endpoint is the path of the socket.
func (c *Client) Endpoint() string { return c.socket }

// maxAnswer bounds an answer, in bytes.
const maxAnswer = 8 << 20

// get asks for a path and decodes the answer.
func (c *Client) get(ctx context.Context, path string, to any) error {
	body, err := c.open(ctx, path)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := json.NewDecoder(io.LimitReader(body, maxAnswer)).Decode(to); err != nil {
		return fmt.Errorf("%s: answer to %s: %w", c.name, path, err)
	}
	// Read to the end so that the connection can be used again.
	_, _ = io.Copy(io.Discard, io.LimitReader(body, maxAnswer))
	return nil
}

func (c *Client) open(ctx context.Context, path string) (io.ReadCloser, error) {
	// The host is for the header only; the dialer knows where to go.
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		// The request's URL is ours and says nothing; what went wrong does.
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return nil, fmt.Errorf("%s: %w", c.name, err)
	}
	switch resp.StatusCode {
	case http.StatusOK:
		return resp.Body, nil
	case http.StatusNotFound:
		resp.Body.Close()
		return nil, container.ErrNotFound
	default:
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 256))
		resp.Body.Close()
		return nil, fmt.Errorf("%s: %s: %s: %q", c.name, path, resp.Status, text)
	}
}

// Inspect tells of one container. An engine answers no question about a
// container while it starts or stops it; when most of the context's time is
// over, the list of containers is asked, which tells less but waits for nothing.
func (c *Client) Inspect(ctx context.Context, id string) (*msg.Container, error) {
	var in inspected
	asked, cancel := ctx, context.CancelFunc(func() {})
	if end, ok := ctx.Deadline(); ok {
		asked, cancel = context.WithTimeout(ctx, time.Until(end)*3/4)
	}
	err := c.get(asked, "/containers/"+url.PathEscape(id)+"/json", &in)
	cancel()
	if err != nil {
		if asked.Err() != nil && ctx.Err() == nil {
			if out, err := c.fromList(ctx, id); err == nil {
				return out, nil
			}
		}
		return nil, err
	}
	out := in.container(c.name)
	im, err := c.image(ctx, in.Image)
	switch {
	case err == nil:
		container.CompleteImage(out.Image, im.RepoTags, im.RepoDigests)
	case errors.Is(err, container.ErrNotFound):
		// The image was removed while its container lives on.
	default:
		out.Completeness = msg.Completeness_COMPLETENESS_PARTIAL
	}
	return out, nil
}

// Watch tells of every running container and then of changes.
func (c *Client) Watch(ctx context.Context, connected func(), changed func(container.Change)) error {
	filters := `{"type":["container"],"event":["create","start","restart","rename","update","destroy","remove"]}`
	// Asked for first, so that nothing is missed between the list and the events.
	events, err := c.open(ctx, "/events?filters="+url.QueryEscape(filters))
	if err != nil {
		return err
	}
	defer events.Close()
	var running []struct{ ID string }
	if err := c.get(ctx, "/containers/json", &running); err != nil {
		return err
	}
	connected()
	for _, r := range running {
		changed(container.Change{ID: r.ID, Kind: container.Appeared})
	}
	for dec := json.NewDecoder(events); ; {
		var ev event
		if err := dec.Decode(&ev); err != nil {
			return fmt.Errorf("%s: events: %w", c.name, err)
		}
		if ch, ok := ev.change(); ok {
			changed(ch)
		}
	}
}

// event is one line of the events stream. Podman fills status and id where
// Docker fills Action and Actor.
type event struct {
	Action string
	Actor  struct{ ID string }
	Status string `json:"status"`
	ID     string `json:"id"`
}

func (e *event) change() (container.Change, bool) {
	action, id := e.Action, e.Actor.ID
	if action == "" {
		action = e.Status
	}
	if id == "" {
		id = e.ID
	}
	if id == "" {
		return container.Change{}, false
	}
	switch action {
	case "create":
		return container.Change{ID: id, Kind: container.Appeared}, true
	case "start", "restart", "rename", "update":
		return container.Change{ID: id, Kind: container.Changed}, true
	case "destroy", "remove":
		return container.Change{ID: id, Kind: container.Gone}, true
	}
	return container.Change{}, false
}
