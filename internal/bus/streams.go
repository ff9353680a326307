package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tripline/tripline/pkg/msg"
)

// partitionsKey is where the events stream says how many partitions it has.
const partitionsKey = "tripline_partitions"

// bucketMatchers lists the matchers among whom the partitions are shared.
const bucketMatchers = "tripline_matchers"

// Codes of nats-server's errors.json that the client has no names for.
const (
	codeResources = 10023 // JSInsufficientResourcesErr
	codeMemory    = 10028 // JSMemoryResourcesExceededErr
	codeStorage   = 10047 // JSStorageResourcesExceededErr
	codeTooLarge  = 10054 // JSStreamMessageExceedsMaximumErr
	codeNoPeers   = 10005 // JSClusterNoPeersErrF
	codeNoLeader  = 10008 // JSClusterNotAvailErr
)

// errNotOurs is why a stage waits for the streams instead of making them.
var errNotOurs = errors.New("it is not there and these credentials do not permit making it: start the server with tripline run nats, or run tripline nats setup once as admin")

// ensureSoon is ensure for a server that may not be ready yet: a cluster that
// has no leader so far, or streams that only the admin may make. It tries for
// ConnectWait.
func (b *Bus) ensureSoon(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, max(b.cfg.ConnectWait, apiTimeout))
	defer cancel()
	told := false
	for patience := time.Second; ; patience = min(2*patience, 2*apiTimeout) {
		// A request that came while there was no leader is never answered.
		try, cancel := context.WithTimeout(ctx, patience)
		err := b.ensure(try)
		cancel()
		if err == nil || !soon(err) {
			return err
		}
		if !told {
			told = true
			b.log.Info("waiting for the streams", "server", b.where(), "err", err)
		}
		if !sleep(ctx, reconnectWait) {
			return err
		}
	}
}

// soon says whether the reason may go away by itself.
func soon(err error) bool {
	var api *jetstream.APIError
	return errors.Is(err, errNotOurs) || errors.Is(err, nats.ErrTimeout) || errors.Is(err, context.DeadlineExceeded) ||
		errors.As(err, &api) && (api.ErrorCode == codeNoPeers || api.ErrorCode == codeNoLeader)
}

// create asks the server for something that may be forbidden to this stage.
// JetStream leaves a forbidden request unanswered, and the server says on the
// side that it was one.
func (b *Bus) create(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer b.whenDenied(func() { cancel(errNotOurs) })()
	err := f(ctx)
	if err != nil && errors.Is(context.Cause(ctx), errNotOurs) {
		return errNotOurs
	}
	return err
}

// ensure makes what is missing, and with an embedded server brings the bounds
// of what exists in line with the configuration. It may be repeated.
func (b *Bus) ensure(ctx context.Context) error {
	c := b.cfg.Streams
	detections := stream(StreamDetections, msg.SubjectDetections, c.Detections, c.Replicas)
	detections.Sources = fromEdges(StreamDetections, c.Edges)
	events := b.eventsStream(c)
	if c.EdgeEvents {
		events.Sources = fromEdges(StreamEvents, c.Edges)
	}
	demand := jetstream.KeyValueConfig{Bucket: msg.BucketDemand, Description: "who needs which events", TTL: b.cfg.DemandTTL, LimitMarkerTTL: b.cfg.DemandTTL, Storage: jetstream.FileStorage, MaxBytes: 16 << 20, Replicas: c.Replicas}
	if c.HubDemand {
		demand.Sources = []*jetstream.StreamSource{{Name: msg.BucketDemand, Domain: HubDomain}}
	}
	for _, want := range []jetstream.StreamConfig{
		stream(StreamRaw, msg.SubjectRaw, c.Raw, 1),
		events,
		detections,
		stream(StreamDead, msg.SubjectDead, c.Dead, c.Replicas),
	} {
		s, err := b.ensureStream(ctx, want)
		if err != nil {
			return fmt.Errorf("nats: stream %s: %w", want.Name, explainJetStream(err))
		}
		b.mu.Lock()
		b.room[want.Name] = s.CachedInfo().Config.MaxBytes
		b.mu.Unlock()
		if want.Name == StreamEvents {
			if err := b.agree(s.CachedInfo().Config); err != nil {
				return err
			}
		}
	}
	for _, want := range []jetstream.KeyValueConfig{
		demand,
		{Bucket: msg.BucketRules, Description: "rule bundles", History: 5, Storage: jetstream.FileStorage, MaxBytes: 64 << 20, Replicas: c.Replicas},
		{Bucket: bucketMatchers, Description: "matchers that share the partitions", TTL: b.cfg.Consumer.MemberTTL, LimitMarkerTTL: time.Second, Storage: jetstream.MemoryStorage, MaxBytes: 1 << 20, Replicas: c.Replicas},
	} {
		if err := b.ensureBucket(ctx, want); err != nil {
			return fmt.Errorf("nats: bucket %s: %w", want.Bucket, explainJetStream(err))
		}
	}
	return nil
}

