package containerd

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"runtime"
	"sync"

	contentapi "github.com/containerd/containerd/api/services/content/v1"
)

// imageIDs remembers the ids of images by the digest that they are pulled by,
// which never change.
type imageIDs struct {
	mu sync.Mutex
	m  map[string]string
}

const (
	maxImages = 512
	// maxManifest bounds a manifest, in bytes; registries take up to 4 MiB.
	maxManifest = 4 << 20
)

// manifest is what is used of an image's manifest or index; see
// https://github.com/opencontainers/image-spec.
type manifest struct {
	Config struct {
		Digest string `json:"digest"`
	} `json:"config"`
	Manifests []struct {
		Digest   string `json:"digest"`
		Platform *struct {
			Architecture string `json:"architecture"`
			OS           string `json:"os"`
		} `json:"platform"`
	} `json:"manifests"`
}

// imageID follows an image's digest to that of its configuration, which Docker
// and CRI call the image's id. It is "" when the content is not there.
func (c *Client) imageID(ctx context.Context, content contentapi.ContentClient, digest string) string {
	c.images.mu.Lock()
	id, ok := c.images.m[digest]
	c.images.mu.Unlock()
	if ok || digest == "" {
		return id
	}
	at := digest
	for range 3 { // an index of indexes is as deep as it goes
		m, err := readManifest(ctx, content, at)
		if err != nil {
			return ""
		}
		if m.Config.Digest != "" {
			c.images.mu.Lock()
			defer c.images.mu.Unlock()
			if len(c.images.m) >= maxImages {
				clear(c.images.m)
			}
			c.images.m[digest] = m.Config.Digest
			return m.Config.Digest
		}
		if at = m.here(); at == "" {
			return ""
		}
	}
	return ""
}

// here returns the manifest of an index that is for this machine, or the only one.
func (m *manifest) here() string {
	for _, x := range m.Manifests {
		if x.Platform != nil && x.Platform.OS == "linux" && x.Platform.Architecture == runtime.GOARCH {
			return x.Digest
		}
	}
	if len(m.Manifests) == 1 {
		return m.Manifests[0].Digest
	}
	return ""
}

func readManifest(ctx context.Context, content contentapi.ContentClient, digest string) (*manifest, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := content.Read(ctx, &contentapi.ReadContentRequest{Digest: digest})
	if err != nil {
		return nil, err
	}
	var text []byte
	for len(text) < maxManifest {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		text = append(text, part.GetData()...)
	}
	m := &manifest{}
	return m, json.Unmarshal(text, m)
}
