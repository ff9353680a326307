package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/tripline/tripline/pkg/msg"
)

// PublishAmendments tells whoever listens, in readable form, what a batch says
// of containers whose events have gone on already. Nothing is kept: the batch
// is where it stays.
func (b *Bus) PublishAmendments(batch *msg.Batch) error {
	var errs []error
	for _, a := range batch.Amendments {
		if a.Container == nil {
			continue
		}
		data, err := json.Marshal(a.JSON(batch.Host))
		if err == nil {
			err = b.nc.Publish(msg.AmendmentsSubject(batch.Host), data)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("nats: amendment of container %s: %w", a.Container.Id, err))
		}
	}
	return errors.Join(errs...)
}

// WatchAmendments calls f with every amendment of every host, from one
// goroutine, until the context ends, which is no error.
func (b *Bus) WatchAmendments(ctx context.Context, f func(msg.AmendmentJSON)) error {
	return b.listen(ctx, msg.SubjectAmendments+".*", func(m *nats.Msg) {
		var a msg.AmendmentJSON
		if err := json.Unmarshal(m.Data, &a); err != nil || a.Container == nil {
			b.log.Debug("an amendment cannot be read", "subject", m.Subject, "err", err)
			return
		}
		f(a)
	})
}
