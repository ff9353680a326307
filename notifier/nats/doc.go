// Package nats is a sink that publishes each detection on a subject of one's
// own, over the connection that the notifier has anyway.
//
//   - name: siem
//     type: nats
//     subject: security.{{.Host | subject}}.{{.Priority}}
//     stored: true
//
// The subject is a template over the detection; what a traced process controls
// belongs through the function subject, which escapes what has a meaning in
// subjects. Subjects of the stages themselves, tripline.>, are refused. The
// payload is the detection's JSON, byte for byte as it is stored, or what
// format says. The header Nats-Msg-Id is the detection's id.
//
// With stored the message counts as delivered when a stream there has it;
// otherwise when the server has it, and nobody may listen.
//
// A notifier that holds only its own key needs leave to publish there: see
// the command that writes the servers' files.
package nats
