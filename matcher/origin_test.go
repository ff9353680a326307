package matcher_test

import (
	"testing"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/pkg/msg"
)

func TestOriginOf(t *testing.T) {
	for _, c := range []struct {
		name string
		p    *msg.Process
		want matcher.Origin
	}{
		{"on the host", &msg.Process{Pid: 7, NsPid: 7}, matcher.HostOrigin},
		{"its namespace is not known", &msg.Process{Pid: 7}, matcher.HostOrigin},
		{"in a container that shares the host's namespace", &msg.Process{Pid: 7, NsPid: 7, Container: 1}, matcher.ContainerOrigin},
		{"in a pid namespace of its own", &msg.Process{Pid: 7, NsPid: 1}, matcher.ContainerOrigin},
	} {
		b := &msg.Batch{Processes: []*msg.Process{c.p}, Events: []*msg.Event{{}}, Containers: []*msg.Container{{}}}
		if got := matcher.OriginOf(b.Record(0)); got != c.want {
			t.Errorf("%s: origin %d, want %d", c.name, got, c.want)
		}
	}
}
