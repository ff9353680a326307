package notifier

import (
	"context"

	"github.com/tripline/tripline/pkg/msg"
)

// Together is DeliverBatch for receivers that take many detections with one
// request and refuse all of them for the fault of one: send is called with all
// of them, and when that fails for good with each by itself, so that the
// failure becomes that of whom it is about.
func Together(ctx context.Context, ds []*msg.Stored, send func(context.Context, []*msg.Detection) error) (int, error) {
	all := make([]*msg.Detection, 0, len(ds))
	for _, s := range ds {
		d, err := s.Detection()
		if err != nil {
			break // those before it go first
		}
		all = append(all, d)
	}
	if len(all) == 0 {
		_, err := ds[0].Detection()
		return 0, FailForGood(ReasonOther, err)
	}
	err := send(ctx, all)
	if err == nil {
		return len(all), nil
	}
	if Retryable(err) || len(all) == 1 {
		return 0, err
	}
	for i := range all {
		if err := send(ctx, all[i:i+1]); err != nil {
			return i, err
		}
	}
	return len(all), nil
}
