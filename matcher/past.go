package matcher

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tripline/tripline/pkg/msg"
)

// Past is an event that outlives its batch, since a rule may yet report it.
type Past struct {
	host, boot string
	seq        uint64
	event      []byte // JSON of msg.EventJSON
}

// Keep copies an event, with its process and container, out of its batch.
func Keep(r msg.Record) (*Past, error) {
	text, err := json.Marshal(r.JSON())
	if err != nil {
		return nil, fmt.Errorf("keep event %s: %w", r.ID(), err)
	}
	return &Past{
		host: strings.Clone(r.Batch.Host), boot: strings.Clone(r.Batch.BootId), seq: r.Event.Seq, event: text,
	}, nil
}

// Size is about how much memory it takes, in bytes.
func (p *Past) Size() int { return len(p.host) + len(p.boot) + len(p.event) + 96 }

// id is that of what a rule found in the event, as it would have been at once.
func (p *Past) id(rule string) string {
	b := &msg.Batch{Host: p.host, BootId: p.boot, Events: []*msg.Event{{Seq: p.seq}}}
	return msg.DetectionID(rule, b.Record(0), 0)
}

func newPastDetection(r Rule, f Finding) (*msg.Detection, error) {
	d := fill(r, f)
	d.ID = f.Past.id(ruleKey(r))
	d.Event = &msg.EventJSON{}
	dec := json.NewDecoder(bytes.NewReader(f.Past.event))
	dec.UseNumber()
	if err := dec.Decode(d.Event); err != nil {
		return nil, fmt.Errorf("an event that was kept: %w", err)
	}
	d.Time, d.Host = d.Event.Time, d.Event.Host
	return d, nil
}
