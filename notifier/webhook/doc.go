// Package webhook is a sink that POSTs each detection to a URL: as the JSON
// of the detection, or as whatever a template makes of it.
//
// # Payloads
//
// Built in are detection, the detection as JSON; cloudevents, a CloudEvent 1.0
// in structured mode, whose data is the detection; and falcosidekick, the JSON
// that Falco writes, so that Falcosidekick and what else takes Falco's alerts
// take ours:
//
//   - name: sidekick
//     type: webhook
//     url: http://falcosidekick:2801/
//     payload: falcosidekick
//
// All are JSON, in the latter two without control or invisible characters; a
// template sees to its own escaping (toJson, html, terminal).
//
// # Requests
//
// A request carries the detection's id in the header Tripline-Detection-Id, by
// which a receiver can tell a repetition. 2xx is success; 5xx, 408, 425, 429,
// time-outs and broken connections are tried again, after what Retry-After
// asks for; everything else is final. Redirects are not followed.
package webhook
