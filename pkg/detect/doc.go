// Package detect is the public interface for rules written in Go.
//
// Its names and shapes are those that authors of signatures for Tracee 0.7
// know, so that such a signature compiles after nothing but its import paths
// is changed:
//
//	github.com/aquasecurity/tracee/types/detect        → github.com/tripline/tripline/pkg/detect
//	github.com/aquasecurity/tracee/types/protocol      → …/pkg/detect/protocol
//	github.com/aquasecurity/tracee/types/trace         → …/pkg/detect/trace
//	github.com/aquasecurity/tracee/signatures/helpers  → …/pkg/detect/helpers
//
// # Life of a signature
//
// The matcher keeps an instance for each partition of the event stream and
// makes it with the constructor that the signature is registered by. All
// events of one container or service are in one partition, in order, so a
// signature may remember what it saw; it does not see what happened in other
// partitions. Calls to one instance never overlap:
//
//	GetMetadata, GetSelectedEvents   once, of an instance of their own, when rules are loaded
//	Init                             before the first event
//	OnEvent                          for every event that a selector chooses, once, in order
//	OnSignal                         with SignalSourceComplete when the input is a file and has ended
//	Close                            when the rule is unloaded or its partition has moved away
//
// When a partition moves to another process, what was remembered of it is gone,
// unless the signature is [Windowed]: then its instance there is shown the last
// events again before the next one.
//
// A finding is reported by calling the handler that Init received, during
// OnEvent or OnSignal. One that comes later, from a goroutine of the
// signature's own, is reported with the next event that the instance sees.
//
// An error or a panic is counted against the signature, which is disabled when
// there are too many; other rules go on.
//
// # Where it runs
//
// Signatures are compiled into Tripline, by the list in rules/golang, or make a
// program of one's own, which joins a running Tripline as one more matcher: see
// package [github.com/tripline/tripline/pkg/detect/standalone].
//
// # Promise
//
// What is exported here is not renamed or removed, and no method is added to
// [Signature], within a major version.
package detect
