package trace

import "encoding/gob"

// The names under which Tracee 0.7's streams carry their types.
const traceeTypes = "github.com/aquasecurity/tracee/types/trace."

// RegisterGob makes package encoding/gob read and write events as Tracee 0.7
// does: a bare stream of Event values whose arguments hold, besides Go's own
// types, those of this package under Tracee's names. It may be called again.
func RegisterGob() {
	gob.RegisterName(traceeTypes+"Event", Event{})
	gob.RegisterName(traceeTypes+"SlimCred", SlimCred{})
	gob.RegisterName(traceeTypes+"PktMeta", PktMeta{})
	gob.Register(map[string]string(nil))
	gob.Register([2]int32{})
}
