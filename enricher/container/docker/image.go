package docker

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/tripline/tripline/enricher/container"
	"github.com/tripline/tripline/pkg/msg"
)

// image is what is used of GET /images/{id}/json.
type image struct {
	RepoTags    []string
	RepoDigests []string
}

// imageCache remembers images for a while: many containers share one, and tags
// move.
type imageCache struct {
	mu sync.Mutex
	m  map[string]cachedImage
}

type cachedImage struct {
	image *image
	until time.Time
}

const (
	maxImages    = 512
	imageExpires = time.Minute
)

func (c *Client) image(ctx context.Context, id string) (*image, error) {
	if id == "" {
		return nil, container.ErrNotFound
	}
	now := time.Now()
	c.images.mu.Lock()
	have, ok := c.images.m[id]
	c.images.mu.Unlock()
	if ok && now.Before(have.until) {
		return have.image, nil
	}
	im := &image{}
	if err := c.get(ctx, "/images/"+url.PathEscape(id)+"/json", im); err != nil {
		return nil, err
	}
	c.images.mu.Lock()
	defer c.images.mu.Unlock()
	if len(c.images.m) >= maxImages {
		clear(c.images.m)
	}
	c.images.m[id] = cachedImage{image: im, until: now.Add(imageExpires)}
	return im, nil
}

// describe completes what the container's configuration says of its image. A
// name that is an id, or part of one, gives way to the image's own name.
func (im *image) describe(to *msg.Image) {
	name := to.Name
	hexa := strings.TrimPrefix(to.Id, "sha256:")
	if bare := strings.TrimPrefix(name, "sha256:"); bare == "" || len(bare) >= 6 && strings.HasPrefix(hexa, bare) {
		to.Name, to.Repository, to.Tag = name, "", ""
		if len(im.RepoTags) > 0 && im.RepoTags[0] != "<none>:<none>" {
			named := container.ParseImage(im.RepoTags[0])
			to.Name, to.Repository, to.Tag = named.Name, named.Repository, named.Tag
		}
	}
	if to.Tag == "" && to.Digest == "" && to.Repository != "" {
		to.Tag = "latest" // what a name without one stands for
	}
	if to.Digest == "" {
		to.Digest = im.digest(to.Repository)
	}
}

// digest returns the image's digest in a repository, or in any.
func (im *image) digest(repository string) string {
	first := ""
	for _, d := range im.RepoDigests {
		repo, digest, ok := strings.Cut(d, "@")
		if !ok {
			continue
		}
		if repo == repository {
			return digest
		}
		if first == "" {
			first = digest
		}
	}
	return first
}