func stream(name, root string, c StreamConfig, replicas int) jetstream.StreamConfig {
	storage := jetstream.FileStorage
	if c.Storage == "memory" {
		storage = jetstream.MemoryStorage
	}
	return jetstream.StreamConfig{
		Name:        name,
		Subjects:    []string{root + ".>"},
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardOld,
		Storage:     storage,
		MaxBytes:    c.MaxBytes,
		MaxAge:      c.MaxAge,
		Duplicates:  c.Duplicates,
		Replicas:    replicas,
		AllowDirect: true,
	}
}

func (b *Bus) eventsStream(c StreamsConfig) jetstream.StreamConfig {
	s := stream(StreamEvents, msg.SubjectEvents, c.Events, 1)
	p := c.Partitions
	if p == 0 {
		p = DefaultPartitions
	}
	if b.partitions != 0 {
		p = b.partitions // made again after the server lost it
	}
	s.Metadata = map[string]string{partitionsKey: strconv.FormatUint(uint64(p), 10)}
	return s
}

// agree takes the number of partitions from the stream, where all processes
// find the same one.
func (b *Bus) agree(have jetstream.StreamConfig) error {
	p, err := strconv.ParseUint(have.Metadata[partitionsKey], 10, 32)
	if err != nil || p == 0 {
		return fmt.Errorf("nats: stream %s has no number of partitions (metadata %s): it was not made by tripline; delete it", StreamEvents, partitionsKey)
	}
	if want := b.cfg.Streams.Partitions; want != 0 && uint64(want) != p {
		return fmt.Errorf("nats: stream %s has %d partitions, streams.partitions asks for %d: set it to %d or 0, or stop all stages and delete the stream", StreamEvents, p, want, p)
	}
	if b.partitions != 0 && uint64(b.partitions) != p {
		return fmt.Errorf("nats: stream %s was made again with %d partitions instead of %d: restart this stage", StreamEvents, p, b.partitions)
	}
	if b.partitions == 0 { // set once, before anybody else reads it
		b.partitions = uint32(p)
	}
	return nil
}

func (b *Bus) ensureStream(ctx context.Context, want jetstream.StreamConfig) (jetstream.Stream, error) {
	s, err := b.js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		err = b.create(ctx, func(ctx context.Context) (err error) {
			s, err = b.js.CreateStream(ctx, want)
			return err
		})
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // somebody was quicker
			s, err = b.js.Stream(ctx, want.Name)
		}
	}
	if err != nil || !b.manages() {
		return s, err
	}
	have := s.CachedInfo().Config
	if have.Storage != want.Storage {
		b.log.Warn("a stream's storage cannot be changed; delete the stream to have it made again", "stream", want.Name, "has", have.Storage, "configured", want.Storage)
	}
	if have.MaxBytes == want.MaxBytes && have.MaxAge == want.MaxAge && have.Duplicates == want.Duplicates && have.Replicas == want.Replicas && slices.Equal(domains(have.Sources), domains(want.Sources)) {
		return s, nil
	}
	have.Sources = want.Sources
	have.MaxBytes, have.MaxAge, have.Duplicates, have.Replicas = want.MaxBytes, want.MaxAge, want.Duplicates, want.Replicas
	return b.js.UpdateStream(ctx, have)
}

func (b *Bus) ensureBucket(ctx context.Context, want jetstream.KeyValueConfig) error {
	kv, err := b.js.KeyValue(ctx, want.Bucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		err = b.create(ctx, func(ctx context.Context) error {
			_, err := b.js.CreateKeyValue(ctx, want)
			return err
		})
		if errors.Is(err, jetstream.ErrBucketExists) {
			return nil
		}
		return err
	}
	if err != nil || !b.manages() {
		return err
	}
	have, err := kv.Status(ctx)
	if err != nil {
		return err
	}
	if have.TTL() == want.TTL && have.LimitMarkerTTL() == want.LimitMarkerTTL && slices.Equal(domains(have.Config().Sources), domains(want.Sources)) {
		return nil
	}
	_, err = b.js.UpdateKeyValue(ctx, want)
	return err
}

// manages says whether this process is the one whose configuration the streams
// follow.
func (b *Bus) manages() bool { return b.cfg.Server != nil || b.cfg.Manage }

func explainJetStream(err error) error {
	var api *jetstream.APIError
	switch {
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return fmt.Errorf("the server has no JetStream: start it with -js, or allow it for this account: %w", err)
	case errors.As(err, &api) && (api.ErrorCode == codeStorage || api.ErrorCode == codeMemory || api.ErrorCode == codeResources):
		return fmt.Errorf("the server has no room for it: raise its limits or lower streams.*.max_bytes: %w", err)
	default:
		return err
	}
}

// Partitions is how many partitions the enriched events have.
func (b *Bus) Partitions() uint32 { return b.partitions }
