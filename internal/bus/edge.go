package bus

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// HubDomain is the JetStream domain of the servers that edges forward to.
const HubDomain = "hub"

// ValidDomain says whether an edge may be called so: its name is a JetStream
// domain, which is one token of a subject.
func ValidDomain(name string) bool {
	return name != HubDomain && regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`).MatchString(name)
}

// fromEdges are the streams of the same name at the edges, of which this one
// holds a copy in order.
func fromEdges(stream string, edges []string) (out []*jetstream.StreamSource) {
	for _, e := range edges {
		out = append(out, &jetstream.StreamSource{Name: stream, Domain: e})
	}
	return out
}

// domains lists where the sources of a stream are, sorted. The server keeps a
// domain as the prefix of its API.
func domains(sources []*jetstream.StreamSource) (out []string) {
	for _, s := range sources {
		domain := s.Domain
		if s.External != nil {
			domain = cmp.Or(domain, strings.TrimSuffix(strings.TrimPrefix(s.External.APIPrefix, "$JS."), ".API"))
		}
		out = append(out, domain)
	}
	slices.Sort(out)
	return out
}
