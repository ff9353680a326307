// Package faults runs the pipeline as operators do, one process for each stage,
// and breaks it: processes are killed and stopped, their network is cut or goes
// silent, the disk is full. Meanwhile markers are made, each of which must lead
// to exactly one detection of a rule that one event decides and to its share of
// those of rules that count; what came out is held against what was made.
//
// # What is counted
//
// A marker is a program started with an argument of its own, in one of several
// control groups, so that they are spread over the partitions. The sensor is the
// real one, on the real kernel. While it is dead nobody watches, so markers that
// were made around that time and not seen are counted apart, as unwatched; what
// the rules that count have to find is worked out from the markers seen.
//
// # What cannot be broken here
//
// The wall clock is one for the whole machine (time namespaces do not cover
// CLOCK_REALTIME), so a test that steps it would break its neighbours: it is
// left alone.
//
// # Running
//
// make test-faults runs a short, seeded round. TRIPLINE_FAULTS_SEED and
// TRIPLINE_FAULTS_FOR choose another; the same seed gives the same faults at
// the same times.
package faults
