package loader

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tripline/tripline/matcher/expr/falco/ast"
	"github.com/tripline/tripline/pkg/msg"
)

// rule applies a rule element: a definition, an append, an override, or the
// old way to turn a rule on and off.
func (l *Loader) rule(it *item) error {
	name, err := it.text("rule")
	if err != nil {
		return err
	}
	l.knownKeys(it, "rule", "condition", "expr", "output", "desc", "priority", "source", "enabled", "tags", "exceptions",
		"warn_evttypes", "skip-if-unknown-filter", "capture", "capture_duration", "threshold", "sequence", "suppress", "append", "override")
	add, err := l.deprecatedAppend(it, "condition")
	if err != nil {
		return err
	}
	over, err := it.overrides(
		[]string{"condition", "output", "desc", "tags", "exceptions", "suppress"},
		replaceable())
	if err != nil {
		return err
	}
	have := l.findRule(name.Value)
	switch {
	case add && !over.empty():
		return it.fault(it.node, "'append' and 'override' exclude each other: write condition: append under 'override'")
	case add:
		return l.appendRule(it, name, have)
	case !over.empty():
		return l.overrideRule(it, name, have, over)
	case !it.has("condition") && !it.has("expr") && !it.has("sequence") && !it.has("output") && !it.has("desc") && !it.has("priority"):
		return l.toggleRule(it, name, have)
	}
	return l.defineRule(it, name, have)
}

// replaceable lists the keys of a rule that an override can replace.
func replaceable() []string {
	return []string{
		"condition", "expr", "output", "desc", "priority", "tags", "exceptions", "enabled",
		"warn_evttypes", "skip-if-unknown-filter", "capture", "capture_duration", "threshold", "sequence", "suppress",
	}
}

// toggleRule is an element of nothing but a name and enabled.
func (l *Loader) toggleRule(it *item, name *yaml.Node, have *rule) error {
	if _, err := it.need("enabled"); err != nil {
		return err
	}
	on, err := it.boolean("enabled", true)
	if err != nil {
		return err
	}
	_, at := it.get("enabled")
	l.warn(it, at, WarnDeprecated, "'enabled' alone is deprecated: write enabled: replace under 'override'")
	if have == nil {
		return it.invalid(name, "there is no rule '%s' yet to turn on or off", name.Value)
	}
	have.enabled = on
	return nil
}

// sameSource checks the source of an element against the rule's.
func (it *item) sameSource(have *rule) error {
	v, _ := it.get("source")
	if v == nil || isNull(v) || v.Value == "" || v.Value == have.source {
		return nil
	}
	return it.invalid(v, "the rule '%s' is of the source %s and cannot become one of %s", have.name, have.source, v.Value)
}

func (l *Loader) defineRule(it *item, name *yaml.Node, have *rule) error {
	r := &rule{name: name.Value, source: SourceSyscall, at: it.doc.at(name)}
	if err := l.condition(it, r); err != nil {
		return err
	}
	out, err := it.text("output")
	if err != nil {
		return err
	}
	r.output = it.trimmed(out)
	if r.output.Text == "" {
		return it.fault(out, "the value of 'output' must not be empty")
	}
	desc, err := it.text("desc")
	if err != nil {
		return err
	}
	r.desc = desc.Value
	if r.priority, err = it.priority(); err != nil {
		return err
	}
	if it.has("source") {
		v, err := it.text("source")
		if err != nil {
			return err
		}
		r.source = v.Value
	}
	if r.tags, err = it.tags(); err != nil {
		return err
	}
	if err := it.flags(r); err != nil {
		return err
	}
	if r.exceptions, err = l.exceptions(it, false); err != nil {
		return err
	}
	if r.threshold, err = l.threshold(it); err != nil {
		return err
	}
	if r.suppress, err = it.suppressions(); err != nil {
		return err
	}
	if have != nil && have.source != r.source {
		return it.invalid(name, "the rule '%s' is of the source %s and cannot become one of %s", have.name, have.source, r.source)
	}
	if r.source != SourceSyscall {
		r.unknownSource = true
		l.warn(it, name, WarnUnknownSource, "there are no events of the source "+r.source+": the rule is left out")
	}
	if err := l.validExceptions(r.exceptions, !r.unknownSource); err != nil {
		return err
	}
	if have != nil {
		*have = *r
		return nil
	}
	l.rules = append(l.rules, r)
	return nil
}

