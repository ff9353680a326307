package containerd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	containersapi "github.com/containerd/containerd/api/services/containers/v1"
	contentapi "github.com/containerd/containerd/api/services/content/v1"
	imagesapi "github.com/containerd/containerd/api/services/images/v1"
	namespacesapi "github.com/containerd/containerd/api/services/namespaces/v1"
	tasksapi "github.com/containerd/containerd/api/services/tasks/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/tripline/tripline/enricher/container"
	"github.com/tripline/tripline/enricher/container/oci"
	"github.com/tripline/tripline/enricher/container/unixgrpc"
	"github.com/tripline/tripline/pkg/msg"
)

// Client is a runtime of package container.
type Client struct {
	socket string
	conn   *grpc.ClientConn
	images imageIDs
}

var _ container.Runtime = (*Client)(nil)

// New returns a client of the containerd that listens on a unix socket, whose
// path may have unix:// before it. It connects when it is first asked.
func New(socket string) (*Client, error) {
	path, err := unixgrpc.Path(socket)
	if err != nil {
		return nil, fmt.Errorf("containerd: %w", err)
	}
	conn, err := unixgrpc.New(path)
	if err != nil {
		return nil, fmt.Errorf("containerd: %w", err)
	}
	return &Client{socket: path, conn: conn, images: imageIDs{m: make(map[string]string)}}, nil
}

// Name is containerd.
func (c *Client) Name() string { return "containerd" }

// Endpoint is the path of the socket.
func (c *Client) Endpoint() string { return c.socket }

const (
	// dockers is the namespace of Docker Engine.
	dockers = "moby"
	// criKind is the label that containerd's CRI plugin gives to what it makes:
	// container or sandbox.
	criKind = "io.cri-containerd.kind"
)

// in makes calls go to a namespace; the header is that of containerd's
// pkg/namespaces.
func in(ctx context.Context, namespace string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "containerd-namespace", namespace)
}

// key is what a container is known by, see the package comment.
func key(namespace, id string) string {
	if container.IsID(id) {
		return id
	}
	return namespace + "/" + id
}

// namespaces lists those that may hold containers for this client.
func (c *Client) namespaces(ctx context.Context) ([]string, error) {
	list, err := namespacesapi.NewNamespacesClient(c.conn).List(ctx, &namespacesapi.ListNamespacesRequest{})
	if err != nil {
		return nil, fmt.Errorf("containerd: namespaces: %w", err)
	}
	var out []string
	for _, n := range list.Namespaces {
		if n.Name != dockers {
			out = append(out, n.Name)
		}
	}
	return out, nil
}

// Inspect tells of one container.
func (c *Client) Inspect(ctx context.Context, id string) (*msg.Container, error) {
	if err := unixgrpc.There(c.socket); err != nil {
		return nil, fmt.Errorf("containerd: %w", err)
	}
	var namespaces []string
	name := id
	if ns, rest, ok := strings.Cut(id, "/"); ok {
		namespaces, name = []string{ns}, rest
	} else {
		var err error
		if namespaces, err = c.namespaces(ctx); err != nil {
			return nil, err
		}
	}
	for _, ns := range namespaces {
		got, err := containersapi.NewContainersClient(c.conn).Get(in(ctx, ns), &containersapi.GetContainerRequest{ID: name})
		switch {
		case unixgrpc.Absent(err):
			continue
		case err != nil:
			return nil, fmt.Errorf("containerd: %w", err)
		case got.Container.GetLabels()[criKind] == "sandbox":
			return c.sandbox(in(ctx, ns), got.Container)
		case got.Container.GetLabels()[criKind] != "":
			return nil, container.ErrNotFound // CRI tells more of it
		}
		return c.describe(in(ctx, ns), ns, got.Container)
	}
	return nil, container.ErrNotFound
}

// describe makes the answer; what cannot be had beside the container itself
// leaves it partial.
func (c *Client) describe(ctx context.Context, namespace string, in *containersapi.Container) (*msg.Container, error) {
	out := &msg.Container{
		Id: key(namespace, in.ID), Runtime: "containerd", Name: in.ID, Labels: in.Labels,
		Image: container.ParseImage(in.Image), Completeness: msg.Completeness_COMPLETENESS_COMPLETE,
	}
	if name := in.Labels["nerdctl/name"]; name != "" {
		out.Name = name
	}
	if err := oci.Fill(out, in.Spec.GetValue()); err != nil {
		return out, fmt.Errorf("containerd: specification of %q: %w", in.ID, err)
	}
	if in.Image != "" {
		got, err := imagesapi.NewImagesClient(c.conn).Get(ctx, &imagesapi.GetImageRequest{Name: in.Image})
		switch {
		case err == nil:
			target := got.GetImage().GetTarget()
			out.Image.Digest = target.GetDigest()
			out.Image.Id = c.imageID(ctx, contentapi.NewContentClient(c.conn), target.GetDigest())
		case unixgrpc.Absent(err): // removed, while its container lives on
		default:
			out.Completeness = msg.Completeness_COMPLETENESS_PARTIAL
		}
	}
	task, err := tasksapi.NewTasksClient(c.conn).Get(ctx, &tasksapi.GetRequest{ContainerID: in.ID})
	switch {
	case err == nil:
		out.StartTime = started(task.GetProcess().GetPid())
	case unixgrpc.Absent(err): // not started yet, which the watch will tell
	default:
		out.Completeness = msg.Completeness_COMPLETENESS_PARTIAL
	}
	return out, nil
}

// Watch tells of every container and then of changes.
func (c *Client) Watch(ctx context.Context, connected func(), changed func(container.Change)) error {
	if err := unixgrpc.There(c.socket); err != nil {
		return fmt.Errorf("containerd: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// Subscribed first, so that nothing is missed between the list and the events.
	events, err := c.subscribe(ctx)
	if err != nil {
		return err
	}
	if err := c.list(ctx, connected, changed); err != nil {
		return err
	}
	for {
		envelope, err := events.Recv()
		if err != nil {
			return fmt.Errorf("containerd: events: %w", err)
		}
		if ch, ok := change(envelope); ok {
			changed(ch)
		}
	}
}

// listTimeout bounds the questions with which a watch begins.
const listTimeout = 10 * time.Second

func (c *Client) list(ctx context.Context, connected func(), changed func(container.Change)) error {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	namespaces, err := c.namespaces(ctx)
	if err != nil {
		return err
	}
	var all []container.Change
	for _, ns := range namespaces {
		// A stream, for a list of thousands exceeds what one message may hold.
		stream, err := containersapi.NewContainersClient(c.conn).ListStream(in(ctx, ns), &containersapi.ListContainersRequest{})
		if err != nil {
			return fmt.Errorf("containerd: containers of %s: %w", ns, err)
		}
		for {
			m, err := stream.Recv()
			if err != nil {
				if errors.Is(err, io.EOF) {
					break
				}
				return fmt.Errorf("containerd: containers of %s: %w", ns, err)
			}
			all = append(all, container.Change{ID: key(ns, m.GetContainer().GetID()), Kind: container.Appeared})
		}
	}
	connected()
	for _, ch := range all {
		changed(ch)
	}
	return nil
}
