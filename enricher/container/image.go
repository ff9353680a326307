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

// CompleteImage adds what the image itself says, its tags and digests as
// repository:tag and repository@digest, to what a container says of it. A name
// that is an id, or part of one, gives way to the image's own name.
func CompleteImage(to *msg.Image, tags, digests []string) {
	name := to.Name
	hexa := strings.TrimPrefix(to.Id, "sha256:")
	if bare := strings.TrimPrefix(name, "sha256:"); bare == "" || len(bare) >= 6 && strings.HasPrefix(hexa, bare) {
		to.Name, to.Repository, to.Tag, to.Digest = name, "", "", ""
		if len(tags) > 0 && tags[0] != "<none>:<none>" {
			named := ParseImage(tags[0])
			to.Name, to.Repository, to.Tag = named.Name, named.Repository, named.Tag
		}
	}
	if to.Tag == "" && to.Digest == "" && to.Repository != "" {
		to.Tag = "latest" // what a name without one stands for
	}
	if to.Digest == "" {
		to.Digest = imageDigest(digests, to.Repository)
	}
}

// imageDigest returns the image's digest in a repository, or in any.
func imageDigest(digests []string, repository string) string {
	first := ""
	for _, d := range digests {
		repo, digest, ok := strings.Cut(d, "@")
		if !ok {
			continue
		}
		if repo == repository {
			return digest
		}
		if first == "" {
			first = digest
		}
	}
	return first
}
