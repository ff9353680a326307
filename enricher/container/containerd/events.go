package containerd

import (
	"context"
	"fmt"

	eventsapi "github.com/containerd/containerd/api/events"
	eventservice "github.com/containerd/containerd/api/services/events/v1"
	"github.com/containerd/containerd/api/types"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/tripline/tripline/enricher/container"
)

func (c *Client) subscribe(ctx context.Context) (grpc.ServerStreamingClient[types.Envelope], error) {
	events, err := eventservice.NewEventsClient(c.conn).Subscribe(ctx, &eventservice.SubscribeRequest{Filters: []string{
		`topic~="^/containers/(create|update|delete)$"`, `topic=="/tasks/start"`,
	}})
	if err != nil {
		return nil, fmt.Errorf("containerd: events: %w", err)
	}
	return events, nil
}

// change reads an event. Its payload is protobuf without the prefix that type
// URLs of protobuf have.
func change(e *types.Envelope) (container.Change, bool) {
	if e.GetNamespace() == dockers {
		return container.Change{}, false
	}
	var id string
	var kind container.ChangeKind
	read := func(m proto.Message) bool { return proto.Unmarshal(e.GetEvent().GetValue(), m) == nil }
	switch e.GetTopic() {
	case "/containers/create":
		var x eventsapi.ContainerCreate
		if !read(&x) {
			return container.Change{}, false
		}
		id, kind = x.ID, container.Appeared
	case "/containers/update":
		var x eventsapi.ContainerUpdate
		if !read(&x) {
			return container.Change{}, false
		}
		id, kind = x.ID, container.Changed
	case "/tasks/start":
		var x eventsapi.TaskStart
		if !read(&x) {
			return container.Change{}, false
		}
		id, kind = x.ContainerID, container.Changed
	case "/containers/delete":
		var x eventsapi.ContainerDelete
		if !read(&x) {
			return container.Change{}, false
		}
		id, kind = x.ID, container.Gone
	}
	if id == "" {
		return container.Change{}, false
	}
	return container.Change{ID: key(e.GetNamespace(), id), Kind: kind}, true
}
