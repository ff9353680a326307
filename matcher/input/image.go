package input

import (
	"strings"

	"github.com/tripline/tripline/pkg/msg"
)

// image takes the name of an image apart: repository:tag@digest.
func image(name string) *msg.Image {
	out := &msg.Image{Name: name}
	rest, digest, _ := strings.Cut(name, "@")
	out.Repository, out.Digest = rest, digest
	// A colon before the last slash belongs to a registry's port.
	if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, '/') {
		out.Repository, out.Tag = rest[:i], rest[i+1:]
	}
	return out
}
