package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/tripline/tripline/pkg/msg"
)

// RawPublisher stores the batches of one host's sensor.
type RawPublisher struct {
	host string
	p    *publisher
	f    *flow
	c    msg.Compression
}

// EventsPublisher stores the enriched batches of one host.
type EventsPublisher struct {
	host string
	p    *publisher
	f    *flow
	c    msg.Compression
}

// DetectionPublisher stores detections.
type DetectionPublisher struct{ p *publisher }

// RawPublisher stores batches on tripline.raw.<host>, in order.
func (b *Bus) RawPublisher(host string) (*RawPublisher, error) {
	p, f, err := b.flowing(StreamRaw, rawFlow(host), func(string) (uint32, bool) { return 0, true })
	return &RawPublisher{host, p, f, b.compression}, err
}

// EventsPublisher stores batches on tripline.events.<host>.<partition>, in
// order.
func (b *Bus) EventsPublisher(host string) (*EventsPublisher, error) {
	all := eventsFlow("*")
	p, f, err := b.flowing(StreamEvents, all, func(subject string) (uint32, bool) {
		n, err := strconv.ParseUint(subject[len(all)-1:], 10, 32)
		return uint32(n), err == nil
	})
	return &EventsPublisher{host, p, f, b.compression}, err
}

// flowing is a publisher that does not run ahead of its readers.
func (b *Bus) flowing(stream, subject string, partition func(string) (uint32, bool)) (*publisher, *flow, error) {
	f, err := b.flow(stream, subject, partition)
	if err != nil {
		return nil, nil, err
	}
	p, err := b.publisher(stream)
	if err == nil {
		p.stored = f.stored
	}
	return p, f, err
}

// DetectionPublisher stores detections under their ids, each once.
func (b *Bus) DetectionPublisher() (*DetectionPublisher, error) {
	p, err := b.publisher(StreamDetections)
	return &DetectionPublisher{p}, err
}

// Publish sends the batch and returns; done is called once, on another
// goroutine, when it is stored or never will be. It blocks while the window is
// full, and while much of what was stored waits for a reader that lives; an
// error means that done is not called.
func (r *RawPublisher) Publish(ctx context.Context, b *msg.Batch, done func(error)) error {
	return publishBatch(ctx, r.p, r.f, msg.RawSubject(r.host), batchID(r.host, b), b, 0, r.c, done)
}

// Publish is as [RawPublisher.Publish]. An enricher that was killed before it
// acknowledged a raw batch, and makes the same batches of it again, does not
// store them twice.
func (e *EventsPublisher) Publish(ctx context.Context, b *msg.Batch, done func(error)) error {
	id := batchID(e.host, b) + "/" + strconv.FormatUint(uint64(b.Partition), 10)
	return publishBatch(ctx, e.p, e.f, msg.EventsSubject(e.host, b.Partition), id, b, b.Partition, e.c, done)
}

// batchID is the same for the same events, whoever publishes them: host, boot,
// the sequence numbers accounted for, and those of the events really in it, for
// two batches may account for one range. A batch without events (drops only)
// has nothing to be known by and gets an id of its own.
func batchID(host string, b *msg.Batch) string {
	if len(b.Events) == 0 {
		return nuid.Next()
	}
	id := make([]byte, 0, 128)
	id = append(id, host...)
	id = append(id, '/')
	id = append(id, b.BootId...)
	for _, n := range []uint64{b.FirstSeq, b.LastSeq, b.Events[0].Seq, b.Events[len(b.Events)-1].Seq, uint64(len(b.Events))} {
		id = append(id, '/')
		id = strconv.AppendUint(id, n, 10)
	}
	return string(id)
}

func publishBatch(ctx context.Context, p *publisher, f *flow, subject, id string, b *msg.Batch, partition uint32, c msg.Compression, done func(error)) error {
	if err := f.wait(ctx, p.b.ctx); err != nil {
		return err
	}
	frame, err := msg.Marshal(nil, b, c)
	if err != nil {
		p.b.metrics.publishErrors.WithLabelValues(p.stream).Inc()
		return err
	}
	return p.publish(ctx, message(subject, id, frame), partition, done)
}

// Publish stores a detection; see [RawPublisher.Publish] for when it returns.
// One whose id was stored within the stream's duplicates window counts as
// stored.
func (p *DetectionPublisher) Publish(ctx context.Context, d *msg.Detection, done func(error)) error {
	data, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("detection %s of rule %s: %w", d.ID, d.Rule.ID, err)
	}
	return p.p.publish(ctx, message(msg.DetectionSubject(d.Priority, d.Host, d.Rule.ID), d.ID, data), 0, done)
}

func message(subject, id string, data []byte) *nats.Msg {
	return &nats.Msg{Subject: subject, Data: data, Header: nats.Header{jetstream.MsgIDHeader: []string{id}}}
}
