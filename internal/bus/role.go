package bus

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tripline/tripline/pkg/msg"
)

// Role is what the holder of one key may do: the work of one stage, on one
// host where the stage is of a host.
type Role struct {
	// Kind is one of [RoleKinds].
	Kind string
	// Host is whose events the role publishes; "" for the kinds that have none.
	Host string
}

// The kinds of roles.
const (
	RoleSensor   = "sensor"   // publishes the raw events of its host, reads demand
	RoleEnricher = "enricher" // reads the raw events of its host, publishes enriched ones
	RoleAgent    = "agent"    // both in one process, as on most hosts
	RoleMatcher  = "matcher"  // reads enriched events, publishes detections and demand
	RoleNotifier = "notifier" // reads detections, publishes and reads dead letters
	RoleTail     = "tail"     // people: sees live events, detections and state; asks for events
	RoleAdmin    = "admin"    // makes the streams; may do everything
)

// RoleKinds lists the kinds; perHost says which are of one host.
func RoleKinds() (kinds []string, perHost map[string]bool) {
	return []string{RoleSensor, RoleEnricher, RoleAgent, RoleMatcher, RoleNotifier, RoleTail, RoleAdmin},
		map[string]bool{RoleSensor: true, RoleEnricher: true, RoleAgent: true}
}

// String is a name for files: "sensor-host.example", "matcher".
func (r Role) String() string {
	if r.Host == "" {
		return r.Kind
	}
	return r.Kind + "-" + r.Host
}

// Permissions lists the subjects that the role may publish to and subscribe,
// when replies to it go below inbox. JetStream's requests are subjects too,
// named as in NATS architecture decision 2 and its reference of the JetStream
// wire API.
func (r Role) Permissions(inbox string) (publish, subscribe []string, err error) {
	kinds, perHost := RoleKinds()
	if !slices.Contains(kinds, r.Kind) {
		return nil, nil, fmt.Errorf("role %q: expected one of %s", r.Kind, strings.Join(kinds, ", "))
	}
	if perHost[r.Kind] != (r.Host != "") {
		return nil, nil, fmt.Errorf("role %q, host %q: sensor, enricher and agent are of one host, the others of none", r.Kind, r.Host)
	}
	if r.Kind == RoleAdmin {
		return []string{">"}, []string{">"}, nil
	}
	p := permissions{publish: look(), subscribe: []string{inbox + ".>", msg.SubjectHealth + ".>"}}
	host := msg.Token(r.Host)
	switch r.Kind {
	case RoleSensor:
		p.sensor(host)
	case RoleEnricher:
		p.enricher(host)
	case RoleAgent:
		p.sensor(host)
		p.enricher(host)
	case RoleMatcher:
		p.matcher()
	case RoleNotifier:
		p.notifier()
	case RoleTail:
		p.tail()
	}
	if perHost[r.Kind] {
		// The server says for a stage where its trace of a message goes only if
		// the stage itself could send it there.
		p.add(inbox + ".>")
	}
	slices.Sort(p.publish)
	return slices.Compact(p.publish), p.subscribe, nil
}

type permissions struct{ publish, subscribe []string }

func (p *permissions) sensor(host string) {
	p.add(
		msg.SubjectRaw+"."+host,
		msg.SubjectTailRaw+"."+host+".*",
		msg.SubjectHealth+"."+RoleSensor+".*",
		key(msg.BucketDemand, "configured.*"),
	)
	p.subscribe = append(p.subscribe, msg.SubjectFlow+".raw."+host)
	p.watch(msg.BucketDemand)
}

func (p *permissions) enricher(host string) {
	p.add(
		msg.SubjectEvents+"."+host+".*",
		msg.SubjectTailEvents+"."+host+".*",
		msg.SubjectAmendments+"."+host,
		msg.SubjectHealth+"."+RoleEnricher+".*",
		msg.SubjectFlow+".raw."+host,
	)
	p.subscribe = append(p.subscribe, eventsFlow("*"))
	p.consume(StreamRaw, msg.RawSubject(host))
}

