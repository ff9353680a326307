package container

import (
	"context"
	"testing"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// made is the event that a container was made, as the sensor tells it.
func made(t *testing.T, b *msg.Batch, name, id string) {
	t.Helper()
	e, ok := catalogue.Lookup(name)
	if !ok {
		t.Fatal(name)
	}
	b.Strings = append(b.Strings, "docker", id)
	x := &msg.Event{Type: uint32(e.ID), Args: make([]int64, len(e.Params)), Absent: 1<<len(e.Params) - 1}
	for arg, i := range map[string]int{"runtime": len(b.Strings) - 2, "container_id": len(b.Strings) - 1} {
		x.Args[e.Param(arg)] = int64(i)
		x.Absent &^= 1 << e.Param(arg)
	}
	b.Events = append(b.Events, x)
}

// TestCreated completes the event of a container with what the runtime says.
func TestCreated(t *testing.T) {
	f := &fake{}
	s := newStep(t, f, nil)
	f.set(nil, &msg.Container{
		Id: testID, Runtime: "docker", Name: "web", Completeness: msg.Completeness_COMPLETENESS_COMPLETE,
		Image: &msg.Image{Name: "nginx:1.27", Digest: "sha256:" + testID},
		Pod:   &msg.Pod{Name: "web-0", Namespace: "shop", Uid: "u-1"},
	})
	for _, name := range []string{"container_create", "existing_container"} {
		var r msg.Record
		eventually(t, "the container is known", func() bool {
			b := &msg.Batch{BootId: s.boot, Processes: []*msg.Process{{Pid: 1}}}
			made(t, b, name, testID)
			s.Enrich(context.Background(), b, false)
			r = b.Record(0)
			_, ok := r.Arg("container_name")
			return ok
		})
		for arg, want := range map[string]string{
			"runtime": "docker", "container_id": testID, "container_name": "web", "container_image": "nginx:1.27",
			"container_image_digest": "sha256:" + testID, "pod_name": "web-0", "pod_namespace": "shop", "pod_uid": "u-1",
		} {
			if v, ok := r.Arg(arg); !ok || v.Text() != want {
				t.Errorf("%s: %s is %q (%v), want %q", name, arg, v.Text(), ok, want)
			}
		}
		for _, arg := range []string{"ctime", "pod_sandbox"} {
			if _, ok := r.Arg(arg); ok {
				t.Errorf("%s: %s came from nowhere", name, arg)
			}
		}
	}
	// One that nobody knows stays as it is.
	b := &msg.Batch{BootId: s.boot}
	made(t, b, "container_create", hexB)
	s.Enrich(context.Background(), b, false)
	if _, ok := b.Record(0).Arg("container_name"); ok {
		t.Error("an unknown container has a name")
	}
}
