package bus_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/tripline/tripline/internal/bus/bustest"
	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

const host = "host.example"

func context30(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), bustest.Wait)
	t.Cleanup(cancel)
	return ctx
}

// batch has n events of ptrace from sequence number first on.
func batch(first uint64, n int) *msg.Batch {
	var b msg.Builder
	comm := b.String("strace")
	proc := b.Process(&msg.Process{Pid: 42, Comm: "strace"})
	for i := range n {
		b.Event(&msg.Event{Seq: first + uint64(i), Type: eventType("ptrace"), Process: proc, Comm: uint32(comm), Time: 1})
	}
	out := b.Take()
	out.Host, out.BootId = host, "boot"
	out.FirstSeq, out.LastSeq = first, first+uint64(n)-1
	return out
}

func eventType(name string) uint32 {
	e, ok := catalogue.Lookup(name)
	if !ok {
		panic("no event " + name)
	}
	return uint32(e.ID)
}

func inPartition(b *msg.Batch, p uint32) *msg.Batch {
	b.Partition = p
	return b
}

type publishes[T any] interface {
	Publish(context.Context, T, func(error)) error
}

// publish stores the items and waits until they are.
func publish[T any](t testing.TB, p publishes[T], items ...T) {
	t.Helper()
	ctx := context30(t)
	var wg sync.WaitGroup
	for _, item := range items {
		wg.Add(1)
		if err := p.Publish(ctx, item, func(err error) {
			if err != nil {
				t.Errorf("not stored: %v", err)
			}
			wg.Done()
		}); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
}

func detection(id string) *msg.Detection {
	return &msg.Detection{ID: id, Host: host, Priority: msg.Warning, Rule: msg.RuleInfo{ID: "TRC-2", Name: "Anti-Debugging"}}
}

// eventually waits for something that happens in another goroutine or process.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(bustest.Wait)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s for %s", bustest.Wait, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// must returns the value of a constructor that cannot fail in this test.
func must[T any](v T, err error) T {
	if err != nil {
		panic(fmt.Sprintf("constructor: %v", err))
	}
	return v
}

func writeFile(t testing.TB, name string) {
	t.Helper()
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}
