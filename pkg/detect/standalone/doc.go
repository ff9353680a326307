// Package standalone makes a program of signatures written in Go. It joins a
// running Tripline as one more matcher:
//
//	func main() { standalone.Main(NewMySignature) }
//
//	./my-rules -nats nats://hub:4222
//
// The program tells the sensors which events it needs, gets every event of every
// host, whatever other matchers do, and stores what it finds among all other
// detections, where the notifier finds it. Several processes of one program
// share the work; one that is killed or stopped is resumed where it was, by
// another or by its successor, and repeated findings are stored once. What a
// program is known by is its group, its own file's name unless -group says
// otherwise.
//
// It stands apart from package detect because it brings the matcher and NATS
// with it, which a package of signatures does not need.
package standalone