// condition reads the condition, in whichever language, or the sequence.
func (l *Loader) condition(it *item, r *rule) (err error) {
	if r.sequence, err = l.sequence(it); err != nil {
		return err
	}
	if r.sequence != nil {
		r.cond, r.foreign = r.sequence.last().cond, r.sequence.last().foreign
		return nil
	}
	key := "condition"
	if l.opt.Foreign != nil && it.has("expr") {
		if it.has("condition") {
			_, at := it.get("expr")
			return it.fault(at, "a rule has 'condition' or 'expr', not both")
		}
		key, r.foreign = "expr", true
	}
	v, err := it.text(key)
	if err != nil {
		return err
	}
	r.cond = it.source(v)
	return nil
}

// trimmed is a source without the blanks around it.
func (it *item) trimmed(n *yaml.Node) *ast.Source {
	const blanks = " \t\n\r\v\f"
	left := strings.TrimLeft(n.Value, blanks)
	return ast.NewSource(strings.TrimRight(left, blanks), scalar{doc: it.doc, node: n, trim: len(n.Value) - len(left)})
}

func (it *item) priority() (msg.Priority, error) {
	v, err := it.text("priority")
	if err != nil {
		return 0, err
	}
	p, err := msg.ParsePriority(v.Value)
	if err != nil {
		return 0, it.fault(v, "%v", err)
	}
	return p, nil
}

func (it *item) tags() ([]string, error) {
	nodes, err := it.texts("tags")
	if err != nil {
		return nil, err
	}
	return union(nil, nodes), nil
}

// union adds texts to a set, keeping its order.
func union(tags []string, nodes []*yaml.Node) []string {
	for _, n := range nodes {
		if !contains(tags, n.Value) {
			tags = append(tags, n.Value)
		}
	}
	return tags
}

// flags reads the truth values of a definition.
func (it *item) flags(r *rule) (err error) {
	if r.enabled, err = it.boolean("enabled", true); err != nil {
		return err
	}
	if r.warnTypes, err = it.boolean("warn_evttypes", true); err != nil {
		return err
	}
	if r.skipUnknown, err = it.boolean("skip-if-unknown-filter", false); err != nil {
		return err
	}
	if r.capture, err = it.boolean("capture", false); err != nil {
		return err
	}
	r.captureDuration, err = it.duration()
	return err
}

// duration reads capture_duration, in milliseconds.
func (it *item) duration() (uint64, error) {
	if !it.has("capture_duration") {
		return 0, nil
	}
	v, err := it.need("capture_duration")
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(v.Value, 10, 32)
	if err != nil || v.Kind != yaml.ScalarNode {
		return 0, it.fault(v, "the value of 'capture_duration' must be a number of milliseconds")
	}
	return n, nil
}

// appendRule is the old way to add to the condition and the exceptions; all
// other keys are ignored.
func (l *Loader) appendRule(it *item, name *yaml.Node, have *rule) error {
	if !it.has("condition") && !it.has("exceptions") {
		return it.invalid(name, "an append to a rule has a condition or exceptions")
	}
	var cond *yaml.Node
	if it.has("condition") {
		var err error
		if cond, err = it.text("condition"); err != nil {
			return err
		}
	}
	ex, err := l.exceptions(it, true)
	if err != nil {
		return err
	}
	if have == nil {
		return it.invalid(name, "there is no rule '%s' yet for an append or override to add a condition to", name.Value)
	}
	if err := it.sameSource(have); err != nil {
		return err
	}
	if err := l.appendExceptions(it, have, ex); err != nil {
		return err
	}
	if cond != nil {
		if err := it.appendable(have, cond); err != nil {
			return err
		}
		have.cond = have.cond.Clone()
		have.cond.Join(" ", it.source(cond))
	}
	return nil
}

