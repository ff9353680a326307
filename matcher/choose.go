package matcher

import (
	"fmt"
	"runtime/debug"
	"time"
)

// chooser is a language's [Chooser], with where its rules are in
// [Ruleset.Rules]; the zero chooser leaves every rule to be asked.
type chooser struct {
	Chooser
	at []int
}

// follow holds the current event against rules.
func (e *Evaluator) follow(plan []stretch) {
	for i := range plan {
		refs := plan[i].rules
		if len(refs) > 1 && e.choosers[plan[i].language].Chooser != nil {
			refs = e.choose(&plan[i])
		}
		for len(refs) > 0 {
			refs = refs[e.run(refs):]
		}
	}
}

// choose leaves out the rules that the current event has nothing to do with. A
// failure is some rule's, which shows when all are run: so they are, and for
// good after a panic.
func (e *Evaluator) choose(s *stretch) (refs []int32) {
	c := &e.choosers[s.language]
	defer func() {
		if p := recover(); p != nil {
			e.log.Warn("rules cannot be chosen by event; each is held against every event", "language", e.rs.languages[s.language].lang.Name(),
				"detail", fmt.Sprint(p), "stack", string(debug.Stack()))
			c.Chooser = nil
			refs = s.rules
		}
	}()
	before := e.clock.ns.Load()
	e.chosen = e.chosen[:0]
	for _, i := range c.Choose(&e.ev) {
		if s.wants(i) {
			e.chosen = append(e.chosen, int32(c.at[i]))
		}
	}
	if spent := time.Duration(e.clock.ns.Load() - before); spent > e.slots[s.rules[0]].guard.cfg.Overrun {
		return s.rules
	}
	return e.chosen
}