func (p *permissions) matcher() {
	p.add(
		msg.SubjectDetections+".>",
		msg.SubjectHealth+"."+RoleMatcher+".*",
		key(msg.BucketDemand, RoleMatcher+".*"),
		key(bucketMatchers, ">"),
		eventsFlow("*"),
		// To read back what was found lately.
		api("CONSUMER.CREATE", StreamDetections, ">"), api("CONSUMER.MSG.NEXT", StreamDetections, "*"),
	)
	p.consume(StreamEvents, msg.SubjectEvents+".>")
	p.add(api("CONSUMER.UNPIN", StreamEvents, "*"))
	p.watch(bucketMatchers)
	p.watch(msg.BucketRules)
}

func (p *permissions) notifier() {
	p.add(
		msg.SubjectDead+".*",
		msg.SubjectHealth+"."+RoleNotifier+".*",
	)
	p.subscribe = append(p.subscribe, msg.SubjectAmendments+".*")
	p.consume(StreamDetections, "")
	// To look at what could not be delivered, and to send it again.
	p.consume(StreamDead, msg.SubjectDead+".*")
	p.add(api("STREAM.MSG.GET", StreamDead), api("DIRECT.GET", StreamDead), api("STREAM.MSG.DELETE", StreamDead))
}

func (p *permissions) tail() {
	p.subscribe = append(p.subscribe, msg.SubjectAmendments+".*", msg.SubjectTailRaw+".>", msg.SubjectTailEvents+".>", msg.SubjectRaw+".>", msg.SubjectEvents+".>", msg.SubjectDetections+".>", msg.SubjectDead+".>")
	p.add(key(msg.BucketDemand, RoleTail+".*"), key(msg.BucketDemand, "record.*"))
	p.watch(msg.BucketDemand)
	p.watch(bucketMatchers)
	for _, stream := range []string{StreamRaw, StreamEvents, StreamDetections, StreamDead} {
		p.add(api("CONSUMER.LIST", stream), api("CONSUMER.NAMES", stream), api("CONSUMER.INFO", stream, "*"))
	}
}

func (p *permissions) add(subjects ...string) { p.publish = append(p.publish, subjects...) }

// consume permits consumers of a stream that see no other subject than filter,
// and answering for what they deliver.
func (p *permissions) consume(stream, filter string) {
	create := api("CONSUMER.CREATE", stream, "*")
	if filter != "" {
		create += "." + filter
	}
	p.add(create,
		api("CONSUMER.INFO", stream, "*"), api("CONSUMER.LIST", stream), api("CONSUMER.NAMES", stream),
		api("CONSUMER.DELETE", stream, "*"), api("CONSUMER.MSG.NEXT", stream, "*"),
		"$JS.ACK."+stream+".>", "$JS.FC."+stream+".>")
}

// watch permits following the keys of a bucket.
func (p *permissions) watch(bucket string) {
	stream := "KV_" + bucket
	p.add(api("CONSUMER.CREATE", stream, "*", key(bucket, ">")),
		api("CONSUMER.INFO", stream, "*"), api("CONSUMER.DELETE", stream, "*"),
		"$JS.API.DIRECT.GET."+stream+".>", "$JS.FC."+stream+".>")
}

// look permits asking what streams there are, which every stage does when it
// starts.
func look() (out []string) {
	for _, stream := range []string{StreamRaw, StreamEvents, StreamDetections, StreamDead, "KV_" + msg.BucketDemand, "KV_" + msg.BucketRules, "KV_" + bucketMatchers} {
		out = append(out, api("STREAM.INFO", stream))
	}
	return out
}

func api(parts ...string) string { return "$JS.API." + strings.Join(parts, ".") }

func key(bucket, key string) string { return "$KV." + bucket + "." + key }