// overrideRule changes the keys that are listed: first it appends, then it
// replaces.
func (l *Loader) overrideRule(it *item, name *yaml.Node, have *rule, over overrides) error {
	exceptions, err := l.exceptions(it, over.appends("exceptions"))
	if err != nil {
		return err
	}
	if have == nil {
		return it.invalid(name, "there is no rule '%s' yet for an override to append to or replace", name.Value)
	}
	if over["condition"] != "" || over["expr"] != "" {
		if err := it.sameSource(have); err != nil {
			return err
		}
	}
	r := *have
	r.exceptions = cloneExceptions(have.exceptions)
	for _, key := range []string{"condition", "output", "desc", "tags", "suppress"} {
		if over.appends(key) {
			if err := it.appendKey(&r, key); err != nil {
				return err
			}
		}
	}
	if over.appends("exceptions") {
		if err := l.appendExceptions(it, &r, exceptions); err != nil {
			return err
		}
	}
	for key, op := range over {
		if op == "replace" && key != "exceptions" {
			if err := l.replaceKey(it, &r, key); err != nil {
				return err
			}
		}
	}
	if over.replaces("exceptions") {
		if err := l.validExceptions(exceptions, !r.unknownSource); err != nil {
			return err
		}
		r.exceptions = exceptions
	}
	if err := it.unlisted(over); err != nil {
		return err
	}
	*have = r
	return nil
}

func (it *item) appendKey(r *rule, key string) error {
	if key == "tags" {
		nodes, err := it.texts("tags")
		r.tags = union(append([]string(nil), r.tags...), nodes)
		return err
	}
	if key == "suppress" {
		more, err := it.suppressions()
		r.suppress = append(append([]*suppression(nil), r.suppress...), more...)
		return err
	}
	v, err := it.text(key)
	if err != nil {
		return err
	}
	switch key {
	case "condition":
		if err := it.appendable(r, v); err != nil {
			return err
		}
		r.cond = r.cond.Clone()
		r.cond.Join(" ", it.source(v))
	case "output":
		r.output = r.output.Clone()
		r.output.Join(" ", it.trimmed(v))
	case "desc":
		r.desc += " " + v.Value
	}
	return nil
}

// appendable refuses to append to what is no text in Falco's language.
func (it *item) appendable(r *rule, cond *yaml.Node) error {
	switch {
	case r.sequence != nil:
		return it.fault(cond, "the rule has 'sequence', which cannot be appended to, only replaced")
	case r.foreign:
		return it.fault(cond, "the rule has 'expr', which cannot be appended to, only replaced")
	}
	return nil
}

func (l *Loader) replaceKey(it *item, r *rule, key string) (err error) {
	switch key {
	case "condition", "expr":
		v, err := it.text(key)
		if err != nil {
			return err
		}
		r.cond, r.foreign, r.sequence = it.source(v), key == "expr", nil
	case "sequence":
		r.foreign, r.threshold = false, nil
		err = l.condition(it, r)
	case "output":
		v, err := it.text(key)
		if err != nil {
			return err
		}
		r.output = it.trimmed(v)
	case "desc":
		v, err := it.text(key)
		if err != nil {
			return err
		}
		r.desc = v.Value
	case "priority":
		r.priority, err = it.priority()
	case "tags":
		r.tags, err = it.tags()
	case "enabled":
		r.enabled, err = it.boolean(key, true)
	case "warn_evttypes":
		r.warnTypes, err = it.boolean(key, true)
	case "skip-if-unknown-filter":
		r.skipUnknown, err = it.boolean(key, false)
	case "capture":
		r.capture, err = it.boolean(key, false)
	case "capture_duration":
		r.captureDuration, err = it.duration()
	case "threshold":
		if r.sequence != nil {
			_, at := it.get(key)
			return it.fault(at, "the rule has 'sequence', beside which there is no 'threshold'")
		}
		r.threshold, err = l.threshold(it)
	case "suppress":
		r.suppress, err = it.suppressions()
	}
	return err
}
