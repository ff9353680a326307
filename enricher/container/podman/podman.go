package podman

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/tripline/tripline/enricher/container"
	"github.com/tripline/tripline/enricher/container/docker"
	"github.com/tripline/tripline/pkg/msg"
)

// Client is a runtime of package container.
type Client struct {
	sockets, storages []string // patterns

	mu       sync.Mutex
	services map[string]*docker.Client // by socket
}

var _ container.Runtime = (*Client)(nil)

// Interval is how often services and storages are looked for, and a storage is
// looked at.
const Interval = time.Second

// maxServices bounds how many sockets and storages are used.
const maxServices = 64

// New returns a client of the services whose sockets match one of the patterns
// (see [filepath.Match]), and of the storages that do.
func New(sockets, storages []string) (*Client, error) {
	c := &Client{services: make(map[string]*docker.Client)}
	for _, list := range []struct {
		what string
		from []string
		to   *[]string
	}{{"socket", sockets, &c.sockets}, {"storage", storages, &c.storages}} {
		for _, p := range list.from {
			p = strings.TrimPrefix(p, "unix://")
			if _, err := filepath.Match(p, ""); err != nil || !filepath.IsAbs(p) {
				return nil, fmt.Errorf("podman: %s %q, expected an absolute path or pattern", list.what, p)
			}
			*list.to = append(*list.to, p)
		}
	}
	return c, nil
}

// Name is podman.
func (c *Client) Name() string { return "podman" }

// Endpoint lists the patterns of sockets and storages.
func (c *Client) Endpoint() string {
	return strings.Join(append(append([]string{}, c.sockets...), c.storages...), ", ")
}

// present lists what matches patterns.
func present(patterns []string) []string {
	var out []string
	for _, p := range patterns {
		found, _ := filepath.Glob(p) // its only error is a bad pattern
		out = append(out, found...)
	}
	return out[:min(len(out), maxServices)]
}

// service returns the client of a socket.
func (c *Client) service(socket string) (*docker.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.services[socket]; s != nil {
		return s, nil
	}
	s, err := docker.New("podman", socket)
	if err != nil {
		return nil, err
	}
	c.services[socket] = s
	return s, nil
}

// Inspect tells of one container.
func (c *Client) Inspect(ctx context.Context, id string) (*msg.Container, error) {
	if !container.IsID(id) {
		return nil, container.ErrNotFound
	}
	var failed error
	for _, socket := range present(c.sockets) {
		s, err := c.service(socket)
		if err != nil {
			return nil, err
		}
		out, err := s.Inspect(ctx, id)
		if err == nil {
			return out, nil
		}
		if !errors.Is(err, container.ErrNotFound) {
			failed = err // a socket that outlived its service, mostly
		}
	}
	for _, dir := range present(c.storages) {
		out, err := stored(dir, id)
		if err == nil {
			if failed != nil {
				return out, nil // the service may tell more when asked again
			}
			return out, container.ErrAll
		}
		if !errors.Is(err, container.ErrNotFound) && failed == nil {
			failed = err
		}
	}
	if failed != nil && ctx.Err() == nil && errors.Is(failed, fs.ErrPermission) {
		return nil, container.ErrNotFound // not for us to know
	}
	if failed != nil {
		return nil, failed
	}
	return nil, container.ErrNotFound
}

// Watch tells of every container and then of changes, of all services and
// storages that there are, until none is left that answers.
func (c *Client) Watch(ctx context.Context, connected func(), changed func(container.Change)) error {
	ctx, cancel := context.WithCancel(ctx)
	w := &watch{changed: changed, up: sync.OnceFunc(connected), services: make(map[string]bool), storages: make(map[string]*storage)}
	defer w.wg.Wait()
	defer cancel()
	was := false
	for {
		there := false
		for _, socket := range present(c.sockets) {
			there = true
			if !w.begin(socket) {
				continue
			}
			s, err := c.service(socket)
			if err != nil {
				return err
			}
			w.wg.Go(func() {
				err := s.Watch(ctx, func() { w.answers(socket) }, w.tell)
				w.end(socket, err) // it is tried again
			})
		}
		read := 0
		for _, dir := range present(c.storages) {
			there = true
			if w.storages[dir] == nil {
				w.storages[dir] = &storage{dir: dir}
			}
			if w.storages[dir].look(w.tell) == nil {
				read++
				w.up()
			}
		}
		now, err := w.live()
		now += read
		switch {
		case !there:
			return fmt.Errorf("podman: %w", fs.ErrNotExist)
		case now == 0 && (was || err != nil):
			return errors.Join(errors.New("podman: no service answers and no storage can be read"), err)
		}
		was = now > 0
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(Interval):
		}
	}
}

// watch is the state of [Client.Watch].
type watch struct {
	wg       sync.WaitGroup
	up       func()
	storages map[string]*storage

	mu      sync.Mutex
	changed func(container.Change)
	// services are those that are watched, true once they have answered.
	services map[string]bool
	err      error // of the service that ended last
}

// tell passes news on: of several watches one at a time, as from one.
func (w *watch) tell(ch container.Change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changed(ch)
}

// begin says whether a service is still to be watched.
func (w *watch) begin(socket string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, busy := w.services[socket]
	if !busy {
		w.services[socket] = false
	}
	return !busy
}

func (w *watch) answers(socket string) {
	w.mu.Lock()
	w.services[socket] = true
	w.mu.Unlock()
	w.up()
}

func (w *watch) end(socket string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.services, socket)
	w.err = err
}

// live counts the services that answer, and returns why the last one does not.
func (w *watch) live() (n int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, yes := range w.services {
		if yes {
			n++
		}
	}
	return n, w.err
}
