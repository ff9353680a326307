// Package enricher is stage 2: it adds to every event who did it.
//
// Batches of one host come from tripline.raw.<host> in order; an ordered list
// of steps (process, user, container, … see enricher/builtin) completes their
// tables; the events leave as one batch for each partition. A partition is
// chosen by hashing the cgroup, so all events of one container are in one
// partition, in order.
//
// A raw batch is acknowledged when all that it led to is stored. After a
// restart the process table is rebuilt from what the raw stream still holds
// from before, then from /proc.
package enricher
