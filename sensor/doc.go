// Package sensor is stage 1: it publishes what processes do.
//
// A [Source] makes batches (sensor/ebpf from the kernel, sensor/replay from a
// file); the stage numbers their events, puts them on tripline.raw.<host> and
// tells the source which events anybody needs.
//
// # Never waiting
//
// The source never waits for NATS. Between it and the publisher lies a queue
// bounded in events and bytes. When it is full, events go by class (first
// system calls, then what the kernel says about security and the network, last
// lifecycle events, for the process table depends on them) and within a class
// the most frequent event type goes first, oldest first. But before that goes
// what one process has too much of, whatever its class (lifecycle events
// excepted): a flood pushes out itself and not the rare event beside it. What
// goes is counted by event type and travels in the next batch (msg.Batch.Drops)
// and in the heartbeat.
//
// With [Config.SpillDir] what does not fit into memory waits in files, and events
// go when these are full, too. What is in files when the sensor stops, or
// crashes, is published by the next one of the same boot.
//
// # Environments
//
// The environment of a process holds passwords and tokens. Of every batch the
// stage takes out, before it waits or travels anywhere, all variables but those
// whose names somebody asks for ([msg.Demand]); the batch says which those are.
//
// # Numbers
//
// Events are numbered when they leave the queue, so what the queue dropped
// leaves no gap: it is in Drops instead. A gap between the last_seq of one
// batch and the first_seq of the next is what was lost after that, in the
// stream. Numbers start at the boot clock in units of 128 ns ([FirstSeq]), so
// a sensor that is started again in the same boot begins above every number
// used before, as long as it published fewer than 7.8 million events a second
// on average, and a number stays below 2^53 for 36 years.
//
// The first batch of every sensor is a marker without events and drops, whose
// last_seq is first_seq-1: numbering goes on from there, and the distance to
// what came before is no loss. A batch without events but with drops has the
// same empty range and follows its predecessor without a gap.
//
// # Stopping
//
// When the context ends the source stops, then what the queue holds is
// published, for a bounded time, and the outcome of every batch under way is
// awaited. What could not be published is counted as lost.
package sensor
