package docker

import (
	"context"
	"net/url"
	"sync"
	"time"

	"github.com/tripline/tripline/enricher/container"
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
