package container

import (
	"strings"

	"github.com/tripline/tripline/pkg/msg"
)

// ParseImage takes an image reference apart: [registry[:port]/]path[:tag][@digest].
func ParseImage(name string) *msg.Image {
	im := &msg.Image{Name: name}
	rest := name
	if i := strings.IndexByte(rest, '@'); i >= 0 {
		rest, im.Digest = rest[:i], rest[i+1:]
	}
	// A colon after the last slash begins the tag; one before it, the port.
	if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, '/') {
		rest, im.Tag = rest[:i], rest[i+1:]
	}
	im.Repository = rest
	return im
}
