// Package pagerduty is a sink that triggers an incident in PagerDuty for each
// detection (Events API v2).
//
//   - name: pager
//     type: pagerduty
//     routing_key_file: /run/secrets/pagerduty
//
// Detections of one rule on one host in one container have one dedup_key, so
// that repetitions are one incident; nothing is resolved, since a detection is
// an event and not a state. Texts are plain and shown as such; control and
// invisible characters are shown as escapes, and an event is cut below the 512
// kB that PagerDuty takes.
//
// 202 is success, 400 is final, 429 and 5xx are tried again.
// See https://developer.pagerduty.com/docs/events-api-v2-overview.
package pagerduty
