package cri

import (
	"context"
	"strings"
	"sync"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/tripline/tripline/enricher/container"
	"github.com/tripline/tripline/pkg/msg"
)

// imageCache remembers images for a while: many containers share one, and tags
// move.
type imageCache struct {
	service runtimeapi.ImageServiceClient
	mu      sync.Mutex
	m       map[string]cachedImage
}

type cachedImage struct {
	image *runtimeapi.Image
	until time.Time
}

const (
	maxImages    = 512
	imageExpires = time.Minute
)

// describe completes an image's reference, and says whether it could.
func (c *imageCache) describe(ctx context.Context, s *runtimeapi.ContainerStatus, to *msg.Image) bool {
	// The reference is an id or name@digest, as the runtime likes.
	ref := s.GetImageRef()
	if id := s.GetImageId(); id != "" {
		to.Id = id
	} else if !strings.Contains(ref, "@") {
		to.Id = ref
	}
	ask := to.Id
	if ask == "" {
		ask = ref
	}
	if ask == "" {
		ask = to.Name
	}
	im, err := c.get(ctx, ask)
	if err != nil {
		return false
	}
	if im == nil { // removed, while its container lives on
		container.CompleteImage(to, nil, []string{ref})
		return true
	}
	to.Id = im.GetId()
	container.CompleteImage(to, im.GetRepoTags(), im.GetRepoDigests())
	return true
}

func (c *imageCache) get(ctx context.Context, name string) (*runtimeapi.Image, error) {
	now := time.Now()
	c.mu.Lock()
	have, ok := c.m[name]
	c.mu.Unlock()
	if ok && now.Before(have.until) {
		return have.image, nil
	}
	got, err := c.service.ImageStatus(ctx, &runtimeapi.ImageStatusRequest{Image: &runtimeapi.ImageSpec{Image: name}})
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.m) >= maxImages {
		clear(c.m)
	}
	c.m[name] = cachedImage{image: got.GetImage(), until: now.Add(imageExpires)}
	return got.GetImage(), nil
}
