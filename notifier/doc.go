// Package notifier is stage 4: it tells people.
//
// Every configured [Sink] reads the detections through a durable consumer of
// its own, so a slow or dead sink never delays another. A detection is
// acknowledged after the sink has taken it; one that a sink refuses for good,
// or for too long, becomes a dead letter with the reason.
package notifier
