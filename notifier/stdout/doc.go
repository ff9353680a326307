// Package stdout is a sink that prints detections: in the layout of
// tracee-rules, as JSON lines, as Falco's lines, or as a template has it. What
// traced processes control is escaped, so it cannot drive the terminal or
// forge a line.
package stdout
