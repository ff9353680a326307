// Package msg is the contract between Tripline's stages: what passes over the
// subjects, how it is encoded, and what the events are called.
//
// # What travels where
//
//	tripline.raw.<host>                           [Batch], from the sensor
//	tripline.events.<host>.<partition>            [Batch], enriched
//	tripline.detections.<priority>.<host>.<rule>  [Detection], JSON
//	tripline.dead.<sink>                          [DeadLetter], JSON
//	tripline.tail.raw.<host>.<event>              [EventJSON], one event a message
//	tripline.tail.events.<host>.<event>           the same, enriched
//	tripline.amendments.<host>                    [AmendmentJSON]
//	tripline.health.<stage>.<instance>            [Heartbeat], JSON
//	tripline.flow.raw.<host>                      how far the enricher is
//	tripline.flow.events.<partition>              how far the matchers are
//
// The binary form is protobuf (tripline.proto) in a frame of its own, see
// [Marshal]. Names of events and their arguments are in package catalogue.
//
// # Promise
//
// Version 1 stays readable. Fields of the protobuf and of the JSON forms may
// be added, never renumbered, renamed or given another meaning; catalogue ids
// and argument positions stay, new arguments come last. A reader ignores what
// it does not know. The files in testdata/v1 freeze this: a test fails when
// they no longer decode to the same values.
//
// # Text
//
// Names, arguments and paths are the bytes that the kernel has, which need not
// be UTF-8. A reader in another language that insists on UTF-8 in protobuf
// strings declares those fields as bytes; the encoding is the same. The JSON
// forms replace what is not UTF-8 by U+FFFD.
//
// # Sharing
//
// A Batch is written by one owner at a time and read-only once handed over.
// Strings of a batch decoded by [Unmarshal] share the memory of the message
// they came in: whoever keeps one for long clones it.
package msg
