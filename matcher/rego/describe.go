package rego

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tripline/tripline/pkg/msg"
)

// The property keys that mean something to Tripline, in any case.
const (
	severityKey = "severity"
	mitreKey    = "mitre att&ck"
	// environmentKey lists the environment variables that the rule looks at.
	environmentKey = "environment"
)

// describe fills in the rule's description from a metadata document whose keys
// are lower case. Its error tells of a severity that is none.
func describe(s *signature, doc map[string]any) error {
	text := func(k string) string {
		switch v := doc[k].(type) {
		case nil:
			return ""
		case string:
			return v
		default:
			return fmt.Sprint(v)
		}
	}
	s.rule.Info = msg.RuleInfo{
		ID: text("id"), Name: text("name"), Language: "rego", Version: text("version"), Description: text("description"),
		Tags: stringsOf(doc["tags"]),
	}
	props, _ := doc["properties"].(map[string]any)
	s.rule.Info.Properties = props
	s.rule.Priority = msg.PriorityOfSeverity(0)
	folded := fold(props)
	if v, ok := folded[mitreKey]; ok {
		s.rule.Info.MITRE = fmt.Sprint(v)
	}
	if v, ok := folded[environmentKey]; ok {
		if s.rule.Environment = stringsOf(v); s.rule.Environment == nil {
			return fmt.Errorf("environment is %v, expected a list of names of variables", v)
		}
	}
	v, ok := folded[severityKey]
	if !ok {
		return nil
	}
	p, err := priorityOf(v)
	if err != nil {
		return err
	}
	s.rule.Priority = p
	return nil
}

// priorityOf reads a severity as people write it: Tracee's number, its name
// for it, or the name of a priority.
func priorityOf(v any) (msg.Priority, error) {
	switch x := v.(type) {
	case int64:
		return msg.PriorityOfSeverity(int(max(-1, min(x, 5)))), nil
	case int:
		return msg.PriorityOfSeverity(x), nil
	case float64:
		return msg.PriorityOfSeverity(int(max(-1, min(x, 5)))), nil
	case string:
		if n, err := strconv.Atoi(x); err == nil {
			return msg.PriorityOfSeverity(n), nil
		}
		switch strings.ToLower(x) {
		case "low":
			return msg.PriorityOfSeverity(1), nil
		case "medium":
			return msg.PriorityOfSeverity(2), nil
		case "high":
			return msg.PriorityOfSeverity(3), nil
		}
		if p, err := msg.ParsePriority(x); err == nil {
			return p, nil
		}
	}
	return 0, fmt.Errorf("severity is %v, expected 0 to 4, low, medium, high or the name of a priority", v)
}

// stringsOf returns the strings of a list and leaves out what is none.
func stringsOf(v any) []string {
	list, _ := v.([]any)
	var out []string
	for _, x := range list {
		if s, ok := x.(string); ok {
			out = append(out, s)
		}
	}
	return out
}
