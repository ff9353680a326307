package podman

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/enricher/container"
	"github.com/tripline/tripline/enricher/container/oci"
	"github.com/tripline/tripline/pkg/msg"
)

// record is what is used of an entry of containers.json, which containers/storage
// writes (store.go, containers.go there), and of the metadata that libpod puts
// into it (libpod/storage.go).
type record struct {
	ID       string   `json:"id"`
	Names    []string `json:"names"`
	Image    string   `json:"image"`
	Metadata string   `json:"metadata"`
}

type metadata struct {
	ImageName string `json:"image-name"`
	ImageID   string `json:"image-id"`
	Name      string `json:"name"`
	CreatedAt int64  `json:"created-at"` // s since the epoch
}

// maxFile bounds what is read of a storage's file, in bytes. A user's storage
// is the user's: it may hold anything.
const maxFile = 16 << 20

// lists are the files of a storage that list containers, one for each storage
// driver that was used.
func lists(dir string) []string {
	found, _ := filepath.Glob(filepath.Join(dir, "*-containers", "containers.json"))
	return found[:min(len(found), 8)]
}

// read returns a regular file. A link or a pipe in its place is refused: the
// one could lead anywhere, the other would wait for ever.
func read(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("podman: %s is no regular file", path)
	}
	return io.ReadAll(io.LimitReader(f, maxFile))
}

func readList(path string) ([]record, error) {
	text, err := read(path)
	if err != nil {
		return nil, err
	}
	var all []record
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("podman: %s: %w", path, err)
	}
	return all, nil
}

// stored tells what a storage knows of a container.
func stored(dir, id string) (*msg.Container, error) {
	for _, list := range lists(dir) {
		all, err := readList(list)
		if err != nil {
			return nil, err
		}
		for _, r := range all {
			if r.ID == id {
				return r.container(filepath.Join(filepath.Dir(list), id, "userdata", "config.json")), nil
			}
		}
	}
	return nil, container.ErrNotFound
}

// container makes the answer; config is the runtime specification's file.
func (r *record) container(config string) *msg.Container {
	out := &msg.Container{Id: r.ID, Runtime: "podman", Completeness: msg.Completeness_COMPLETENESS_PARTIAL}
	var m metadata
	_ = json.Unmarshal([]byte(r.Metadata), &m) // what cannot be read is left out
	out.Name = m.Name
	if out.Name == "" && len(r.Names) > 0 {
		out.Name = r.Names[0]
	}
	out.Image = container.ParseImage(m.ImageName)
	if id := m.ImageID; id != "" {
		out.Image.Id = "sha256:" + id
	} else if r.Image != "" {
		out.Image.Id = "sha256:" + r.Image
	}
	container.CompleteImage(out.Image, nil, nil)
	out.StartTime = m.CreatedAt * int64(time.Second)
	if text, err := read(config); err == nil { // written when it is about to start
		_ = oci.Fill(out, text)
	}
	return out
}

// storage follows a storage.
type storage struct {
	dir    string
	stamps map[string]time.Time
	known  map[string]string // list by container
}

// look tells what has changed since the last look.
func (s *storage) look(tell func(container.Change)) error {
	if s.stamps == nil {
		s.stamps, s.known = map[string]time.Time{}, map[string]string{}
	}
	var errs []error
	for _, list := range lists(s.dir) { // none before the first container
		st, err := os.Lstat(list)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if st.ModTime().Equal(s.stamps[list]) {
			continue
		}
		all, err := readList(list)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		s.stamps[list] = st.ModTime()
		now := make(map[string]bool, len(all))
		for _, r := range all {
			if !container.IsID(r.ID) {
				continue
			}
			now[r.ID] = true
			if s.known[r.ID] == "" {
				s.known[r.ID] = list
				tell(container.Change{ID: r.ID, Kind: container.Appeared})
			}
		}
		for id, in := range s.known {
			if in == list && !now[id] {
				delete(s.known, id)
				tell(container.Change{ID: id, Kind: container.Gone})
			}
		}
	}
	return errors.Join(errs...)
}
