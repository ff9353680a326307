package provision_test

import (
	"context"
	"os"
	"testing"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// batch has one event of h1.
func batch() *msg.Batch {
	e, ok := catalogue.Lookup("ptrace")
	if !ok {
		panic("no event ptrace")
	}
	var b msg.Builder
	comm := b.String("strace")
	proc := b.Process(&msg.Process{Pid: 42, Comm: "strace"})
	b.Event(&msg.Event{Seq: 1, Type: uint32(e.ID), Process: proc, Comm: uint32(comm), Time: 1})
	out := b.Take()
	out.Host, out.BootId, out.FirstSeq, out.LastSeq = "h1", "boot", 1, 1
	return out
}

type publisher[T any] interface {
	Publish(context.Context, T, func(error)) error
}

// stored publishes and waits until the server has it.
func stored[T any](t testing.TB, ctx context.Context, p publisher[T], item T) {
	t.Helper()
	done := make(chan error, 1)
	if err := p.Publish(ctx, item, func(err error) { done <- err }); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-ctx.Done():
		t.Fatal("not stored in time")
	}
}

func read(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
