// Package webhook is a sink that POSTs each detection to a URL: as the JSON
// of the detection, or as whatever a template makes of it.
//
// A request carries the detection's id in the header Tripline-Detection-Id, by
// which a receiver can tell a repetition. 2xx is success; 5xx, 408, 425, 429,
// time-outs and broken connections are tried again, after what Retry-After
// asks for; everything else is final. Redirects are not followed.
package webhook
