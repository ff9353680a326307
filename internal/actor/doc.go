// Package actor runs the parts of a process together and stops them in order.
//
// # Starting
//
// Groups are given in the order of the stream: what makes events first, what
// everybody depends on last. They are started the other way round, so that a
// producer finds its consumers and its server there. Starting does not wait
// for readiness: whoever needs something that is not there yet waits for it.
//
// # Stopping
//
// When the context ends, or an actor fails, or one marked [Actor.Final] has
// done its work, the groups are stopped in the order in which they were given,
// one after the other, and within a group all at once:
//
//  1. Each actor's Drain, if it has one, is called: it returns when nothing is
//     left of what the groups before, now silent, have handed on. It is skipped
//     when an actor has failed, because what it waits for may then never come.
//  2. The actor's context is cancelled. It finishes what it holds and returns.
//
// Drain and the return are given [Actor.Grace] each. An actor that does not
// return in time is named in the error and left behind; the groups after it
// are still stopped in order. So the sensor goes quiet first, the enricher
// works off what the sensor published, then the matcher, then the notifier,
// and the server they talk over is the last to go.
//
// # Failing
//
// The first failure stops everything and is what Run returns, with the name
// of the actor; failures during the stop that it causes are logged. A panic is
// a failure whose stack is logged. An actor that returns nil by itself is
// done, and the others go on.
//
// # Readiness
//
// [Set.NotReady] collects what the actors say about themselves; a set is ready
// when every actor has been started and none objects.
package actor
