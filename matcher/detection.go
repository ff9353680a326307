package matcher

import (
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

// endEvent names the event of detections that rules report at the end of the
// source, when there is no event.
const endEvent = "source_complete"

func newDetection(r Rule, f Finding, rec msg.Record, n int) *msg.Detection {
	d := fill(r, f)
	d.ID = msg.DetectionID(ruleKey(r), rec, n)
	d.Event = rec.JSON()
	d.Time = d.Event.Time
	d.Host = d.Event.Host
	return d
}

func newEndDetection(r Rule, f Finding, host string, now time.Time, n int) *msg.Detection {
	d := fill(r, f)
	b := &msg.Batch{Host: host, Events: []*msg.Event{{Seq: uint64(now.UnixNano())}}}
	d.ID = msg.DetectionID(ruleKey(r), msg.Record{Batch: b, Event: b.Events[0]}, n)
	d.Time, d.Host = now.UTC(), host
	d.Event = &msg.EventJSON{Host: host, Time: d.Time, Name: endEvent, Args: []msg.ArgJSON{}}
	return d
}

func fill(r Rule, f Finding) *msg.Detection {
	output := f.Output
	if output == "" {
		output = r.Info.Name
	}
	return &msg.Detection{
		Priority: r.Priority, Severity: r.Priority.Severity(), Rule: r.Info,
		Output: output, Data: f.Data, Values: f.Values, Detected: time.Now().UTC(),
	}
}
