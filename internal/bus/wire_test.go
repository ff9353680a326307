package bus_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/internal/bus/bustest"
)

// lossyWire forwards a port to a server and leaves out messages that the server
// sends, when drop says so of the line they begin with, as a client that is too
// slow does. It speaks NATS's client protocol (docs.nats.io, "Client Protocol").
func lossyWire(t *testing.T, target string, drop func(line string) bool) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", target)
			if err != nil {
				in.Close()
				return
			}
			go func() { _, _ = io.Copy(out, in); out.Close() }()
			go func() { lossily(in, out, drop); in.Close() }()
		}
	}()
	return "nats://" + l.Addr().String()
}

func lossily(to io.Writer, from io.Reader, drop func(line string) bool) {
	r := bufio.NewReaderSize(from, 1<<20)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		frame := []byte(line)
		if words := strings.Fields(line); len(words) > 3 && (words[0] == "MSG" || words[0] == "HMSG") {
			size, err := strconv.Atoi(words[len(words)-1])
			if err != nil {
				return
			}
			frame = append(frame, make([]byte, size+2)...)
			if _, err := io.ReadFull(r, frame[len(line):]); err != nil {
				return
			}
			if drop(line) {
				continue
			}
		}
		if _, err := to.Write(frame); err != nil {
			return
		}
	}
}

// TestLostDeliveryIsNoticed: a raw batch that got lost between the server and
// the client comes before those after it, and not when the server has waited
// long enough for its answer.
func TestLostDeliveryIsNoticed(t *testing.T) {
	s := bustest.Server(t)
	var deliveries atomic.Int64
	url := lossyWire(t, strings.TrimPrefix(s.URL(), "nats://"), func(line string) bool {
		if !strings.Contains(line, "$JS.ACK."+bus.StreamRaw) {
			return false
		}
		n := deliveries.Add(1)
		return n%7 == 0 && n < 40
	})
	const n = 60
	publish(t, must(bustest.Join(t, s, nil).RawPublisher(host)), batches(1, n)...)
	c := bustest.Dial(t, url, nil).RawConsumer(host)
	ctx, cancel := context.WithTimeout(t.Context(), bustest.Wait)
	defer cancel()
	for want := uint64(1); want <= n; want++ {
		d, err := c.Receive(ctx)
		if err != nil {
			t.Fatalf("batch %d: %v", want, err)
		}
		if d.Value.FirstSeq != want {
			t.Fatalf("batch %d, want %d, which was lost on the way", d.Value.FirstSeq, want)
		}
		d.Ack(nil)
	}
	if deliveries.Load() < 40 {
		t.Errorf("%d deliveries: none was lost", deliveries.Load())
	}
}

type soon struct{ error }

func (soon) RetryAfter() time.Duration { return time.Millisecond }

// TestNothingOvertakesARefusedBatch: after a batch was refused it comes next,
// whatever was on its way behind it.
func TestNothingOvertakesARefusedBatch(t *testing.T) {
	s := bustest.Server(t)
	const n = 400
	publish(t, must(bustest.Join(t, s, nil).RawPublisher(host)), batches(1, n)...)
	c := bustest.Dial(t, s.URL(), nil).RawConsumer(host)
	ctx, cancel := context.WithTimeout(t.Context(), bustest.Wait)
	defer cancel()
	refused := uint64(0)
	for want := uint64(1); want <= n; {
		d, err := c.Receive(ctx)
		if err != nil {
			t.Fatalf("batch %d: %v", want, err)
		}
		if d.Value.FirstSeq != want {
			t.Fatalf("batch %d, want %d; %d was refused last", d.Value.FirstSeq, want, refused)
		}
		if want%10 == 5 && refused != want {
			refused = want
			time.Sleep(2 * time.Millisecond) // what follows is on its way
			d.Ack(soon{errors.New("not now")})
			continue
		}
		d.Ack(nil)
		want++
	}
}
