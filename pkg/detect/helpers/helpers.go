// Package helpers has what signatures written in Go often need.
package helpers

import (
	"fmt"
	"strings"

	"github.com/tripline/tripline/pkg/detect/trace"
)

// GetTraceeArgumentByName returns the argument of that name; the error says
// that the event has none.
func GetTraceeArgumentByName(event trace.Event, argName string) (trace.Argument, error) {
	for i := range event.Args {
		if event.Args[i].Name == argName {
			return event.Args[i], nil
		}
	}
	return trace.Argument{}, fmt.Errorf("event %s has no argument %q", event.EventName, argName)
}

// GetTraceeStringArgumentByName returns the argument of that name, which must
// be a string.
func GetTraceeStringArgumentByName(event trace.Event, argName string) (string, error) {
	return typed[string](event, argName)
}

// GetTraceeSliceStringArgumentByName returns the argument of that name, which
// must be a list of strings (argv, envp).
func GetTraceeSliceStringArgumentByName(event trace.Event, argName string) ([]string, error) {
	return typed[[]string](event, argName)
}

// GetTraceeBytesSliceArgumentByName returns the argument of that name, which
// must be bytes.
func GetTraceeBytesSliceArgumentByName(event trace.Event, argName string) ([]byte, error) {
	return typed[[]byte](event, argName)
}

// GetRawAddrArgumentByName returns the argument of that name, which must be a
// socket address; see [trace.Argument] for its keys.
func GetRawAddrArgumentByName(event trace.Event, argName string) (map[string]string, error) {
	return typed[map[string]string](event, argName)
}

// GetTraceeIntArgumentByName returns the argument of that name, which must be
// a number of any size. An unsigned number above the largest int wraps.
func GetTraceeIntArgumentByName(event trace.Event, argName string) (int, error) {
	arg, err := GetTraceeArgumentByName(event, argName)
	if err != nil {
		return 0, err
	}
	switch n := arg.Value.(type) {
	case int32:
		return int(n), nil
	case uint32:
		return int(n), nil
	case int64:
		return int(n), nil
	case uint64:
		return int(n), nil
	case uint16:
		return int(n), nil
	default:
		return 0, wrongType(event, argName, arg.Value, "a number")
	}
}

// IsFileWrite says whether the open flags, as text, allow writing.
func IsFileWrite(flags string) bool {
	f := strings.ToLower(flags)
	return strings.Contains(f, "o_wronly") || strings.Contains(f, "o_rdwr")
}

// IsFileRead says whether the open flags, as text, allow reading.
func IsFileRead(flags string) bool {
	f := strings.ToLower(flags)
	return strings.Contains(f, "o_rdonly") || strings.Contains(f, "o_rdwr")
}

// IsElf says whether the bytes begin as an ELF file does.
func IsElf(bytesArray []byte) bool {
	return len(bytesArray) >= 4 && string(bytesArray[:4]) == "\x7fELF"
}

// IsMemoryPath says whether the path is in memory only: a memfd, or below
// /dev/shm or /run/shm.
func IsMemoryPath(pathname string) bool {
	for _, prefix := range []string{"memfd:", "/dev/shm/", "/run/shm/"} {
		if strings.HasPrefix(pathname, prefix) {
			return true
		}
	}
	return false
}

func typed[T any](event trace.Event, argName string) (T, error) {
	var zero T
	arg, err := GetTraceeArgumentByName(event, argName)
	if err != nil {
		return zero, err
	}
	v, ok := arg.Value.(T)
	if !ok {
		return zero, wrongType(event, argName, arg.Value, fmt.Sprintf("%T", zero))
	}
	return v, nil
}

func wrongType(event trace.Event, argName string, value any, want string) error {
	return fmt.Errorf("argument %q of event %s is %T, expected %s", argName, event.EventName, value, want)
}
