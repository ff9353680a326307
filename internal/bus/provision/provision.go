package provision

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nats-io/nkeys"

	"github.com/tripline/tripline/internal/bus"
)

// Write writes the files of the plan and lists those that are new or changed.
func Write(p Plan) (written []string, err error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	if p.Install == "" {
		if p.Install, err = filepath.Abs(p.Dir); err != nil {
			return nil, err
		}
	}
	w := &writer{dir: p.Dir}
	if err := os.MkdirAll(p.Dir, 0o755); err != nil {
		return nil, err
	}
	a, err := w.authority()
	if err != nil {
		return nil, err
	}
	c := config{Plan: p}
	for _, role := range p.roles() {
		u, err := w.user(role)
		if err != nil {
			return nil, err
		}
		if role.Kind == bus.RoleNotifier {
			u.Publish = append(u.Publish, p.Publish...)
		}
		c.Users = append(c.Users, u)
	}
	leaves := make([]user, len(p.Edges))
	for i, edge := range p.Edges {
		if leaves[i], err = w.leaf(edge); err != nil {
			return nil, err
		}
	}
	c.Leaves = leaves
	for _, name := range p.Servers {
		dir := filepath.Join(p.Dir, "servers", name)
		if err := w.certificate(a, name, filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key")); err != nil {
			return nil, err
		}
		if err := w.render(filepath.Join(dir, "nats.conf"), serverText, c.of(name)); err != nil {
			return nil, err
		}
	}
	for i, edge := range p.Edges {
		e := c.of(edge)
		e.Seed = leaves[i].seed
		if err := w.render(filepath.Join(p.Dir, "edges", edge, "nats.conf"), edgeText, e); err != nil {
			return nil, err
		}
	}
	return w.written, nil
}

// user is the holder of a key in a server's configuration.
type user struct {
	Name, Key          string
	Publish, Subscribe []string
	seed               string
}

// writer writes below one directory and remembers what it wrote.
type writer struct {
	dir     string
	written []string
}

// user makes or reads the key of a role.
func (w *writer) user(role bus.Role) (user, error) {
	u, err := w.key(role.String())
	if err != nil {
		return u, err
	}
	u.Publish, u.Subscribe, err = role.Permissions(bus.InboxOf(u.Key))
	return u, err
}

func (w *writer) leaf(edge string) (user, error) { return w.key("leaf-" + edge) }

// key makes a key, or reads the one that was made before.
func (w *writer) key(name string) (user, error) {
	file := filepath.Join(w.dir, "keys", name+".nk")
	seed, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		pair, err := nkeys.CreateUser()
		if err != nil {
			return user{}, err
		}
		if seed, err = pair.Seed(); err != nil {
			return user{}, err
		}
		if err := w.secret(file, append(bytes.Clone(seed), '\n')); err != nil {
			return user{}, err
		}
	case err != nil:
		return user{}, err
	}
	pair, err := nkeys.ParseDecoratedNKey(seed)
	if err != nil {
		return user{}, fmt.Errorf("%s: there is no seed of an nkey in it; delete it to have a new one", file)
	}
	public, err := pair.PublicKey()
	if err != nil {
		return user{}, fmt.Errorf("%s: %w", file, err)
	}
	return user{Name: name, Key: public, seed: string(bytes.TrimSpace(seed))}, nil
}

func (w *writer) file(name string, data []byte) error   { return w.write(name, data, 0o644) }
func (w *writer) secret(name string, data []byte) error { return w.write(name, data, 0o600) }

// write replaces a file whole, unless it is the same already.
func (w *writer) write(name string, data []byte, mode fs.FileMode) error {
	if old, err := os.ReadFile(name); err == nil && bytes.Equal(old, data) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(name), ".new-")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	if err := errors.Join(err, tmp.Chmod(mode), tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), name); err != nil {
		return err
	}
	w.written = append(w.written, name)
	return nil
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
