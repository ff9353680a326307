package matcher

import (
	"encoding/json"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tripline/tripline/pkg/msg"
)

// maxUnstored bounds the detections that a partition keeps for the next
// attempt.
const maxUnstored = 4096

// stream is what a matcher knows of one partition while it owns it.
//
// # A batch that comes again
//
// A batch is evaluated whole, whether or not its detections can be stored, and
// its events are marked in seen. If a detection could not be stored, it is
// kept here and the batch is refused, so the bus brings it again; then its
// events are known and are not evaluated, so that no rule counts them twice,
// and the kept detections are stored. If everything was stored but the answer
// was lost, the batch is only acknowledged. If it was discarded in between,
// the next batch of the partition takes the kept detections along.
//
// When the partition was elsewhere in the meantime, everything but the kept
// detections is forgotten: rules start afresh, and so must what they have seen.
type stream struct {
	partition uint32
	seen      *seen
	next      map[string]enricherPosition // by host
	unstored  kept
}

// enricherPosition is where an enricher's numbering of a partition stands.
type enricherPosition struct {
	enricher string
	next     uint64
}

func newStream(partition uint32, remember int) *stream {
	return &stream{partition: partition, seen: newSeen(remember), next: make(map[string]enricherPosition)}
}

// reset forgets all but the kept detections.
func (s *stream) reset(remember int) {
	s.seen = newSeen(remember)
	clear(s.next)
}

// lost returns how many events are missing between the batch before, of the
// same enricher, and this one.
func (s *stream) lost(b *msg.Batch) uint64 {
	p, known := s.next[b.Host]
	if !known || p.enricher != b.Enricher {
		s.next[clone(b.Host)] = enricherPosition{clone(b.Enricher), b.PartitionSeq + uint64(len(b.Events))}
		return 0
	}
	var lost uint64
	if b.PartitionSeq > p.next {
		lost = b.PartitionSeq - p.next
	}
	p.next = max(p.next, b.PartitionSeq+uint64(len(b.Events)))
	s.next[b.Host] = p
	return lost
}

// kept holds detections that could not be stored.
type kept struct {
	mu   sync.Mutex
	list []*msg.Detection
}

// add keeps a copy, since a detection shares memory with its batch; it returns
// false when there are too many.
func (k *kept) add(d *msg.Detection) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.list) >= maxUnstored {
		return false
	}
	c, err := copyDetection(d)
	if err != nil {
		// It is its content that cannot be stored, whatever the attempt.
		c, err = copyDetection(withoutOdd(d))
	}
	if err != nil {
		return false
	}
	k.list = append(k.list, c)
	return true
}

func (k *kept) take() []*msg.Detection {
	k.mu.Lock()
	defer k.mu.Unlock()
	list := k.list
	k.list = nil
	return list
}

// withoutOdd replaces values that JSON cannot hold (channels, functions, not a
// number, cycles), which a rule written in Go may hand over, by the reason.
func withoutOdd(d *msg.Detection) *msg.Detection {
	out := *d
	out.Data, out.Values = onlyJSON(d.Data), onlyJSON(d.Values)
	out.Rule.Properties = onlyJSON(d.Rule.Properties)
	return &out
}

func onlyJSON(m map[string]any) map[string]any {
	out := make(map[string]any, len(m))
	for name, value := range m {
		if _, err := json.Marshal(value); err != nil {
			value = "(" + err.Error() + ")"
		}
		out[name] = value
	}
	return out
}

func copyDetection(d *msg.Detection) (*msg.Detection, error) {
	text, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(strings.NewReader(string(text)))
	dec.UseNumber()
	out := &msg.Detection{}
	return out, dec.Decode(out)
}

// answer acknowledges a delivery when all that it led to is stored.
type answer struct {
	ack  func(error)
	open atomic.Int64 // detections under way, and one for the evaluation
	mu   sync.Mutex
	err  error
}

func newAnswer(ack func(error)) *answer {
	a := &answer{ack: ack}
	a.open.Store(1)
	return a
}

func (a *answer) begin() { a.open.Add(1) }

// end notes that one thing is over; the last one answers.
func (a *answer) end(err error) {
	if err != nil {
		a.mu.Lock()
		if a.err == nil {
			a.err = err
		}
		a.mu.Unlock()
	}
	if a.open.Add(-1) == 0 {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.ack(a.err)
	}
}

func clone(s string) string { return strings.Clone(s) }
