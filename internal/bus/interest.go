package bus

import (
	"encoding/json"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/tripline/tripline/pkg/msg"
)

const (
	// askEmbedded and askRemote are how old the knowledge may be that somebody
	// listens: the embedded server is asked by a function call, any other by a
	// message.
	askEmbedded = 100 * time.Millisecond
	askRemote   = time.Second

	// topicsAtMost bounds what is remembered: the events of some hosts.
	topicsAtMost = 4096

	// Headers that have the server say where a message would go, and not
	// deliver it (NATS architecture decision 41).
	traceDest = "Nats-Trace-Dest"
	traceOnly = "Nats-Trace-Only"

	// Types and kinds in the server's answer.
	traceIngress = "in"
	traceEgress  = "eg"
	kindClient   = 0
)

// topic is one subject of the mirror and whether anybody subscribes to it.
type topic struct {
	subject  string
	listened bool
	asked    time.Time
}

// topic returns that of the i-th event, asking anew when what is known of it is
// old. Elsewhere than with the embedded server the answer comes a moment later
// and is no until then. The caller holds the lock.
func (m *Mirror) topic(b *msg.Batch, i int, now time.Time) *topic {
	key := topicKey{b.Host, b.Events[i].Type}
	t := m.topics[key]
	if t == nil {
		if len(m.topics) >= topicsAtMost {
			clear(m.topics)
			clear(m.bySubject)
		}
		t = &topic{subject: msg.TailSubject(m.root, b.Host, b.Record(i).Name())}
		m.topics[key] = t
		m.bySubject[t.subject] = t
	}
	if m.inbox == "" {
		if now.Sub(t.asked) >= askEmbedded {
			t.asked = now
			t.listened = m.b.cfg.Server.ns.GlobalAccount().Interest(t.subject) > 0
		}
		return t
	}
	if now.Sub(t.asked) >= askRemote {
		t.asked = now
		probe := nats.Msg{Subject: t.subject, Header: nats.Header{traceDest: {m.inbox}, traceOnly: {"true"}}}
		if err := m.nc.PublishMsg(&probe); err != nil {
			t.listened = false // not connected
		}
	}
	return t
}

// traced reads what a server says of a probe: where it came in and each place
// it would have gone to. In a cluster several servers answer; only the one that
// the probe came to can say that it went nowhere.
func (m *Mirror) traced(reply *nats.Msg) {
	var trace struct {
		Events []struct {
			Type    string `json:"type"`
			Kind    int    `json:"kind"`
			Subject string `json:"subj"`
		} `json:"events"`
	}
	if err := json.Unmarshal(reply.Data, &trace); err != nil {
		m.b.log.Debug("nats: a trace cannot be read", "err", err)
		return
	}
	subject, origin, out := "", false, false
	for _, e := range trace.Events {
		switch e.Type {
		case traceIngress:
			subject, origin = e.Subject, e.Kind == kindClient
		case traceEgress:
			out = true
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if t := m.bySubject[subject]; t != nil && (out || origin) {
		t.listened = out
	}
}
