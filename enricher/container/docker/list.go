package docker

import (
	"context"
	"net/url"

	"github.com/tripline/tripline/enricher/container"
	"github.com/tripline/tripline/pkg/msg"
)

// listed is what is used of an entry of GET /containers/json.
type listed struct {
	ID              string `json:"Id"`
	Names           []string
	Image           string // as the user wrote it
	ImageID         string
	Labels          map[string]string
	HostConfig      struct{ NetworkMode string }
	NetworkSettings struct {
		Networks map[string]struct{ IPAddress string }
	}
	Mounts []mount
}

// fromList tells of one container what the list of all does.
func (c *Client) fromList(ctx context.Context, id string) (*msg.Container, error) {
	var all []listed
	if err := c.get(ctx, "/containers/json?all=1&filters="+url.QueryEscape(`{"id":["`+id+`"]}`), &all); err != nil {
		return nil, err
	}
	for _, l := range all {
		if l.ID != id {
			continue
		}
		in := inspected{ID: l.ID, Mounts: l.Mounts, Image: l.ImageID}
		if len(l.Names) > 0 {
			in.Name = l.Names[0]
		}
		in.Config.Image, in.Config.Labels = l.Image, l.Labels
		in.HostConfig.NetworkMode = l.HostConfig.NetworkMode
		in.NetworkSettings.Networks = l.NetworkSettings.Networks
		out := in.container(c.name)
		out.Completeness = msg.Completeness_COMPLETENESS_PARTIAL
		if im, err := c.image(ctx, l.ImageID); err == nil {
			container.CompleteImage(out.Image, im.RepoTags, im.RepoDigests)
		}
		return out, nil
	}
	return nil, container.ErrNotFound
}
