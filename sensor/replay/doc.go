// Package replay is a source that reads batches from a file, and the writer
// that records them.
//
// # The file
//
// A recording begins with eight bytes, "TLREC", a zero byte, the version of
// the format (1) and a line end. After it come records: four bytes with the
// length of a frame, four with its CRC-32C, both little endian, and the frame
// as [msg.Marshal] makes it, compressed. A recording that was cut off in the middle of a record, because
// the recorder was killed, is read up to there.
//
// # What is replayed
//
// The events keep their times, processes and arguments; host, boot id and
// sequence numbers are given by the sensor that replays them, so a replay is
// new to whoever reads the stream and is not taken for the original.
package replay
