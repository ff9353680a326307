package loader

import "strings"

// overrides says for each key of an element how it changes what is there.
type overrides map[string]string

func (o overrides) empty() bool              { return len(o) == 0 }
func (o overrides) appends(key string) bool  { return o[key] == "append" }
func (o overrides) replaces(key string) bool { return o[key] == "replace" }

// overrides reads the key override, given which keys can be appended to and
// which replaced.
func (it *item) overrides(appendable, replaceable []string) (overrides, error) {
	if !it.has("override") {
		return nil, nil
	}
	v, _ := it.get("override")
	if isNull(v) {
		return nil, nil
	}
	m, err := it.mapping(v, "override")
	if err != nil {
		return nil, err
	}
	out := overrides{}
	for i := 0; i+1 < len(m.node.Content); i += 2 {
		k, op := resolve(m.node.Content[i]), resolve(m.node.Content[i+1])
		switch op.Value {
		case "append":
			if !contains(appendable, k.Value) {
				if contains(replaceable, k.Value) {
					return nil, it.fault(k, "'%s' cannot be appended to, only replaced", k.Value)
				}
				return nil, it.fault(k, "'%s' cannot be appended to; expected one of %s", k.Value, strings.Join(appendable, ", "))
			}
		case "replace":
			if !contains(replaceable, k.Value) {
				return nil, it.fault(k, "'%s' cannot be replaced; expected one of %s", k.Value, strings.Join(replaceable, ", "))
			}
		default:
			return nil, it.fault(op, "the override of '%s' is append or replace, not '%s'", k.Value, op.Value)
		}
		if !it.has(k.Value) {
			return nil, it.fault(k, "'override' says to %s '%s' and the element has no such key", op.Value, k.Value)
		}
		out[k.Value] = op.Value
	}
	if out.empty() {
		return nil, nil
	}
	return out, nil
}

// unlisted refuses a key of a rule that its override does not list.
func (it *item) unlisted(o overrides) error {
	for _, key := range replaceable() {
		if v, at := it.get(key); v != nil && o[key] == "" {
			return it.fault(at, "the key '%s' is not listed under 'override'", key)
		}
	}
	return nil
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
