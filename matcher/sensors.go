package matcher

import (
	"context"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

// Rules that nobody wrote, about the sensors themselves. Who can stop or blind
// a sensor is not told of by it, so the matchers watch its signs of life.
const (
	silentRule   = "tripline-sensor-silent"
	stoppedRule  = "tripline-sensor-stopped"
	tamperedRule = "tripline-sensor-tampered"
	sensorEvent  = "sensor"
	sensorStage  = "sensor"
)

// Pulse is the signs of life of all stages.
type Pulse interface {
	// WatchHeartbeats calls f with every heartbeat, from one goroutine, until
	// the context ends.
	WatchHeartbeats(ctx context.Context, f func(msg.Heartbeat)) error
}

// Follow makes a sensor that falls silent, stops or is tampered with a
// detection. Call it before [Matcher.Run].
func (m *Matcher) Follow(p Pulse) { m.pulse = p }

// pulseRetry is how long to wait when the signs of life cannot be heard.
const pulseRetry = 10 * time.Second

// follow listens to the sensors until the context ends. It is no reason for the
// matcher to end that it cannot.
func (m *Matcher) follow(ctx context.Context) {
	s := newSensors(m.cfg.Silence)
	tell := func(all []*msg.Detection) {
		for _, d := range all {
			m.metrics.detections.add(1)
			done := func(err error) {
				if err != nil {
					m.log.Warn("what befell a sensor could not be stored", "rule", d.Rule.ID, "output", d.Output, "error", err)
				}
			}
			if err := m.pub.Publish(ctx, d, done); err != nil {
				done(err)
			}
		}
	}
	go func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case now := <-tick.C:
				tell(s.silent(now))
			}
		}
	}()
	for ctx.Err() == nil {
		err := m.pulse.WatchHeartbeats(ctx, func(h msg.Heartbeat) { tell(s.heard(h, time.Now())) })
		if ctx.Err() != nil {
			return
		}
		// What is not heard must not pass for silence.
		s.forget()
		m.log.Warn("cannot hear the sensors, trying again", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(pulseRetry):
		}
	}
}

// sensors knows when each sensor gave its last sign of life. Several matchers
// tell the same of the same sensor with the same id, so it is stored once.
type sensors struct {
	silence time.Duration

	mu   sync.Mutex
	seen map[string]*sensorLife
}

type sensorLife struct {
	beat  msg.Heartbeat // the last
	heard time.Time     // by the clock here
	told  map[string]bool
}

// maxSensors bounds what anybody could make a matcher remember.
const maxSensors = 1 << 14

func newSensors(silence time.Duration) *sensors {
	return &sensors{silence: silence, seen: make(map[string]*sensorLife)}
}

func (s *sensors) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.seen)
}

// heard takes a sign of life, and returns what it tells.
func (s *sensors) heard(h msg.Heartbeat, now time.Time) (out []*msg.Detection) {
	if h.Stage != sensorStage || s.silence == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := h.Host + "\x00" + h.Instance + "\x00" + h.Started.String()
	l := s.seen[key]
	if l == nil {
		if len(s.seen) >= maxSensors {
			clear(s.seen)
		}
		l = &sensorLife{told: make(map[string]bool)}
		s.seen[key] = l
	}
	l.beat, l.heard = h, now
	for _, what := range words(h.Detail[msg.DetailTampered]) {
		if !l.told[what] {
			l.told[what] = true
			out = append(out, sensorDetection(l, tamperedRule, "Sensor tampered with", msg.Critical, what,
				"Something of a sensor's in the kernel was changed or taken away by somebody else.",
				fmt.Sprintf("sensor on %s tampered with: %s", h.Host, what)))
		}
	}
	if ended, _ := h.Detail[msg.DetailEnded].(bool); ended {
		delete(s.seen, key)
		out = append(out, sensorDetection(l, stoppedRule, "Sensor stopped", msg.Notice, "",
			"A sensor was stopped in order: nothing is told of its host until it starts again.",
			fmt.Sprintf("sensor on %s stopped (process %d)", h.Host, h.PID)))
	}
	return out
}

// silent returns what there is to tell of sensors that are not heard of.
func (s *sensors) silent(now time.Time) (out []*msg.Detection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, l := range s.seen {
		if now.Sub(l.heard) < s.silence {
			continue
		}
		delete(s.seen, key)
		out = append(out, sensorDetection(l, silentRule, "Sensor silent", msg.Critical, "",
			"A sensor gives no sign of life and was not stopped in order: it was killed, or its connection was cut.",
			fmt.Sprintf("sensor on %s silent for %s (process %d)", l.beat.Host, s.silence, l.beat.PID)))
	}
	return out
}

func sensorDetection(l *sensorLife, id, name string, p msg.Priority, what, description, output string) *msg.Detection {
	h := l.beat
	d := fill(Rule{Info: msg.RuleInfo{ID: id, Name: name, Language: lossLang, Description: description}, Priority: p}, Finding{
		Output: output,
		Data: map[string]any{
			"instance": h.Instance, "pid": h.PID, "version": h.Version, "started": h.Started.UTC(), "last_seen": h.Time.UTC(), "tampered": what,
		},
	})
	sum := fnv.New64a()
	fmt.Fprintf(sum, "%s\x00%s", h.Instance, what)
	origin := &msg.Batch{Host: h.Host, BootId: h.Started.UTC().String(), Events: []*msg.Event{{Seq: sum.Sum64()}}}
	d.ID = msg.DetectionID(id, msg.Record{Batch: origin, Event: origin.Events[0]}, 0)
	d.Time, d.Host = h.Time.UTC(), h.Host
	d.Event = &msg.EventJSON{Host: d.Host, Time: d.Time, Name: sensorEvent, Args: []msg.ArgJSON{}}
	return d
}

// words reads a list of strings that came as JSON, or did not.
func words(v any) (out []string) {
	switch list := v.(type) {
	case []string:
		return list
	case []any:
		for _, x := range list {
			if s, ok := x.(string); ok {
				out = append(out, s)
			}
		}
	}
	return out
}
