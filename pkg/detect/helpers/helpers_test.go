package helpers_test

import (
	"reflect"
	"testing"

	"github.com/tripline/tripline/pkg/detect/helpers"
	"github.com/tripline/tripline/pkg/detect/trace"
)

func event(value any) trace.Event {
	return trace.Event{EventName: "e", Args: []trace.Argument{
		{ArgMeta: trace.ArgMeta{Name: "other"}, Value: "no"},
		{ArgMeta: trace.ArgMeta{Name: "arg", Type: "t"}, Value: value},
	}}
}

func TestArguments(t *testing.T) {
	for _, c := range []struct {
		name  string
		get   func(e trace.Event) (any, error)
		value any
		want  any // nil for an error
	}{
		{"any", func(e trace.Event) (any, error) {
			a, err := helpers.GetTraceeArgumentByName(e, "arg")
			return a.Value, err
		}, int32(1), int32(1)},
		{"string", func(e trace.Event) (any, error) { return helpers.GetTraceeStringArgumentByName(e, "arg") }, "x", "x"},
		{"string of another type", func(e trace.Event) (any, error) { return helpers.GetTraceeStringArgumentByName(e, "arg") }, 1, nil},
		{"absent value", func(e trace.Event) (any, error) { return helpers.GetTraceeStringArgumentByName(e, "arg") }, nil, nil},
		{"list", func(e trace.Event) (any, error) { return helpers.GetTraceeSliceStringArgumentByName(e, "arg") }, []string{"x"}, []string{"x"}},
		{"bytes", func(e trace.Event) (any, error) { return helpers.GetTraceeBytesSliceArgumentByName(e, "arg") }, []byte("x"), []byte("x")},
		{"address", func(e trace.Event) (any, error) { return helpers.GetRawAddrArgumentByName(e, "arg") }, map[string]string{"sa_family": "AF_INET"}, map[string]string{"sa_family": "AF_INET"}},
		{"int32", intArg, int32(-1), -1},
		{"uint32", intArg, uint32(7), 7},
		{"int64", intArg, int64(-7), -7},
		{"uint64", intArg, uint64(7), 7},
		{"uint16", intArg, uint16(7), 7},
		{"int of a string", intArg, "7", nil},
		{"no such argument", func(e trace.Event) (any, error) { return helpers.GetTraceeIntArgumentByName(e, "none") }, 1, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.get(event(c.value))
			if c.want == nil {
				if err == nil {
					t.Errorf("got %v, want an error", got)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %v, %v; want %v", got, err, c.want)
			}
		})
	}
}

func intArg(e trace.Event) (any, error) { return helpers.GetTraceeIntArgumentByName(e, "arg") }

func TestPredicates(t *testing.T) {
	for _, c := range []struct {
		flags       string
		read, write bool
	}{
		{"O_RDONLY|O_CLOEXEC", true, false}, {"o_wronly", false, true}, {"O_RDWR", true, true}, {"O_CREAT", false, false}, {"", false, false},
	} {
		if r, w := helpers.IsFileRead(c.flags), helpers.IsFileWrite(c.flags); r != c.read || w != c.write {
			t.Errorf("%q: read %v, write %v", c.flags, r, w)
		}
	}
	for text, want := range map[string]bool{"\x7fELF\x02": true, "\x7fELF": true, "\x7fEL": false, "#!/bin/sh": false, "": false} {
		if helpers.IsElf([]byte(text)) != want {
			t.Errorf("IsElf(%q) = %v", text, !want)
		}
	}
	for path, want := range map[string]bool{"memfd:x": true, "/dev/shm/x": true, "/run/shm/x": true, "/dev/shmx": false, "/tmp/memfd:": false} {
		if helpers.IsMemoryPath(path) != want {
			t.Errorf("IsMemoryPath(%q) = %v", path, !want)
		}
	}
}
