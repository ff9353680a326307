// Package enricher is stage 2: it adds to every event who did it.
//
// Batches of one host come from tripline.raw.<host> in order; an ordered list
// of steps (process, container, user, … see enricher/builtin) completes their
// tables; the events leave as one batch for each partition. A partition is
// chosen by hashing the container, or outside of one the cgroup, so all events
// of one container or service are in one partition, in order.
//
// # Acknowledgement
//
// A raw batch is acknowledged when every part that it led to is stored. A part
// that is held back (below) keeps its raw batch unacknowledged, so a crash
// brings it again. A batch that comes again is enriched and published again;
// its events have the same identity, which is what readers go by.
//
// # Holding back
//
// A step that is a [Waiter] may say that it is about to know more of a
// container. The events of that container then wait, in order, for at most
// [Config.HoldFor] and within [Config.HoldEvents]; after that they go on with
// what is known. Other containers and the host never wait.
//
// # Amendments
//
// When more becomes known of a container whose events have gone on without it,
// a batch without events but with an amendment ([msg.Amendment]) follows in the
// container's partition, so that whoever keeps such events may complete them.
// Whoever publishes batches may say it in other forms, too ([msg.AmendmentJSON]).
// There is one for each step from nothing over partial to complete. How many
// containers are remembered for that is bounded by [Config.Amendments]; a stage
// that is started again does not know what its predecessor owed.
//
// # Loss
//
// The sequence numbers of raw batches follow one another within a boot. A gap
// is what the stream discarded before this stage read it: it is counted and
// travels on as a drop with the cause "stream". Which types the lost events had
// is unknown, so the type of such a drop means nothing. Drops that the sensor
// reports pass through unchanged.
//
// After a restart the steps rebuild what they knew from what the raw stream
// still holds from before, then from /proc.
package enricher
