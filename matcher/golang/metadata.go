package golang

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/pkg/detect"
	"github.com/tripline/tripline/pkg/detect/trace"
	"github.com/tripline/tripline/pkg/msg"
)

// Properties with a meaning, compared without regard to case.
const (
	propertySeverity = "severity"
	propertyMITRE    = "mitre att&ck"
	// propertyEnvironment is a list of names of environment variables.
	propertyEnvironment = "environment"
)

func ruleOf(meta detect.SignatureMetadata) matcher.Rule {
	return matcher.Rule{
		Info: msg.RuleInfo{
			ID: meta.ID, Name: meta.Name, Language: "golang", Version: meta.Version, Description: meta.Description,
			Tags: meta.Tags, Properties: meta.Properties, MITRE: mitre(meta.Properties),
		},
		Priority:    priority(meta.Properties),
		Environment: environment(meta.Properties),
	}
}

// environment is the property Environment, a list of names; nothing else is
// known of what a signature looks at.
func environment(properties map[string]any) (names []string) {
	for name, value := range properties {
		if !strings.EqualFold(name, propertyEnvironment) {
			continue
		}
		switch v := value.(type) {
		case string:
			names = append(names, v)
		case []string:
			names = append(names, v...)
		case []any:
			for _, x := range v {
				if s, ok := x.(string); ok {
					names = append(names, s)
				}
			}
		}
	}
	return names
}

// priority maps the property Severity, a number from 0 to 4 or the name of a
// priority; without it a rule has severity 0, as in Tracee.
func priority(properties map[string]any) msg.Priority {
	for name, value := range properties {
		if !strings.EqualFold(name, propertySeverity) {
			continue
		}
		switch v := reflect.ValueOf(value); {
		case v.CanInt():
			return msg.PriorityOfSeverity(int(v.Int()))
		case v.CanUint():
			return msg.PriorityOfSeverity(int(min(v.Uint(), 4)))
		case v.CanFloat():
			return msg.PriorityOfSeverity(int(v.Float()))
		case v.Kind() == reflect.String:
			if p, err := msg.ParsePriority(v.String()); err == nil {
				return p
			}
		}
	}
	return msg.PriorityOfSeverity(0)
}

func mitre(properties map[string]any) string {
	for name, value := range properties {
		if text, ok := value.(string); ok && strings.EqualFold(name, propertyMITRE) {
			return text
		}
	}
	return ""
}

// selectorOf normalises a selector; ok is false for one that chooses nothing.
func selectorOf(s detect.SignatureEventSelector) (sel matcher.Selector, ok bool, err error) {
	if s.Source != trace.EventSource {
		return sel, false, nil
	}
	if s.Name != "*" {
		sel.Event = s.Name
	}
	switch s.Origin {
	case "", "*":
		sel.Origin = matcher.AnyOrigin
	case string(trace.HostOrigin):
		sel.Origin = matcher.HostOrigin
	case string(trace.ContainerOrigin):
		sel.Origin = matcher.ContainerOrigin
	default:
		return sel, false, fmt.Errorf("GetSelectedEvents: origin %q of event %q, expected host, container, * or nothing", s.Origin, s.Name)
	}
	return sel, true, nil
}
