package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tripline/tripline/pkg/msg"
)

// Pending counts what is stored and not yet answered, for draining and for
// `tripline status`.
type Pending struct {
	// Raw and Events are batches; Events adds up the partitions.
	Raw    uint64
	Events uint64
	// Partitions has the events by partition, Answered how many batches of each
	// were answered so far.
	Partitions, Answered []uint64
	// Detections counts by sink, under its escaped name.
	Detections map[string]uint64
}

// Pending asks the server how far the receivers are.
func (b *Bus) Pending(ctx context.Context) (Pending, error) {
	p := Pending{Partitions: make([]uint64, b.partitions), Answered: make([]uint64, b.partitions), Detections: make(map[string]uint64)}
	err := b.consumers(ctx, StreamRaw, func(info *jetstream.ConsumerInfo) {
		if strings.HasPrefix(info.Name, "enricher-") {
			p.Raw += info.NumPending + uint64(info.NumAckPending)
		}
	})
	if err != nil {
		return p, err
	}
	err = b.consumers(ctx, StreamEvents, func(info *jetstream.ConsumerInfo) {
		n, err := strconv.Atoi(strings.TrimPrefix(info.Name, "matcher-"))
		if err != nil || n < 0 || n >= len(p.Partitions) {
			return
		}
		p.Partitions[n] = info.NumPending + uint64(info.NumAckPending)
		p.Answered[n] = info.AckFloor.Consumer
		p.Events += p.Partitions[n]
	})
	if err != nil {
		return p, err
	}
	err = b.consumers(ctx, StreamDetections, func(info *jetstream.ConsumerInfo) {
		if sink, ok := strings.CutPrefix(info.Name, "notifier-"); ok {
			p.Detections[sink] = info.NumPending + uint64(info.NumAckPending)
		}
	})
	return p, err
}

func (b *Bus) consumers(ctx context.Context, stream string, f func(*jetstream.ConsumerInfo)) error {
	s, err := b.js.Stream(ctx, stream)
	if err != nil {
		return fmt.Errorf("nats: stream %s: %w", stream, err)
	}
	list := s.ListConsumers(ctx)
	for info := range list.Info() {
		f(info)
	}
	if err := list.Err(); err != nil {
		return fmt.Errorf("nats: consumers of %s: %w", stream, err)
	}
	return nil
}

// StreamInfo is the state of one stream.
type StreamInfo struct {
	Name     string        `json:"name"`
	Storage  string        `json:"storage"`
	Messages uint64        `json:"messages"`
	Bytes    uint64        `json:"bytes"`
	MaxBytes int64         `json:"max_bytes"`
	MaxAge   time.Duration `json:"max_age"`
	FirstSeq uint64        `json:"first_seq"`
	LastSeq  uint64        `json:"last_seq"`
	// Discarded is how many messages the bounds have removed so far, seen by
	// everybody or not.
	Discarded uint64    `json:"discarded"`
	Oldest    time.Time `json:"oldest"`
	Created   time.Time `json:"created"`
}

// Streams describes the streams, in the order of the pipeline.
func (b *Bus) Streams(ctx context.Context) ([]StreamInfo, error) {
	var out []StreamInfo
	for _, name := range []string{StreamRaw, StreamEvents, StreamDetections, StreamDead} {
		s, err := b.js.Stream(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("nats: stream %s: %w", name, err)
		}
		info := s.CachedInfo()
		i := StreamInfo{
			Name:     name,
			Storage:  "file",
			Messages: info.State.Msgs,
			Bytes:    info.State.Bytes,
			MaxBytes: info.Config.MaxBytes,
			MaxAge:   info.Config.MaxAge,
			FirstSeq: info.State.FirstSeq,
			LastSeq:  info.State.LastSeq,
			Oldest:   info.State.FirstTime,
			Created:  info.Created,
		}
		if info.Config.Storage == jetstream.MemoryStorage {
			i.Storage = "memory"
		}
		if i.FirstSeq > 0 {
			i.Discarded = i.FirstSeq - 1
		}
		out = append(out, i)
	}
	return out, nil
}

// Demands reads who needs which events at this moment.
func (b *Bus) Demands(ctx context.Context) ([]msg.Demand, error) {
	kv, err := b.js.KeyValue(ctx, msg.BucketDemand)
	if err != nil {
		return nil, fmt.Errorf("nats: bucket %s: %w", msg.BucketDemand, err)
	}
	keys, err := kv.Keys(ctx)
	if errors.Is(err, jetstream.ErrNoKeysFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("nats: bucket %s: %w", msg.BucketDemand, err)
	}
	var out []msg.Demand
	for _, key := range keys {
		e, err := kv.Get(ctx, key)
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			continue // withdrawn meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("nats: bucket %s: %w", msg.BucketDemand, err)
		}
		var d msg.Demand
		if err := json.Unmarshal(e.Value(), &d); err != nil {
			return nil, fmt.Errorf("nats: bucket %s: key %s: %w", msg.BucketDemand, key, err)
		}
		out = append(out, d)
	}
	return out, nil
}
