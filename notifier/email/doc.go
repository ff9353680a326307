// Package email is a sink that sends each detection as a message by SMTP.
//
//   - name: mail
//     type: email
//     host: mail.example.org
//     port: 587
//     username: tripline
//     password_file: /run/secrets/smtp-password
//     from: Tripline <tripline@example.org>
//     to: [soc@example.org]
//
// Messages are plain text: there is no markup that could be obeyed. Control,
// invisible and direction-changing characters are shown as escapes, so nothing
// that a traced process calls itself begins a line or a header. Message-ID is
// made from the detection's id, and Auto-Submitted keeps holiday replies away.
// X-Tripline-Rule and -Priority are for filters.
//
// # Answers
//
// The message counts as delivered when the server has answered 250 to it. 4xx
// is tried again, 5xx is final (RFC 5321, 4.2.1); a server that does not accept
// the credentials, or does not offer TLS where it is asked for, is tried again,
// since that is not the message's fault.
package email
