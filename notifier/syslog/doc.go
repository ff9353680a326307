// Package syslog is a sink that sends each detection as a message of RFC 5424,
// over UDP (RFC 5426), TCP (RFC 6587) or TLS (RFC 5425).
//
//   - name: siem
//     type: syslog
//     network: tls
//     address: logs.example.org:6514
//     tls: {ca_file: /etc/tripline/ca.pem}
//
// # The message
//
// The severity is the detection's priority: both scales are syslog's. The
// header has the event's time with microseconds, the host of the detection,
// the application name, the process id and, as message id, the rule's id.
// Structured data under the configured name carries id, rule, event, process,
// container and pod. The text is the rule's name and output, or what a
// template writes; it is one line of UTF-8 without a byte order mark, which
// RFC 5424 allows and which logs do not show as rubbish.
//
// # Escaping
//
// Header fields become printable ASCII with _ for anything else, values in
// structured data have ", \ and ] escaped, and control, invisible and
// direction-changing characters are shown as escapes everywhere: nothing in a
// detection can end a message or begin another. JSON from a template stays
// JSON. A message is cut to max_bytes.
//
// # What delivered means
//
// Syslog has no acknowledgements. Over TCP and TLS a message counts as
// delivered when the system has taken it for a connection that the receiver
// has not closed; what is on its way when a connection breaks is lost, and a
// receiver that refuses our certificate may be noticed one message late. Over
// UDP a closed port is noticed at the next message, and nothing else is.
package syslog
