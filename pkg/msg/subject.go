package msg

import (
	"strconv"
	"strings"
)

// Roots of the subject tree. A stage is permitted its own roots only.
const (
	SubjectRaw        = "tripline.raw"
	SubjectEvents     = "tripline.events"
	SubjectDetections = "tripline.detections"
	SubjectDead       = "tripline.dead"
	SubjectTailRaw    = "tripline.tail.raw"
	SubjectTailEvents = "tripline.tail.events"
	SubjectHealth     = "tripline.health"
	// SubjectAmendments is where it says in JSON what became known of containers
	// late: tripline.amendments.<host>.
	SubjectAmendments = "tripline.amendments"
	// SubjectFlow is where readers of batches say how far they are, a sequence
	// number of the stream in decimal, and a space and the JetStream domain where
	// there is one: tripline.flow.raw.<host> and tripline.flow.events.<partition>.
	SubjectFlow = "tripline.flow"

	// BucketDemand and BucketRules name the key-value buckets.
	BucketDemand = "tripline_demand"
	BucketRules  = "tripline_rules"
)

// RawSubject is where the sensor of host publishes.
func RawSubject(host string) string { return SubjectRaw + "." + Token(host) }

// EventsSubject is where the enricher of host publishes one partition.
func EventsSubject(host string, partition uint32) string {
	return SubjectEvents + "." + Token(host) + "." + strconv.FormatUint(uint64(partition), 10)
}

// DetectionSubject is where a matcher publishes a detection.
func DetectionSubject(p Priority, host, rule string) string {
	return SubjectDetections + "." + p.String() + "." + Token(host) + "." + Token(rule)
}

// DeadSubject is where the dead letters of a sink go.
func DeadSubject(sink string) string { return SubjectDead + "." + Token(sink) }

// AmendmentsSubject is where the enricher of host says what became known late.
func AmendmentsSubject(host string) string { return SubjectAmendments + "." + Token(host) }

// HealthSubject is where one instance of a stage publishes its heartbeat.
func HealthSubject(stage, instance string) string {
	return SubjectHealth + "." + Token(stage) + "." + Token(instance)
}

// TailSubject is where the live mirror shows one event; root is
// [SubjectTailRaw] or [SubjectTailEvents].
func TailSubject(root, host, event string) string {
	return root + "." + Token(host) + "." + Token(event)
}

const hexDigits = "0123456789ABCDEF"

// Token makes any name a subject token, reversibly: letters, digits, '-' and
// '_' stand for themselves, every other byte is '=' and two hex digits, and
// the empty name is a single '='.
func Token(name string) string {
	if name == "" {
		return "="
	}
	safe := true
	for i := 0; i < len(name) && safe; i++ {
		safe = plain(name[i])
	}
	if safe {
		return name
	}
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		if c := name[i]; plain(c) {
			b.WriteByte(c)
		} else {
			b.WriteByte('=')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
	}
	return b.String()
}

// Untoken is the inverse of [Token]; ok is false for what Token never makes.
func Untoken(token string) (name string, ok bool) {
	if token == "=" {
		return "", true
	}
	if token == "" {
		return "", false
	}
	var b strings.Builder
	for i := 0; i < len(token); i++ {
		c := token[i]
		switch {
		case plain(c):
			b.WriteByte(c)
		case c == '=' && i+2 < len(token):
			hi, lo := strings.IndexByte(hexDigits, token[i+1]), strings.IndexByte(hexDigits, token[i+2])
			if hi < 0 || lo < 0 || plain(byte(hi<<4|lo)) {
				return "", false
			}
			b.WriteByte(byte(hi<<4 | lo))
			i += 2
		default:
			return "", false
		}
	}
	return b.String(), true
}

func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}
