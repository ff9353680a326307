// Package telemetry is how a process tells its operator about itself: log
// lines, Prometheus metrics, and the HTTP pages /metrics, /healthz and
// /readyz.
//
// Nothing here is global: the logger and the registry are made once by the
// command and handed to whoever needs them.
package telemetry
