// Package render turns detections into text: Go templates with a hermetic set
// of functions, the layouts that users of Tracee and Falco know, and the
// escaping that keeps what a traced process calls itself from being more than
// text where it is shown.
//
// A template sees a [msg.Detection] as its dot, and beside its fields those of
// a finding of Tracee 0.7: .SigMetadata, .Event.Payload. Its functions read
// nothing but their arguments: no environment, no files, no network, no clock
// (now is when the detection was found). Output is bounded.
package render
