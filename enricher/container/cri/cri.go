package cri

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/tripline/tripline/enricher/container"
	"github.com/tripline/tripline/enricher/container/unixgrpc"
	"github.com/tripline/tripline/pkg/msg"
)

// Client is a runtime of package container.
type Client struct {
	name, socket string
	runtime      runtimeapi.RuntimeServiceClient
	conn         *grpc.ClientConn
	images       imageCache
}

var _ container.Runtime = (*Client)(nil)

// Interval is how often a watch lists containers and sandboxes.
const Interval = 2 * time.Second

// New returns a client of the runtime that listens on a unix socket, whose path
// may have unix:// before it. Name is what cgroup paths call the runtime:
// containerd or crio.
func New(name, socket string) (*Client, error) {
	if name != "containerd" && name != "crio" {
		return nil, fmt.Errorf("cri: runtime %q, expected containerd or crio", name)
	}
	path, err := unixgrpc.Path(socket)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	conn, err := unixgrpc.New(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &Client{
		name: name, socket: path, conn: conn, runtime: runtimeapi.NewRuntimeServiceClient(conn),
		images: imageCache{service: runtimeapi.NewImageServiceClient(conn), m: make(map[string]cachedImage)},
	}, nil
}

// Name is containerd or crio.
func (c *Client) Name() string { return c.name }

// Endpoint is the path of the socket, and that CRI is spoken there.
func (c *Client) Endpoint() string { return c.socket + " (CRI)" }

// Inspect tells of one container, or of the sandbox of a pod.
func (c *Client) Inspect(ctx context.Context, id string) (*msg.Container, error) {
	if err := unixgrpc.There(c.socket); err != nil {
		return nil, fmt.Errorf("%s: %w", c.name, err)
	}
	if !container.IsID(id) {
		return nil, container.ErrNotFound // CRI would take a part of an id, too
	}
	got, err := c.runtime.ContainerStatus(ctx, &runtimeapi.ContainerStatusRequest{ContainerId: id, Verbose: true})
	if unixgrpc.Absent(err) {
		return c.sandbox(ctx, id)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: container: %w", c.name, err)
	}
	out := c.container(got)
	out.Completeness = msg.Completeness_COMPLETENESS_COMPLETE
	if !c.images.describe(ctx, got.GetStatus(), out.Image) {
		out.Completeness = msg.Completeness_COMPLETENESS_PARTIAL
	}
	if err := c.pod(ctx, out); err != nil {
		out.Completeness = msg.Completeness_COMPLETENESS_PARTIAL
	}
	return out, nil
}

// pod adds what the sandbox of a container tells.
func (c *Client) pod(ctx context.Context, out *msg.Container) error {
	sandbox := out.GetPod().GetSandboxId()
	if sandbox == "" {
		list, err := c.runtime.ListContainers(ctx, &runtimeapi.ListContainersRequest{Filter: &runtimeapi.ContainerFilter{Id: out.Id}})
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		if len(list.Containers) != 1 {
			return container.ErrNotFound
		}
		sandbox = list.Containers[0].PodSandboxId
	}
	got, err := c.runtime.PodSandboxStatus(ctx, &runtimeapi.PodSandboxStatusRequest{PodSandboxId: sandbox, Verbose: true})
	if err != nil {
		return fmt.Errorf("%s: sandbox: %w", c.name, err)
	}
	inPod(out, got)
	return nil
}

// sandbox tells of the container that holds a pod's namespaces.
func (c *Client) sandbox(ctx context.Context, id string) (*msg.Container, error) {
	got, err := c.runtime.PodSandboxStatus(ctx, &runtimeapi.PodSandboxStatusRequest{PodSandboxId: id, Verbose: true})
	if unixgrpc.Absent(err) {
		return nil, container.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("%s: sandbox: %w", c.name, err)
	}
	v := verbose(got.GetInfo())
	out := &msg.Container{
		Id: id, Runtime: c.name, Name: got.GetStatus().GetMetadata().GetName(), Labels: got.GetStatus().GetLabels(),
		Image: container.ParseImage(v.Image), StartTime: got.GetStatus().GetCreatedAt(),
		Privileged:   got.GetStatus() != nil && v.privileged(),
		Completeness: msg.Completeness_COMPLETENESS_COMPLETE,
	}
	inPod(out, got)
	return out, nil
}

// Watch tells of every container and sandbox and then of changes.
func (c *Client) Watch(ctx context.Context, connected func(), changed func(container.Change)) error {
	if err := unixgrpc.There(c.socket); err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	var before map[string]bool
	for {
		now, err := c.list(ctx)
		if err != nil {
			return err
		}
		if before == nil {
			connected()
		}
		for id, runs := range now {
			was, known := before[id]
			switch {
			case !known:
				changed(container.Change{ID: id, Kind: container.Appeared})
			case was != runs:
				changed(container.Change{ID: id, Kind: container.Changed})
			}
		}
		for id := range before {
			if _, there := now[id]; !there {
				changed(container.Change{ID: id, Kind: container.Gone})
			}
		}
		before = now
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(Interval):
		}
	}
}

// list returns all containers and sandboxes, and whether each runs.
func (c *Client) list(ctx context.Context) (map[string]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	all := make(map[string]bool)
	sandboxes, err := c.runtime.ListPodSandbox(ctx, &runtimeapi.ListPodSandboxRequest{})
	if err != nil {
		return nil, fmt.Errorf("%s: sandboxes: %w", c.name, err)
	}
	for _, s := range sandboxes.Items {
		all[s.Id] = s.State == runtimeapi.PodSandboxState_SANDBOX_READY
	}
	containers, err := c.runtime.ListContainers(ctx, &runtimeapi.ListContainersRequest{})
	if err != nil {
		return nil, fmt.Errorf("%s: containers: %w", c.name, err)
	}
	for _, x := range containers.Containers {
		all[x.Id] = x.State == runtimeapi.ContainerState_CONTAINER_RUNNING
	}
	return all, nil
}
