package matcher

import (
	"encoding/json"
	"strings"

	"github.com/tripline/tripline/pkg/msg"
)

// maxAmended bounds the containers of which an evaluator remembers what the
// enricher told after their events.
const maxAmended = 1024

// amended is what became known of containers late, by host and id: events that
// a rule keeps are completed from it when it reports them.
type amended map[string]*msg.ContainerJSON

func amendKey(host, id string) string { return host + "/" + id }

// learn takes what a batch brings.
func (a amended) learn(b *msg.Batch) {
	for _, x := range b.Amendments {
		if x.Container == nil || x.Container.Id == "" {
			continue
		}
		// A copy, for the batch's memory is not ours.
		text, err := json.Marshal(x.Container.JSON())
		c := &msg.ContainerJSON{}
		if err != nil || json.Unmarshal(text, c) != nil {
			continue
		}
		if len(a) >= maxAmended {
			for k := range a { // any: the order of a map is random enough
				delete(a, k)
				break
			}
		}
		a[amendKey(strings.Clone(b.Host), c.ID)] = c
	}
}

// complete gives an event that was kept the container as it is known now.
func (a amended) complete(e *msg.EventJSON) {
	if e == nil || e.Container == nil || e.Container.Completeness == msg.Completeness_COMPLETENESS_COMPLETE.Text() {
		return
	}
	if c := a[amendKey(e.Host, e.Container.ID)]; c != nil {
		e.Container = c
	}
}
