// Package loki is a sink that pushes detections to Grafana Loki, many with one
// request.
//
//   - name: logs
//     type: loki
//     url: https://loki:3100
//     tenant: security
//     labels: {cluster: eu-1}
//
// A stream has the labels job (tripline), host, rule, priority and those
// configured. They are few on purpose: what a traced process calls itself is
// in the line, which is the detection's JSON, safe for a terminal; filter it
// with | json. The time of an entry is that of the event.
//
// Loki answers 204 when it has all of a request. When it refuses one for good
// (400: too old, too long), the detections are pushed one by one, so that only
// those that it means become dead letters.
// See https://grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs.
package loki
