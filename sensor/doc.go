// Package sensor is stage 1: it publishes what processes do.
//
// A [Source] makes batches (sensor/ebpf from the kernel, sensor/replay from a
// file); the stage numbers their events, puts them on tripline.raw.<host> and
// tells the source which events anybody needs.
//
// The source never waits for NATS. Between it and the publisher lies a bounded
// queue; when that is full the events least needed go first, and what goes is
// counted by event type and travels in the next batch (msg.Batch.Drops) and in
// the heartbeat. Lifecycle events go last, for the process table depends on
// them.
package sensor
