// Package bus carries what the stages say to each other, over NATS. It is the
// only package that imports NATS: the stages declare the small interfaces they
// need, and the types here have those methods.
//
// [Embed] runs a NATS server with JetStream inside the process; [Connect]
// joins that server or any other and makes sure that the streams exist.
//
// # What is promised
//
// Batches and detections are delivered at least once. A receiver answers for
// each message through [msg.Delivery.Ack], after everything that the message
// led to is stored; what was not answered when its receiver died is delivered
// again.
//
// Raw batches arrive in order per host, enriched ones in order per host and
// partition. Three places keep it so:
//
//   - Publishing. Messages are sent without waiting for the ones before, up to
//     a window. When one is not confirmed, the publisher stops sending, waits
//     for the fate of everything under way, and sends what failed again, one
//     at a time and in the old order, before anything new. A lost connection
//     loses the end of what was under way and nothing from the middle, because
//     nothing is buffered while it is away; so what was stored is always a
//     prefix, and message ids make a second sending harmless. Two cases are left
//     in which a later message can come first, by at most the window, and a
//     window of 1 rules them out: a server that refuses one message and takes
//     the next on the same connection (a change of leader in a cluster), and a
//     goroutine that stands still between looking at the connection and
//     sending, for as long as the client takes to find another server (200 ms
//     and more with one server; less in a cluster).
//   - [RawConsumer]. A consumer of JetStream hands out later messages first
//     when some in the middle were not answered. So every start, every
//     reconnection, every gap and every negative answer opens a new consumer
//     behind the last batch that was answered, under a new number, and deletes
//     the old one. What the process already holds is not handed out twice, and
//     a forgotten process that still reads under an old number is shut out.
//   - [PartitionConsumer]. Each partition is one durable, pinned consumer with
//     one message under way.
//
// # Who waits for whom
//
// Publish blocks while the window is full, and so also while NATS is away:
// that is the back-pressure, and dropping is the caller's decision. Batches are
// also held back while their readers live and are a quarter of the stream behind
// (type flow), for a stream that is full discards the oldest, whatever it is. Ack never
// blocks. The mirror for people ([Mirror]) never blocks either: it has its own
// connection and a bounded queue, and what does not fit is dropped and counted.
// Callbacks given to Publish run on the publisher's goroutine and must be quick.
package bus
