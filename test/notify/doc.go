// Package notify tests the notifier against a real NATS server and receivers
// that have a bad day, and measures how many detections a second it writes.
package notify
