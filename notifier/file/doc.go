// Package file is a sink that appends detections to a file, as JSON lines
// unless configured otherwise, and rotates it by size.
//
// A detection is written whole or not at all: what a full disk cut off is
// taken back before the delivery is tried again, and so is, where lines are JSON,
// what a crash cut off. From JSON lines the sink also knows what it has taken
// before, so nothing is written twice after a crash. When somebody else moves the
// file away (logrotate), a new one is begun within a second.
package file
